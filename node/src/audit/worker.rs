//! The audit in the background: a pass after the other, at a gentle pace.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::listener::Listener;
use super::pass::{Options, Pace};
use super::{AuditError, Auditor};

/// After the start others have more to do.
const FIRST_WAIT: Duration = Duration::from_mins(1);

/// Between two passes.
const BETWEEN: Duration = Duration::from_mins(10);

/// Audits until `stop` is true or gone. Run it by
/// [`Env::spawn_worker`](crate::env::Env::spawn_worker).
pub async fn run(auditor: Arc<Auditor>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = for_ever(&auditor) => {}
    }
}

async fn for_ever(auditor: &Auditor) {
    let options = Options { scope: None, repair: true, pace: Pace::GENTLE };
    tokio::time::sleep(FIRST_WAIT).await;
    loop {
        auditor.wait_until_quiet().await;
        match auditor.local(options, &Listener::Nobody).await {
            Ok(outcome) => {
                tracing::debug!(?outcome, "the audit has passed over everything");
                auditor.board.passed(&outcome, auditor.time.now_ms());
            }
            Err(AuditError::Stopping) => return,
            Err(error) => tracing::error!(%error, "the audit in the background was cut off; it begins again"),
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
