//! Relay 转办: what this node does not hold finely enough is answered by the nodes that own it,
//! through the open links.
//!
//! A question about another unit goes down the path to it (`pass`). One about this node's
//! own scope is put to each child, and the rows are added up (`gather`) or strung together
//! (`string`); what this node wrote itself it counts from its own records. Each node
//! handles its part in the same way, so a question finds the owners of the finest detail.
//!
//! * `split`: who is asked what.
//! * `expect`: what a child's rows must look like. `label`: what rows are called, and who has reported.
//! * `table`: rows of many children, added up, ordered and cut off.
//! * `unreached`: who could not be asked, and what that leaves out.
//! * `list`: records of another unit, within the fields' ceilings.
//! * `here`: what this node can say by itself. `answer`: the parent's questions.
//!
//! Data is given for the higher of two tiers: the one that the question says it is for, and
//! that of the parent that brings it. So nobody on the way can claim to be lower than it is.

mod answer;
mod error;
mod expect;
mod gather;
mod here;
mod label;
mod list;
mod pass;
mod split;
mod string;
mod table;
mod unreached;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::v1::query_reply;
use wuji_proto::{Tier, v1};

use crate::env::Env;
use crate::pull::{Below, Gone, PartSender, WITHIN_MAX};
use crate::statistics::answer::{Answer, QueryError};
use crate::statistics::directory::Directory;
use crate::statistics::plan::PlanError;
use crate::statistics::records::Of;
pub use answer::ParentAnswers;
pub use error::RelayError;
pub use here::Here;

/// Children that are asked at once for one question.
pub const CHILDREN_AT_ONCE_MAX: usize = 64;

/// Figures of children that are kept to be added up, for one question.
pub const FIGURES_KEPT_MAX: usize = 1_000_000;

/// The time for an answer where the question does not say: 10 s.
const WITHIN_DEFAULT: Duration = Duration::from_secs(10);

/// How long a question may take: what it says, or 10 s.
pub fn within(within_ms: u32) -> Duration {
    if within_ms == 0 { WITHIN_DEFAULT } else { Duration::from_millis(within_ms.into()).min(WITHIN_MAX) }
}

/// The tier that data is given for: the higher of the one that is told (empty: none) and
/// that of the node or parent that asks.
pub fn asker(told: &str, asking: Tier) -> Result<Tier, RelayError> {
    if told.is_empty() {
        return Ok(asking);
    }
    told.parse::<Tier>().map(|told| told.min(asking)).map_err(RelayError::Asker)
}

/// Where the parts of an answer go.
#[tonic::async_trait]
pub trait Out: Send + Sync {
    /// Waits until there is room.
    async fn put(&self, part: query_reply::Part) -> Result<(), Gone>;
}

#[tonic::async_trait]
impl Out for PartSender {
    async fn put(&self, part: query_reply::Part) -> Result<(), Gone> {
        self.send(Part::Query(v1::QueryReply { part: Some(part) })).await
    }
}

#[tonic::async_trait]
impl Out for mpsc::Sender<Result<v1::QueryReply, Status>> {
    async fn put(&self, part: query_reply::Part) -> Result<(), Gone> {
        self.send(Ok(v1::QueryReply { part: Some(part) })).await.map_err(|_| Gone)
    }
}

/// Asks the nodes below for what is not held here. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    here: Arc<dyn Here>,
    below: Arc<dyn Below>,
    env: Env,
}

/// A question on its way.
struct Asked<'q> {
    question: &'q v1::QueryRequest,
    asker: Tier,
    /// When the answer must be complete.
    until: Instant,
    directory: Arc<Directory>,
}

impl Asked<'_> {
    /// The time that children are given: a tenth of what is left is kept back, to answer with
    /// what is there.
    fn time_below(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        left.saturating_sub(left / 10)
    }
}

impl Relay {
    /// Over what a node knows itself and the lines to its children.
    pub fn new(here: Arc<dyn Here>, below: Arc<dyn Below>, env: Env) -> Self {
        Self { here, below, env }
    }

    /// Answers from what is held here, or else by [`relay`](Self::relay), for the parent of the
    /// tier `asking`. What was acknowledged before is in it.
    pub async fn answer(
        &self,
        question: v1::QueryRequest,
        asking: Tier,
        within: Duration,
        out: &dyn Out,
    ) -> Result<(), RelayError> {
        let until = Instant::now() + within;
        self.here.settled().await;
        let held = question.clone();
        match self.blocking(move |here| here.answer(&held)).await? {
            Ok(answer) => send(answer, out).await,
            Err(QueryError::Plan(PlanError::NotHeld(_))) if !question.local_only => {
                self.relay(question, asking, until.saturating_duration_since(Instant::now()), out).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Answers a question by asking the nodes below, and counting what this node wrote itself.
    /// `asking` is the tier of the node or parent that asks. Dropping the future cancels what
    /// was asked below.
    pub async fn relay(
        &self,
        question: v1::QueryRequest,
        asking: Tier,
        within: Duration,
        out: &dyn Out,
    ) -> Result<(), RelayError> {
        let until = Instant::now() + within;
        let own = self.here.own();
        let tier = asker(&question.asker, asking)?;
        let scope = match question.scope.as_str() {
            "" => own,
            text => text.parse().map_err(|error: wuji_proto::ParseError| PlanError::Question(error.to_string()))?,
        };
        let directory = self.units_below().await?;
        let asked = Asked { question: &question, asker: tier, until, directory };
        if scope == own { self.own_scope(&asked, out).await } else { self.pass(&asked, scope, out).await }
    }

    /// Whose records are its own, and when.
    fn of(&self) -> Of {
        Of { unit: self.here.own(), today: self.here.today() }
    }

    async fn units_below(&self) -> Result<Arc<Directory>, RelayError> {
        let here = Arc::clone(&self.here);
        let read = self.env.blocking(move || here.directory()).await;
        Ok(read.ok_or(RelayError::Interrupted)??)
    }

    /// Work on this node's own state, off the async workers.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&(dyn Here + 'static)) -> T + Send + 'static,
    ) -> Result<T, RelayError> {
        let here = Arc::clone(&self.here);
        self.env.blocking(move || work(here.as_ref())).await.ok_or(RelayError::Interrupted)
    }
}

/// Sends an answer that is complete.
async fn send(answer: Answer, out: &dyn Out) -> Result<(), RelayError> {
    for part in answer.into_parts() {
        out.put(part).await?;
    }
    Ok(())
}
