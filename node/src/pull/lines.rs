use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use wuji_proto::{DivisionCode, v1};

use super::line::Line;
use super::{Ask, Below, CALLS_MAX, Parts, WITHIN_MAX};
use crate::access::explain;
use crate::link::Presence;
use crate::telemetry::Metrics;

/// Requests on their way to one child: more than its calls, their credit and their
/// cancelling need, unless it does not read.
const REQUESTS_MAX: usize = 1_024;

/// The response of an `Answer`.
pub type Requests = ReceiverStream<Result<v1::PullRequest, Status>>;

/// The open lines to the children, the newest of each.
pub struct Lines {
    metrics: Arc<Metrics>,
    open: Mutex<BTreeMap<DivisionCode, Arc<Line>>>,
    next_line: AtomicU64,
    /// Places for calls to all children.
    calls: Arc<Semaphore>,
}

impl Lines {
    /// None is open.
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        let calls = Arc::new(Semaphore::new(CALLS_MAX));
        Arc::new(Self { metrics, open: Mutex::default(), next_line: AtomicU64::new(1), calls })
    }

    /// A child opened a line: what it is asked. The line before it, if any, ends with all
    /// its calls; this one ends when the child's push does.
    pub fn take_in(
        self: &Arc<Self>,
        child: DivisionCode,
        presence: Presence,
        replies: Streaming<v1::PullReply>,
    ) -> Requests {
        let (requests, outgoing) = mpsc::channel(REQUESTS_MAX);
        let number = self.next_line.fetch_add(1, Ordering::Relaxed);
        let line = Line::new(number, requests, Arc::clone(&self.metrics));
        if let Some(former) = self.open.lock().insert(child, Arc::clone(&line)) {
            former.end(Some(Status::aborted("a newer line of this unit has taken over")));
        } else {
            self.metrics.pull_lines.inc();
        }
        tokio::spawn(Arc::clone(self).receive(child, line, presence, replies));
        ReceiverStream::new(outgoing)
    }

    /// Takes replies until either end, or the child's push, is over.
    async fn receive(
        self: Arc<Self>,
        child: DivisionCode,
        line: Arc<Line>,
        mut presence: Presence,
        mut replies: Streaming<v1::PullReply>,
    ) {
        let reason = loop {
            let reply = tokio::select! {
                // A line that is closing takes nothing more, however fast replies come.
                biased;
                () = line.ended() => break Status::aborted("it was closed"),
                () = presence.ended() => break Status::unavailable("the child's push has ended"),
                reply = replies.message() => reply,
            };
            match reply {
                Ok(Some(reply)) => {
                    if let Err(error) = line.take(reply) {
                        self.metrics.malformed.inc();
                        tracing::warn!(%child, %error, "malformed reply");
                        break Status::invalid_argument(format!("a reply was refused: {error}"));
                    }
                }
                Ok(None) => break Status::aborted("the child ended it"),
                Err(status) => break Status::aborted(explain(&status)),
            }
        };
        tracing::debug!(%child, reason = reason.message(), "line of reverse calls ended");
        line.end(Some(reason));
        let mut open = self.open.lock();
        if open.get(&child).is_some_and(|newest| newest.number() == line.number()) {
            open.remove(&child);
            self.metrics.pull_lines.dec();
        }
    }
}

impl Below for Lines {
    fn open(&self) -> Vec<DivisionCode> {
        self.open.lock().keys().copied().collect()
    }

    fn ask(&self, child: DivisionCode, ask: Ask, within: Duration) -> Parts {
        let Some(line) = self.open.lock().get(&child).cloned() else {
            return Parts::failed(Status::unavailable(format!("{child} is not connected")));
        };
        let Ok(place) = Arc::clone(&self.calls).try_acquire_owned() else {
            return Parts::failed(Status::resource_exhausted(format!(
                "{CALLS_MAX} questions are being put to the units below: ask again when some are answered"
            )));
        };
        line.ask(child, ask, within.min(WITHIN_MAX), place).unwrap_or_else(Parts::failed)
    }
}
