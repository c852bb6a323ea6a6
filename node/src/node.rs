//! A node: its parts, built and wired; started, drained, stopped.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio_stream::Stream;
use tonic::transport::server::{Connected, Router};
use wuji_proto::{DivisionCode, v1};

use crate::access::{Access, Dial, Identity, Refusals, TlsDial, TlsListener};
use crate::api::catalogue::CatalogueService;
use crate::api::ledger::LedgerService;
use crate::api::node::NodeService;
use crate::api::report::ReportService;
use crate::api::statistics::StatisticsService;
use crate::api::upkeep::UpkeepService;
use crate::audit;
use crate::catalogue::Catalogue;
use crate::compact::Compactor;
use crate::config::{Config, NodeArgs};
use crate::env::{Env, Worker};
use crate::feed::exchange::Refusal;
use crate::link::{self, AcceptParts, AcceptService, Children, PushLink, PushParts, PushStatus};
use crate::pull::{Answers, Barrier, Desk, Lines, Local};
use crate::relay::{ParentAnswers, Relay};
use crate::report::Reports;
use crate::snapshot;
use crate::state::{NodeState, StateOptions};
use crate::status::NodeStatus;
use crate::telemetry::{self, Metrics, TelemetryError};
use crate::verify::online::Verifier;

/// The program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long calls may finish after the node was told to stop.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Runs a node until it is told to stop, and stops it in good order.
pub async fn run(args: NodeArgs) -> anyhow::Result<()> {
    let config = args.load()?;
    if args.print_config {
        println!("{}", config.to_toml()?);
        return Ok(());
    }
    telemetry::start_log(&config.log)?;
    let env = Env::production();
    let (node, address) = Node::start(&env, &config, args.accept_loss).await?;
    let asked = stop_asked(args.stop_with_stdin);
    println!("ready {} https://{address}", config.code);
    let reason = node.until(asked).await;
    tracing::info!(unit = %config.code, reason, "stopping");
    node.stop().await
}

/// Resolves when a person or the system asks the program to stop. Listens from the call on,
/// not from the first poll: who reads `ready` may ask at once.
fn stop_asked(with_stdin: bool) -> impl Future<Output = &'static str> {
    let caught = |signals: std::io::Result<Signal>| async move {
        match signals {
            Ok(mut signals) => drop(signals.recv().await),
            Err(error) => {
                tracing::warn!(%error, "cannot listen for signals");
                std::future::pending::<()>().await;
            }
        }
    };
    let terminated = caught(signal(SignalKind::terminate()));
    let interrupted = caught(signal(SignalKind::interrupt()));
    async move {
        let stdin_closed = async {
            match with_stdin.then(watch_stdin) {
                Some(closed) => drop(closed.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = terminated => "SIGTERM",
            () = interrupted => "SIGINT",
            () = stdin_closed => "the program that started this node has gone",
        }
    }
}

/// Resolves when standard input ends. A thread of its own, which nobody waits for: a read
/// that the runtime knows of would keep the program from ending.
fn watch_stdin() -> oneshot::Receiver<()> {
    let (ended, closed) = oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while std::io::stdin().read(&mut rest).is_ok_and(|read| read > 0) {}
        ended.send(())
    });
    closed
}

/// How a node is reached, and how it reaches its parent: TCP and TLS, or what a simulation has
/// in their place.
pub struct Doors<I> {
    /// Connections whose callers are known.
    pub incoming: I,
    /// The way to the parent, if there is one.
    pub parent: Option<(DivisionCode, Arc<dyn Dial>)>,
    /// Whose certificates were turned away.
    pub refusals: Arc<Refusals>,
}

/// A node that serves.
pub struct Node {
    state: NodeState,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<Result<(), tonic::transport::Error>>,
    children: Arc<Children>,
    push: Option<Worker>,
    audit: Worker,
    snapshots: Option<Worker>,
    metrics: Arc<Metrics>,
    metrics_page: Option<tokio::task::JoinHandle<Result<(), TelemetryError>>>,
}

impl Node {
    /// Starts a node that listens at an address, which is returned too.
    pub async fn start(env: &Env, config: &Config, accept_loss: bool) -> anyhow::Result<(Self, SocketAddr)> {
        let identity = Identity::load(&config.tls)?;
        identity.require_unit(config.code)?;
        let catalogue = Arc::new(match &config.catalogue.directory {
            Some(directory) => Catalogue::load(directory)?,
            None => Catalogue::embedded()?,
        });
        let metrics = Metrics::new();
        let refusals = Arc::new(Refusals::default());
        // The addresses first: a node whose port is taken has touched nothing.
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("listening at {} (`listen`): is another program there?", config.listen))?;
        let page = match config.metrics.listen {
            None => None,
            Some(listen) => Some(metrics_listener(listen).await?),
        };
        let tls = identity.server_config(Arc::clone(&env.clock), Arc::clone(&refusals))?;
        let incoming = TlsListener::new(listener, tls, Arc::clone(&metrics))?;
        let address = incoming.address();
        let doors = Doors { incoming, parent: dial_parent(env, config, &identity)?, refusals };
        let mut node = Self::serve(env, config, accept_loss, catalogue, &metrics, doors).await?;
        let stopping = node.stop.subscribe();
        node.metrics_page =
            page.map(|page| tokio::spawn(telemetry::serve_metrics(page, metrics, until_stopped(stopping))));
        Ok((node, address))
    }

    /// Opens the state and serves behind these doors.
    pub async fn serve<I, C>(
        env: &Env,
        config: &Config,
        accept_loss: bool,
        catalogue: Arc<Catalogue>,
        metrics: &Arc<Metrics>,
        doors: Doors<I>,
    ) -> anyhow::Result<Self>
    where
        I: Stream<Item = std::io::Result<C>> + Send + 'static,
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let Doors { incoming, parent, refusals } = doors;
        let metrics = Arc::clone(metrics);
        let state = NodeState::open(env, &state_options(config, accept_loss), catalogue, &metrics)?;
        let (stop, stopping) = watch::channel(false);
        let access = Access::new(config.code, Arc::clone(&metrics));
        let accept = AcceptService::new(AcceptParts {
            own: config.code,
            jobs: state.child_jobs(),
            access: access.clone(),
            refusals,
            config: config.link.clone(),
            clock: Arc::clone(&env.clock),
            metrics: Arc::clone(&metrics),
            version: VERSION.to_owned(),
        });
        let (children, lines) = (accept.children(), accept.lines());
        let (below, streams) = (Arc::<Lines>::clone(&lines), Arc::<Children>::clone(&children));
        state.auditor.connect(audit::Lines { below, streams });
        let status = |parent| Arc::new(NodeStatus::new(config.name.clone(), &state, Arc::clone(&children), parent));
        let desk = |parent: Option<Arc<PushStatus>>, status: &Arc<NodeStatus>| {
            let standings = Arc::<NodeStatus>::clone(status);
            let (store, ledgers) = (Arc::clone(&state.store), state.ledgers.clone());
            let local = Local { env: env.clone(), store, ledgers, standings };
            let (feed, below) = (state.feed(), Arc::<Lines>::clone(&lines));
            let relay = Relay::new(Arc::new(local.clone()), Arc::<Lines>::clone(&lines), env.clone());
            Desk {
                relay,
                barrier: Arc::new(Barrier { local: local.clone(), feed, below, parent: parent.clone() }),
                local,
                parent,
            }
        };
        let (push, status, desk) = match parent {
            None => {
                let status = status(None);
                let desk = desk(None, &status);
                (None, status, desk)
            }
            Some((parent, dial)) => {
                let (heard, ledgers) = (status(None), state.ledgers.clone());
                let of_former = state.ledgers.clone();
                let link = PushLink::new(PushParts {
                    source: state.feed(),
                    parent,
                    dial,
                    config: config.link.clone(),
                    entropy: Arc::clone(&env.entropy),
                    metrics: Arc::clone(&metrics),
                    name: config.name.clone(),
                    version: VERSION.to_owned(),
                    catalogue_version: state.catalogue.version().to_owned(),
                    heard: Box::new(move || heard.heard_units()),
                    went_back: Box::new(move |anchor| ledgers.went_back(anchor)),
                    taken_in: Box::new(move |children| {
                        let ledgers = of_former.clone();
                        Box::pin(async move { ledgers.taken_in(children).await })
                    }),
                });
                let above: Arc<PushStatus> = link.status();
                let status = status(Some(Arc::clone(&above)));
                let desk = desk(Some(above), &status);
                let auditor = Arc::clone(&state.auditor);
                let details = ParentAnswers { relay: desk.relay.clone(), parent: parent.tier() };
                let answers = Answers { barrier: Arc::clone(&desk.barrier), auditor, details: Some(Arc::new(details)) };
                let link = link.with_answerer(Arc::new(answers));
                let worker = env.spawn_worker("push", link.run(stopping.clone()))?;
                (Some(worker), status, desk)
            }
        };
        let router = services(env, &config.link, &access, &state, &status, desk, accept).await?;
        let server = tokio::spawn(router.serve_with_incoming_shutdown(incoming, until_stopped(stopping)));
        let audit = env.spawn_worker("audit", audit::worker::run(Arc::clone(&state.auditor), stop.subscribe()))?;
        let snapshots = match config.index.snapshot_hours {
            0 => None,
            hours => {
                let every = Duration::from_hours(hours.into());
                let keeper = snapshot::keeper::run(Arc::clone(&state.snapshots), every, stop.subscribe());
                Some(env.spawn_worker("snapshots", keeper)?)
            }
        };
        Ok(Self { state, stop, server, children, push, audit, snapshots, metrics, metrics_page: None })
    }

    /// Its state, for whoever watches it from within the process.
    pub const fn state(&self) -> &NodeState {
        &self.state
    }

    /// Its numbers.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Waits until it is asked to stop, or cannot go on.
    pub async fn until(&self, asked: impl Future<Output = &'static str>) -> String {
        tokio::select! {
            biased;
            reason = asked => reason.to_owned(),
            reason = self.state.failure() => reason,
        }
    }

    /// Lets calls end, then finishes what was begun.
    pub async fn stop(self) -> anyhow::Result<()> {
        let failed = self.state.failed();
        self.stop.send_replace(true);
        // Their streams would go on for ever.
        self.children.close_all(&Refusal { reason: "the parent is stopping".to_owned(), held: false });
        let abort = self.server.abort_handle();
        if tokio::time::timeout(DRAIN_MAX, self.server).await.is_err() {
            tracing::warn!("calls did not end in time: they are cut off");
            abort.abort();
        }
        if let Some(push) = self.push {
            push.finished().await;
        }
        self.audit.finished().await;
        if let Some(snapshots) = self.snapshots {
            snapshots.finished().await;
        }
        if let Some(page) = self.metrics_page {
            page.abort(); // a scraper may keep its connection open for ever
        }
        self.state.stop().await.context("noting a clean stop")?;
        match failed {
            Some(reason) => Err(anyhow::anyhow!("{reason}: start the node again")),
            None => Ok(()),
        }
    }
}

fn state_options(config: &Config, accept_loss: bool) -> StateOptions {
    const MIB: u64 = 1 << 20;
    StateOptions {
        code: config.code,
        name: config.name.clone(),
        parent: config.parent.as_ref().map(|parent| parent.code),
        directory: config.data_directory.clone(),
        segment_bytes: u64::from(config.journal.segment_mib) * MIB,
        index: config.index.kind,
        cache_bytes: u64::from(config.index.cache_mib) * MIB,
        checkpoint_every: Duration::from_secs(config.index.checkpoint_seconds.into()),
        hold: Duration::from_secs(config.link.hold_seconds.into()),
        accept_loss,
    }
}

fn dial_parent(
    env: &Env,
    config: &Config,
    identity: &Identity,
) -> anyhow::Result<Option<(DivisionCode, Arc<dyn Dial>)>> {
    let Some(parent) = &config.parent else { return Ok(None) };
    let tls = identity.client_config(Arc::clone(&env.clock))?;
    let keepalive = Duration::from_secs(config.link.keepalive_seconds.into());
    Ok(Some((parent.code, Arc::new(TlsDial::new(&parent.address, parent.code, keepalive, tls)?))))
}

async fn services(
    env: &Env,
    config: &crate::config::LinkConfig,
    access: &Access,
    state: &NodeState,
    status: &Arc<NodeStatus>,
    desk: Desk,
    accept: AcceptService,
) -> anyhow::Result<Router> {
    let (access, upkeep_access, env, upkeep_env) = (access.clone(), access.clone(), env.clone(), env.clone());
    let told = Arc::clone(status);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<v1::ledger_server::LedgerServer<LedgerService>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wuji_proto::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let reports = Reports::new(
        Arc::clone(&state.store),
        state.ledgers.clone(),
        state.journal.clone(),
        Arc::clone(&env.entropy),
        Arc::<NodeStatus>::clone(status),
    );
    Ok(link::server(config)
        .add_service(accept.with_desk(desk.clone()).into_server())
        .add_service(v1::ledger_server::LedgerServer::new(LedgerService {
            access: access.clone(),
            env: env.clone(),
            ledgers: state.ledgers.clone(),
            relay: desk.relay.clone(),
        }))
        .add_service(v1::catalogue_server::CatalogueServer::new(CatalogueService {
            access: access.clone(),
            catalogue: Arc::clone(&state.catalogue),
        }))
        .add_service(v1::statistics_server::StatisticsServer::new(StatisticsService {
            access: access.clone(),
            desk: desk.clone(),
            auditor: Arc::clone(&state.auditor),
        }))
        .add_service(v1::reports_server::ReportsServer::new(ReportService {
            access: access.clone(),
            env: env.clone(),
            ledgers: state.ledgers.clone(),
            reports,
            desk,
        }))
        .add_service(v1::node_server::NodeServer::new(NodeService {
            access,
            env,
            status: Arc::clone(status),
            ledgers: state.ledgers.clone(),
        }))
        .add_service(v1::upkeep_server::UpkeepServer::new(UpkeepService {
            access: upkeep_access,
            ledgers: state.ledgers.clone(),
            snapshots: Arc::clone(&state.snapshots),
            backups: Arc::clone(&state.backups),
            compactor: Compactor::new(upkeep_env.clone(), Arc::clone(&state.store)),
            verifier: Arc::new(Verifier {
                env: upkeep_env,
                store: Arc::clone(&state.store),
                journal: state.journal.clone(),
                auditor: Arc::clone(&state.auditor),
                parent: Box::new(move || told.parent()),
            }),
        }))
        .add_service(health_service)
        .add_service(reflection))
}

async fn until_stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn metrics_listener(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening at {listen} (`metrics.listen`): is another program there?"))
}
