//! The barrier: every unit of a scope shows its newest figures before an answer is given.
//!
//! It goes down the tree and comes back with the figures. A node that is asked waits until
//! its index holds what was acknowledged, asks its own children, and only then looks where
//! its feed ends: the end has then been reached by all that was there when it was asked. It
//! answers when its parent has applied the feed up to there. Nothing is locked meanwhile and
//! nothing waits for it: entries and feeds go on as ever.
//!
//! Who is not connected is absent at once. Each hop keeps back a tenth of the time that is
//! left to it, so that it can always answer with what it has.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::{DivisionCode, Watermark, v1};

use super::tally::{Reason, Tally};
use super::{Ask, Below, Local, WITHIN_MAX};
use crate::feed::child::Child;
use crate::feed::exchange::FeedSource;
use crate::index::IndexError;
use crate::index::draft::Draft;
use crate::link::PushStatus;
use crate::statistics::directory::Directory;

/// The time for a barrier, where none is asked for.
pub const WITHIN_DEFAULT: Duration = Duration::from_secs(10);

/// A node keeps back this part of its time: the children have the rest.
const KEPT_BACK: u32 = 10;

/// A node answers its parent this part of its time before that is over, or the answer would
/// come when nobody waits for it any more.
const ANSWERED_BEFORE: u32 = 20;

/// What a barrier needs of its node.
pub struct Barrier {
    /// What was acknowledged, and the own view.
    pub local: Local,
    /// The own feed.
    pub feed: Arc<dyn FeedSource>,
    /// The open lines downward.
    pub below: Arc<dyn Below>,
    /// The line upward; `None` at the province.
    pub parent: Option<Arc<PushStatus>>,
}

impl Barrier {
    /// Asks every unit of `scope` for its newest figures. What was acknowledged before the
    /// call at a unit that is counted as confirmed is in this node's index afterwards.
    ///
    /// Takes at most `within`; [`WITHIN_MAX`] is the most.
    pub async fn confirm(&self, scope: DivisionCode, within: Duration) -> v1::Confirmation {
        let began = Instant::now();
        let tally = match self.gather(scope, within.min(WITHIN_MAX)).await {
            Ok(tally) => tally,
            Err(status) => Tally::of_none(scope, status.message()),
        };
        tally.confirmation(began.elapsed())
    }

    /// What the parent is answered.
    pub async fn answer(&self, request: &v1::BarrierRequest, within: Duration) -> Result<v1::BarrierReply, Status> {
        let began = Instant::now();
        let own = self.local.store.own;
        let scope = if request.scope.is_empty() {
            own
        } else {
            request.scope.parse().map_err(|error| Status::invalid_argument(format!("scope: {error}")))?
        };
        let tally = self.gather(scope, within).await?;
        let deadline = began + less(within, ANSWERED_BEFORE);
        Ok(match self.flushed(deadline).await? {
            Ok(head) => {
                let units = Some(tally.confirmation(began.elapsed()));
                v1::BarrierReply { units, head: Some(head.into()) }
            }
            Err(reason) => {
                // What the parent does not hold, it cannot count on: none of those below either.
                let units = Some(Tally::of_one(own, reason).confirmation(began.elapsed()));
                v1::BarrierReply { units, head: None }
            }
        })
    }

    /// Waits for what was acknowledged here, and for the children.
    async fn gather(&self, scope: DivisionCode, within: Duration) -> Result<Tally, Status> {
        let deadline = Instant::now() + less(within, ANSWERED_BEFORE);
        let directory = self.directory().await?;
        let own = self.local.store.own;
        if scope != own && !directory.lies_under(scope, own) {
            return Err(Status::not_found(format!("{own} has no unit {scope} below it")));
        }
        let concerned: Vec<DivisionCode> = directory
            .children(own)
            .iter()
            .copied()
            .filter(|child| scope == own || directory.lies_under(scope, *child))
            .filter(|child| !directory.has_ended(*child))
            .collect();
        let (settled, answers) = tokio::join!(
            timeout_at(deadline, self.local.ledgers.settled()),
            self.ask_all(&directory, concerned, scope, less(within, KEPT_BACK)),
        );
        // Again, for what came meanwhile.
        let directory = self.directory().await?;
        let mut tally = Tally::default();
        if scope == own {
            let late = || Reason::new("late", "what it has acknowledged is not yet in its figures");
            tally.unit(&directory, own, settled.err().map(|_| late()));
        }
        for (child, answer) in answers {
            match self.judged(child, answer).await? {
                Ok(units) => tally.confirmed_by(&directory, child, scope, &units),
                Err(reason) => tally.lost(&directory, child, scope, &reason),
            }
        }
        Ok(tally)
    }

    /// Asks the children that can be asked, all at once. In the order of codes.
    async fn ask_all(
        &self,
        directory: &Directory,
        children: Vec<DivisionCode>,
        scope: DivisionCode,
        within: Duration,
    ) -> Vec<(DivisionCode, Result<v1::BarrierReply, Reason>)> {
        let open = self.below.open();
        let scope = if scope == self.local.store.own { String::new() } else { scope.to_string() };
        let mut asked = JoinSet::new();
        let mut answers = Vec::new();
        for child in children {
            if open.binary_search(&child).is_err() {
                answers.push((child, Err(self.unasked(directory, child))));
                continue;
            }
            let parts = self.below.ask(child, Ask::Barrier(v1::BarrierRequest { scope: scope.clone() }), within);
            asked.spawn(async move {
                match parts.only().await {
                    Ok(Part::Barrier(reply)) => (child, Ok(reply)),
                    Ok(_) => (child, Err(Reason::new("unknown", "it answered something else than it was asked"))),
                    Err(status) => (child, Err(Reason::of(&status))),
                }
            });
        }
        while let Some(answer) = asked.join_next().await {
            answers.extend(answer.ok());
        }
        answers.sort_unstable_by_key(|(child, _)| *child);
        answers
    }

    fn unasked(&self, directory: &Directory, child: DivisionCode) -> Reason {
        if directory.get(child).is_some_and(|entry| entry.planned) {
            return Reason::new("planned", "it has never connected");
        }
        let away = self.local.standings.absence(child);
        let away = away.map(|away| Reason { since_ms: away.since_ms, ..Reason::new(away.state, &away.reason) });
        away.unwrap_or_else(|| {
            Reason::new(
                "unknown",
                "it is connected and cannot be asked: its program is too old, or it has only now come",
            )
        })
    }

    /// Whether what a child confirms is in this node's index.
    async fn judged(
        &self,
        child: DivisionCode,
        answer: Result<v1::BarrierReply, Reason>,
    ) -> Result<Result<v1::Confirmation, Reason>, Status> {
        let v1::BarrierReply { units, head } = match answer {
            Ok(reply) => reply,
            Err(reason) => return Ok(Err(reason)),
        };
        let units = units.unwrap_or_default();
        let Some(head) = head.map(Watermark::from) else {
            return Ok(Err(Reason::told(child, &units)));
        };
        let store = Arc::clone(&self.local.store);
        let read = self.local.env.blocking(move || Child::read(&Draft::new(store.view().index), child)).await;
        let known = read.ok_or_else(interrupted)?.map_err(|error| failed(&error))?;
        Ok(match known {
            Some(Child { walk: None, low, .. }) if low.at >= head.at => Ok(units),
            Some(Child { walk: Some(_), .. }) => Err(Reason::new("re-syncing", "its figures are being sent anew")),
            _ => Err(Reason::new("late", "its newest figures have not arrived")),
        })
    }

    /// Waits until the parent holds the feed up to where it ends now.
    async fn flushed(&self, deadline: Instant) -> Result<Result<Watermark, Reason>, Status> {
        let Some(parent) = &self.parent else {
            return Err(Status::failed_precondition("this node has no parent that could ask"));
        };
        let mut changes = self.feed.watch();
        loop {
            changes.mark_unchanged();
            let feed = Arc::clone(&self.feed);
            let Some(why) = self.local.env.blocking(move || feed.holding()).await.ok_or_else(interrupted)? else {
                break;
            };
            if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
                return Ok(Err(Reason::new("catching-up", &why)));
            }
        }
        let feed = Arc::clone(&self.feed);
        let head = self.local.env.blocking(move || feed.head()).await.ok_or_else(interrupted)?;
        let mut applied = parent.watch_applied();
        let reached = applied.wait_for(|applied| applied.is_some_and(|applied| applied.at >= head.at));
        Ok(match timeout_at(deadline, reached).await {
            Ok(Ok(_)) => Ok(head),
            Ok(Err(_)) => return Err(interrupted()),
            Err(_) if parent.walks() => Err(Reason::new("re-syncing", "its figures are being sent anew")),
            Err(_) => Err(Reason::new("late", "its newest figures did not arrive in time")),
        })
    }

    async fn directory(&self) -> Result<Arc<Directory>, Status> {
        let store = Arc::clone(&self.local.store);
        let read = self
            .local
            .env
            .blocking(move || {
                let view = store.view();
                let figures = view.figures();
                figures.memory.directory(figures.index)
            })
            .await;
        read.ok_or_else(interrupted)?.map_err(|error| failed(&error))
    }
}

/// A time without one of so many parts of it.
fn less(within: Duration, parts: u32) -> Duration {
    within.saturating_sub(within / parts)
}

fn interrupted() -> Status {
    Status::unavailable("the node was interrupted: ask again")
}

fn failed(error: &IndexError) -> Status {
    tracing::error!(%error, "reading the state failed");
    Status::internal(error.to_string())
}
