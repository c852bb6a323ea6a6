//! The standing audit 常设核对: every stored total is the sum of its parts, every contribution
//! the recount of its records, every digest that of its items, every copy what the child has.
//!
//! * [`recount`]: counts that follow the writer, so that steps over a moving state add up.
//! * [`mod@journal`]: what the index has from the journal alone, against the journal.
//! * [`own`], [`totals`]: what is compared. [`found`]: a difference, located.
//! * [`repair`]: what the writer puts right, from the parts and inside a batch.
//! * [`pass`]: all of it once, in bounded steps. [`worker`]: again and again, in the background.
//! * [`units`], [`copies`]: what is held of a child against what it has, unit by unit.
//! * [`deep`]: the children's own audits. [`listener`], [`board`]: who is told.

pub mod board;
pub mod copies;
pub mod deep;
pub mod found;
pub mod journal;
pub mod listener;
pub mod own;
pub mod pass;
pub mod recount;
pub mod repair;
pub mod totals;
pub mod units;
pub mod worker;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use tonic::Status;
use wuji_proto::DivisionCode;

use crate::catalogue::Catalogue;
use crate::env::Env;
use crate::feed::exchange::{ChildJob, StreamId};
use crate::fold::FoldError;
use crate::index::IndexError;
use crate::journal::{JournalError, JournalReader};
use crate::pull::Below;
use crate::store::Store;
use crate::time::NodeTime;
use crate::writer::Job;
use board::Board;
use listener::Listener;
use pass::{Options, Outcome, Pace, Pass};

/// Audits that are asked for and run at once, beside the one in the background.
const AUDITS_MAX: usize = 2;

/// Between two looks whether the node has caught up.
const BUSY_LOOK: Duration = Duration::from_secs(5);

/// Why an audit ended early.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal could not be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Nobody waits for the answer any more.
    #[error("the audit was cancelled")]
    Gone,
    /// The node is stopping.
    #[error("the node is stopping: ask again")]
    Stopping,
    /// Others run.
    #[error("{AUDITS_MAX} audits run here: wait for one to end")]
    Busy,
}

impl From<AuditError> for Status {
    fn from(error: AuditError) -> Self {
        match &error {
            AuditError::Index(_) | AuditError::Journal(_) | AuditError::Fold(_) => Self::internal(error.to_string()),
            AuditError::Gone => Self::cancelled(error.to_string()),
            AuditError::Stopping => Self::unavailable(error.to_string()),
            AuditError::Busy => Self::resource_exhausted(error.to_string()),
        }
    }
}

/// The children's streams, as an audit needs them.
pub trait Streams: Send + Sync {
    /// Asks on a child's stream for a range of its keys again; false if that stream has ended.
    fn resend(&self, child: DivisionCode, stream: StreamId, from: &[u8], to: Option<&[u8]>) -> bool;
    /// Ends a child's stream, if it has one: it opens another soon.
    fn reopen(&self, child: DivisionCode, reason: &str);
}

/// The lines downward.
pub struct Lines {
    /// Reverse calls.
    pub below: Arc<dyn Below>,
    /// The feeds.
    pub streams: Arc<dyn Streams>,
}

/// What an auditor is made of.
pub struct AuditorParts {
    /// What is audited.
    pub store: Arc<Store>,
    /// What it is folded from.
    pub journal: JournalReader,
    /// What records contribute.
    pub catalogue: Arc<Catalogue>,
    /// How blocking reads run.
    pub env: Env,
    /// The node's time.
    pub time: NodeTime,
    /// To the writer. Weak: an auditor does not keep it alive.
    pub jobs: mpsc::WeakSender<Job>,
    /// To the writer, as the children's links do.
    pub child_jobs: mpsc::WeakSender<ChildJob>,
    /// What is told of it.
    pub board: Arc<Board>,
}

/// Audits a node.
pub struct Auditor {
    store: Arc<Store>,
    journal: JournalReader,
    catalogue: Arc<Catalogue>,
    env: Env,
    time: NodeTime,
    jobs: mpsc::WeakSender<Job>,
    child_jobs: mpsc::WeakSender<ChildJob>,
    board: Arc<Board>,
    running: Semaphore,
    lines: OnceLock<Lines>,
}

impl Auditor {
    /// Of a node whose children are not connected yet.
    pub fn new(parts: AuditorParts) -> Self {
        let AuditorParts { store, journal, catalogue, env, time, jobs, child_jobs, board } = parts;
        let (running, lines) = (Semaphore::new(AUDITS_MAX), OnceLock::new());
        Self { store, journal, catalogue, env, time, jobs, child_jobs, board, running, lines }
    }

    /// The lines downward, once they are there; only the first ones count.
    pub fn connect(&self, lines: Lines) {
        let _ = self.lines.set(lines);
    }

    /// How the audit in the background stands.
    pub fn status(&self) -> wuji_proto::v1::AuditStatus {
        self.board.status()
    }

    /// Audits what this node itself stores.
    pub async fn local(&self, options: Options, listener: &Listener) -> Result<Outcome, AuditError> {
        let mut pass = Pass::begin(self, options, listener).await?;
        pass.journal().await?;
        pass.count().await?;
        if options.repair {
            for child in pass.suspects() {
                copies::mend_suspect(self, &mut pass, child).await?;
            }
        }
        pass.totals().await?;
        pass.repair().await?;
        Ok(pass.outcome)
    }

    /// Runs a step that reads the store.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, AuditError> {
        self.reading(move |store| Ok(work(store)?)).await
    }

    /// Runs a step that reads store and journal.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, AuditError> + Send + 'static,
    ) -> Result<T, AuditError> {
        let store = Arc::clone(&self.store);
        self.env.blocking(move || work(&store)).await.ok_or(AuditError::Stopping)?
    }

    async fn ask_writer(&self, job: Job) -> Result<(), AuditError> {
        let jobs = self.jobs.upgrade().ok_or(AuditError::Stopping)?;
        jobs.send(job).await.map_err(|_| AuditError::Stopping)
    }

    /// Lets the others work.
    async fn rest(&self, pace: Pace) {
        if pace.pause.is_zero() {
            tokio::task::yield_now().await;
            return;
        }
        tokio::time::sleep(pace.pause).await;
        self.wait_until_quiet().await;
    }

    /// Waits while the node has more to do: its children send what it may lack.
    async fn wait_until_quiet(&self) {
        let busy = || {
            let state = &self.store.view().state;
            state.catching_up || state.holding.is_some()
        };
        while busy() {
            tokio::time::sleep(BUSY_LOOK).await;
        }
    }

    fn reopen(&self, child: DivisionCode) {
        if let Some(lines) = self.lines.get() {
            lines.streams.reopen(child, "what is held of it is not what it sent: a walk over all keys repairs it");
        }
    }
}
