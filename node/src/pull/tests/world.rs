//! Nodes in one process, over real sockets with TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use wuji_proto::{DivisionCode, period};

use crate::access::testing::Authority;
use crate::access::{Access, Refusals, TlsDial, TlsListener, unit_name};
use crate::catalogue::Catalogue;
use crate::config::{IndexKind, LinkConfig};
use crate::env::double::SetClock;
use crate::env::{Env, Workers};
use crate::feed::exchange::ChildJob;
use crate::link::{AcceptParts, AcceptService, Children, PushLink, PushParts, PushStatus, server};
use crate::pull::{Answers, Barrier, Below, Desk, Local};
use crate::relay::Relay;
use crate::state::{NodeState, StateOptions};
use crate::status::NodeStatus;
use crate::telemetry::Metrics;

/// No wait of a test needs so long.
pub const LONG: Duration = Duration::from_secs(30);

/// A node at work.
pub struct TestNode {
    pub code: DivisionCode,
    pub state: NodeState,
    pub desk: Desk,
    pub children: Arc<Children>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    /// While it is false, nothing that children send reaches the index.
    takes: watch::Sender<bool>,
    _directory: tempfile::TempDir,
}

impl TestNode {
    /// A node whose clock is right.
    pub async fn start(authority: &Authority, code: &str, above: Option<&Self>) -> Self {
        Self::with_clock(authority, code, above, None).await
    }

    /// A node, registered at the one above it, whose clock always says `clock_ms`.
    pub async fn with_clock(authority: &Authority, code: &str, above: Option<&Self>, clock_ms: Option<i64>) -> Self {
        let code: DivisionCode = code.parse().unwrap();
        if let Some(above) = above {
            above.register(code.as_str()).await;
        }
        let (directory, metrics) = (tempfile::tempdir().unwrap(), Metrics::new());
        let mut env = Env { workers: Workers::Tasks, ..Env::production() };
        if let Some(clock_ms) = clock_ms {
            env.clock = Arc::new(SetClock(AtomicI64::new(clock_ms)));
        }
        let options = StateOptions {
            code,
            name: format!("unit {code}"),
            parent: above.map(|above| above.code),
            directory: directory.path().to_owned(),
            segment_bytes: 1 << 20,
            index: IndexKind::Memory,
            cache_bytes: 1 << 20,
            checkpoint_every: Duration::from_hours(1),
            hold: Duration::ZERO,
            accept_loss: false,
        };
        let catalogue = Arc::new(Catalogue::embedded().unwrap());
        let state = NodeState::open(&env, &options, catalogue, &metrics).unwrap();
        let config = LinkConfig { reconnect_min_ms: 10, reconnect_max_ms: 50, ..LinkConfig::default() };
        let refusals = Arc::new(Refusals::default());
        let (jobs, takes) = gated(state.child_jobs());
        let accept = AcceptService::new(AcceptParts {
            own: code,
            jobs,
            access: Access::new(code, Arc::clone(&metrics)),
            refusals: Arc::clone(&refusals),
            config: config.clone(),
            clock: Arc::clone(&env.clock),
            metrics: Arc::clone(&metrics),
            version: "0.1.0".to_owned(),
        });
        let children = accept.children();
        let identity = authority.identity(&[&unit_name(code)]);
        // Certificates are judged by the right time: what is wrong here is what the node counts by.
        let tls = Env::production().clock;
        let link = above.map(|above| {
            let dialling = identity.client_config(Arc::clone(&tls)).unwrap();
            let dial = TlsDial::new(&format!("https://{}", above.address), above.code, LONG, dialling).unwrap();
            PushLink::new(PushParts {
                source: state.feed(),
                parent: above.code,
                dial: Arc::new(dial),
                config: config.clone(),
                entropy: Arc::clone(&env.entropy),
                metrics: Arc::clone(&metrics),
                name: format!("unit {code}"),
                version: "0.1.0".to_owned(),
                catalogue_version: "1".to_owned(),
                heard: Box::new(Vec::new),
                went_back: Box::new(|_| ()),
                taken_in: Box::new(|_| Box::pin(async {})),
            })
        });
        let parent = link.as_ref().map(PushLink::status);
        let desk = desk(&env, &state, &children, accept.lines(), parent);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TlsListener::new(listener, identity.server_config(tls, refusals).unwrap(), metrics).unwrap();
        let address = listener.address();
        let service = accept.with_desk(desk.clone()).into_server();
        tokio::spawn(server(&config).add_service(service).serve_with_incoming(listener));
        let (stop, stopping) = watch::channel(false);
        if let Some(link) = link {
            let answers =
                Answers { barrier: Arc::clone(&desk.barrier), auditor: Arc::clone(&state.auditor), details: None };
            tokio::spawn(link.with_answerer(Arc::new(answers)).run(stopping));
        }
        let node = Self { code, state, desk, children, address, stop, takes, _directory: directory };
        if let Some(above) = above {
            above.until_open(node.code).await;
        }
        node
    }

    /// Plans a unit below.
    pub async fn register(&self, code: &str) {
        let day = period::days("2016-01-01".parse().unwrap());
        let name = format!("unit {code}");
        self.state.ledgers.register_child(code.parse().unwrap(), name, day, "test").await.unwrap();
    }

    /// Waits until a child can be asked.
    async fn until_open(&self, child: DivisionCode) {
        for _ in 0..4_000 {
            if self.desk.barrier.below.open().contains(&child) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{child} never opened a line to {}", self.code);
    }

    /// A barrier that asks through other lines.
    pub fn barrier_over(&self, below: Arc<dyn Below>) -> Barrier {
        Barrier { local: self.desk.local.clone(), feed: self.state.feed(), below, parent: None }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Whether what children send reaches the index.
    pub fn take(&self, takes: bool) {
        self.takes.send_replace(takes);
    }

    /// Its push ends.
    pub fn leave(&self) {
        self.stop.send_replace(true);
    }
}

/// A way to the writer that can be closed for a while.
fn gated(writer: mpsc::Sender<ChildJob>) -> (mpsc::Sender<ChildJob>, watch::Sender<bool>) {
    let (jobs, mut queue) = mpsc::channel(64);
    let (takes, mut open) = watch::channel(true);
    tokio::spawn(async move {
        while let Some(job) = queue.recv().await {
            let open = open.wait_for(|open| *open).await.is_ok();
            if !open || writer.send(job).await.is_err() {
                return;
            }
        }
    });
    (jobs, takes)
}

fn desk(
    env: &Env,
    state: &NodeState,
    children: &Arc<Children>,
    below: Arc<dyn Below>,
    parent: Option<Arc<PushStatus>>,
) -> Desk {
    let standings = Arc::new(NodeStatus::new("unit".to_owned(), state, Arc::clone(children), parent.clone()));
    let (store, ledgers) = (Arc::clone(&state.store), state.ledgers.clone());
    let local = Local { env: env.clone(), store, ledgers, standings };
    let barrier =
        Barrier { local: local.clone(), feed: state.feed(), below: Arc::clone(&below), parent: parent.clone() };
    let relay = Relay::new(Arc::new(local.clone()), below, env.clone());
    Desk { barrier: Arc::new(barrier), local, relay, parent }
}
