//! A node on its simulated host: what it starts with, and what can be seen of it from outside.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use wuji_node::catalogue::Catalogue;
use wuji_node::config::Config;
use wuji_node::env::Env;
use wuji_node::journal::JournalReader;
use wuji_node::node::{Doors, Node};
use wuji_node::state::OpenReport;
use wuji_node::store::Store;
use wuji_node::telemetry::Metrics;
use wuji_proto::DivisionCode;

use crate::net::{self, Lines, Way};

/// What a host starts its node with. It is changed from outside, between two steps.
pub struct Seat {
    pub host: String,
    pub config: Config,
    pub parent: Option<(DivisionCode, String)>,
    pub catalogue: Arc<Catalogue>,
    pub env: Env,
    pub accept_loss: bool,
    pub lines: Lines,
    pub names: Names,
    pub stop: watch::Sender<bool>,
    pub seen: Option<Seen>,
    /// Why the node did not start, or stopped without having been asked.
    pub failed: Option<String>,
}

/// The DNS name in the certificate of a host, as the node of a unit sees it.
pub type Names = Arc<dyn Fn(DivisionCode, &str) -> String + Send + Sync>;

/// What can be seen of a running node.
#[derive(Clone)]
pub struct Seen {
    pub store: Arc<Store>,
    pub journal: JournalReader,
    pub metrics: Arc<Metrics>,
    pub report: OpenReport,
}

/// The software of a host.
pub async fn run(seat: Arc<Mutex<Seat>>) -> turmoil::Result {
    let (env, config, accept_loss, catalogue) = {
        let mut seat = seat.lock();
        seat.failed = None;
        (seat.env.clone(), seat.config.clone(), seat.accept_loss, Arc::clone(&seat.catalogue))
    };
    let (own, names, lines) = {
        let seat = seat.lock();
        (config.code, Arc::clone(&seat.names), seat.lines.clone())
    };
    let incoming = net::listen(lines, move |host| names(own, host)).await?;
    let doors = Doors { incoming, parent: parent(&seat.lock()), refusals: Arc::default() };
    let metrics = Metrics::new();
    let node = match Node::serve(&env, &config, accept_loss, catalogue, &metrics, doors).await {
        Ok(node) => node,
        Err(error) => {
            seat.lock().failed = Some(format!("did not start: {error:#}"));
            return Ok(());
        }
    };
    let mut stopping = {
        let mut seat = seat.lock();
        seat.seen = Some(Seen::of(&node, &metrics));
        seat.stop.subscribe()
    };
    let asked = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
        "asked"
    };
    let reason = node.until(asked).await;
    if reason != "asked" {
        seat.lock().failed = Some(reason);
    }
    seat.lock().seen = None;
    if let Err(error) = node.stop().await {
        seat.lock().failed.get_or_insert_with(|| format!("did not stop: {error:#}"));
    }
    Ok(())
}

fn parent(seat: &Seat) -> Option<(DivisionCode, Arc<dyn wuji_node::access::Dial>)> {
    let (code, host) = seat.parent.clone()?;
    let keepalive = Duration::from_secs(seat.config.link.keepalive_seconds.into());
    Some((code, Arc::new(Way { from: seat.host.clone(), to: host, keepalive, lines: seat.lines.clone() })))
}

impl Seen {
    fn of(node: &Node, metrics: &Arc<Metrics>) -> Self {
        let state = node.state();
        Self {
            store: Arc::clone(&state.store),
            journal: state.journal.clone(),
            metrics: Arc::clone(metrics),
            report: state.report.clone(),
        }
    }
}
