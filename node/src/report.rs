//! Reports 报表: several questions answered from one view, in the form in which they are
//! published. An issued one is journalled whole: it can be shown again to the digit, and later
//! answers tell what has changed since.
//!
//! * [`kinds`]: which questions a report of a kind asks.
//! * [`make`]: their answers, put together from one view.
//! * [`body`]: the stored form and its limits.
//! * [`shelf`]: issued reports, found and read again.
//! * [`adjust`]: what has changed since.
//! * [`error`]: why there is no report.

pub mod adjust;
pub mod body;
pub mod error;
pub mod kinds;
pub mod make;
pub mod shelf;
pub mod span;

use std::sync::Arc;

use wuji_proto::{ReportId, v1};

use crate::env::Entropy;
use crate::journal::JournalReader;
use crate::ledger::Ledgers;
use crate::statistics::standing::Standings;
use crate::store::Store;
pub use adjust::adjustments;
pub use error::ReportError;

/// The reports of a node.
#[derive(Clone)]
pub struct Reports {
    store: Arc<Store>,
    ledgers: Ledgers,
    journal: JournalReader,
    entropy: Arc<dyn Entropy>,
    standings: Arc<dyn Standings>,
}

impl Reports {
    /// Over a node's state.
    pub fn new(
        store: Arc<Store>,
        ledgers: Ledgers,
        journal: JournalReader,
        entropy: Arc<dyn Entropy>,
        standings: Arc<dyn Standings>,
    ) -> Self {
        Self { store, ledgers, journal, entropy, standings }
    }

    /// Journals a report under an id and its issuer's name; what is returned is what is shown
    /// for ever after.
    pub async fn issue(&self, mut report: v1::Report, actor: &str) -> Result<v1::Report, ReportError> {
        let mut random = [0; ReportId::RANDOM_BYTES];
        self.entropy.fill(&mut random);
        let id = ReportId::new(report.made_at_ms, &random);
        report.id = id.to_string();
        actor.clone_into(&mut report.actor);
        self.ledgers.issue_report(body::issued(id, &report)?, actor).await?;
        Ok(report)
    }
}
