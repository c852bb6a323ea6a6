//! What the background audit tells of itself: in the status and in the metrics.

use std::sync::Arc;

use parking_lot::Mutex;
use wuji_proto::v1;

use super::pass::Outcome;
use crate::telemetry::Metrics;

/// How the audit stands.
pub struct Board {
    status: Mutex<v1::AuditStatus>,
    metrics: Arc<Metrics>,
}

impl Board {
    /// With no pass done.
    pub fn new(metrics: &Arc<Metrics>) -> Self {
        Self { status: Mutex::default(), metrics: Arc::clone(metrics) }
    }

    /// For the node's status.
    pub fn status(&self) -> v1::AuditStatus {
        *self.status.lock()
    }

    /// How much of the present pass is done.
    pub(super) fn progress(&self, done: u64, of: u64) {
        let permille = done.saturating_mul(1_000).checked_div(of).unwrap_or(1_000).min(1_000);
        self.status.lock().progress = u32::try_from(permille).unwrap_or(1_000);
    }

    /// Differences were found, and so many of them put right.
    pub(super) fn repaired(&self, differences: u64, repaired: u64) {
        self.metrics.audit_differences.inc_by(differences);
        self.metrics.audit_repaired.inc_by(repaired);
        let mut status = self.status.lock();
        status.differences += differences;
        status.repaired += repaired;
    }

    /// A whole pass of the background has ended.
    pub(super) fn passed(&self, outcome: &Outcome, now_ms: i64) {
        self.metrics.audit_passes.inc();
        self.metrics.audit_totals.inc_by(outcome.totals);
        let mut status = self.status.lock();
        (status.passed_at_ms, status.totals, status.progress) = (now_ms, outcome.totals, 0);
    }
}
