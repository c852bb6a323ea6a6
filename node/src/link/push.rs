//! The child's end of a link: connects for ever, and pushes the feed.

mod cursor;
mod session;
mod status;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use wuji_proto::DivisionCode;

use crate::access::Dial;
use crate::config::LinkConfig;
use crate::env::Entropy;
use crate::feed::exchange::{Anchor, FeedSource, FormerChild};
use crate::pull::Answerer;
use crate::retry::Retry;
use crate::telemetry::Metrics;

pub use status::PushStatus;

/// A connection that lasted this long was good: the next attempt comes soon again.
const STEADY_SESSION: Duration = Duration::from_secs(5);

/// Supplies the units below with the time of their last complete mark (seconds since 1970)
/// and their state, as in [`ChildFrame::Heard`](crate::feed::exchange::ChildFrame::Heard).
pub type HeardUnits = Box<dyn Fn() -> Vec<(DivisionCode, u32, u32)> + Send + Sync>;

/// Has the children known that the parent tells of; nothing is pushed before they have sent again.
pub type TakenIn = Box<dyn Fn(Vec<FormerChild>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What the pushing end is made of.
pub struct PushParts {
    /// The own feed.
    pub source: Arc<dyn FeedSource>,
    /// The parent's code.
    pub parent: DivisionCode,
    /// Makes connections to it.
    pub dial: Arc<dyn Dial>,
    /// Times and limits.
    pub config: LinkConfig,
    /// For the jitter of reconnecting.
    pub entropy: Arc<dyn Entropy>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// What the unit calls itself.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// The catalogue's version.
    pub catalogue_version: String,
    /// When the units below were last complete.
    pub heard: HeardUnits,
    /// Told of an entry that the parent has seen and the journal does not hold.
    pub went_back: Box<dyn Fn(Anchor) + Send + Sync>,
    /// Told which children the node had before its present life, before anything is pushed of it.
    pub taken_in: TakenIn,
}

/// The child's end of a link.
pub struct PushLink {
    parts: PushParts,
    status: Arc<PushStatus>,
    answerer: Option<Arc<dyn Answerer>>,
}

/// How a session with the parent ended.
#[derive(Debug)]
enum End {
    /// The line or one of its ends failed; try again.
    Lost(String),
    /// An operator must act; trying again soon does not help.
    Held(String),
    /// The own state is gone: the node is stopping.
    Stopped,
}

impl PushLink {
    /// Nothing is sent before [`run`](Self::run).
    pub fn new(parts: PushParts) -> Self {
        let status = PushStatus::new(parts.parent, parts.dial.address(), parts.source.now_ms());
        Self { parts, status: Arc::new(status), answerer: None }
    }

    /// With what the parent is answered when it asks over this node's connection.
    #[must_use]
    pub fn with_answerer(mut self, answerer: Arc<dyn Answerer>) -> Self {
        self.answerer = Some(answerer);
        self
    }

    /// What the link tells of itself; for the status service.
    pub fn status(&self) -> Arc<PushStatus> {
        Arc::clone(&self.status)
    }

    /// Connects and pushes until `stop` is true or gone.
    ///
    /// Reads of the feed block briefly, so run it by
    /// [`Env::spawn_worker`](crate::env::Env::spawn_worker): a thread of its own spares each
    /// read the way to a blocking pool and back, which would cost more than most reads.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.push_for_ever() => {}
        }
        self.parts.metrics.parent_connected.set(0);
        self.status.ended();
    }

    async fn push_for_ever(&self) {
        let PushParts { config, source, metrics, .. } = &self.parts;
        let first = Duration::from_millis(config.reconnect_min_ms.into());
        let longest = Duration::from_millis(config.reconnect_max_ms.into());
        let mut retry = Retry::new(first, longest, Arc::clone(&self.parts.entropy));
        loop {
            let began = Instant::now();
            let end = session::run(&self.parts, &self.status, self.answerer.as_ref()).await;
            metrics.parent_connected.set(0);
            self.status.ended();
            if began.elapsed() >= STEADY_SESSION || self.status.was_equal() {
                retry.reset();
            }
            let delay = match end {
                End::Stopped => return,
                End::Lost(reason) => {
                    tracing::info!(parent = %self.parts.parent, reason, "link lost; connecting again");
                    self.status.lost(reason, source.now_ms());
                    retry.next_delay()
                }
                End::Held(reason) => {
                    tracing::warn!(parent = %self.parts.parent, reason, "held: an operator must act");
                    self.status.held(reason, source.now_ms());
                    longest / 2 + retry.next_delay() / 2
                }
            };
            tokio::time::sleep(delay).await;
        }
    }
}
