//! A parent, its children, and the wire between them.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use wuji_proto::v1;
use wuji_proto::v1::federation_client::FederationClient;
use wuji_proto::v1::federation_server::{Federation, FederationServer};

use super::feed::FakeFeed;
use super::writer::FakeWriter;
use crate::access::testing::Authority;
use crate::access::{Access, Dial, Identity, Refusals, TlsDial, TlsListener};
use crate::config::LinkConfig;
use crate::env::Env;
use crate::feed::exchange::ChildJob;
use crate::link::{AcceptParts, AcceptService, Children, PushLink, PushParts, PushStatus, server};
use crate::pull::{Answerer, Lines};
use crate::telemetry::Metrics;

pub const PARENT: &str = "3711";
pub const CHILD: &str = "371122";

pub struct World {
    pub authority: Authority,
    pub writer: FakeWriter,
    pub jobs: mpsc::Sender<ChildJob>,
    pub children: Arc<Children>,
    pub lines: Arc<Lines>,
    pub metrics: Arc<Metrics>,
    pub config: LinkConfig,
    pub wire: Wire,
}

/// The wire, which can be cut.
pub struct Wire {
    address: String,
    cuts: watch::Sender<u32>,
}

pub struct Child {
    pub status: Arc<PushStatus>,
    pub metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(LinkConfig { reconnect_min_ms: 10, reconnect_max_ms: 50, ..LinkConfig::default() }).await
    }

    pub async fn with(config: LinkConfig) -> Self {
        Self::around(config, AcceptService::into_server).await
    }

    /// With a service of the test's own around the parent's end.
    pub async fn around<F: Federation>(
        config: LinkConfig,
        around: impl FnOnce(AcceptService) -> FederationServer<F>,
    ) -> Self {
        let authority = Authority::new();
        let (writer, metrics, refusals) = (FakeWriter::default(), Metrics::new(), Arc::new(Refusals::default()));
        let own = PARENT.parse().unwrap();
        let jobs = writer.start();
        let service = AcceptService::new(AcceptParts {
            own,
            jobs: jobs.clone(),
            access: Access::new(own, Arc::clone(&metrics)),
            refusals: Arc::clone(&refusals),
            config: config.clone(),
            clock: Env::production().clock,
            metrics: Arc::clone(&metrics),
            version: "0.1.0".to_owned(),
        })
        .with_opening_deadline(Duration::from_millis(300));
        let (children, lines) = (service.children(), service.lines());
        let tls = authority.identity(&["3711.unit.wuji"]).server_config(Env::production().clock, refusals).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TlsListener::new(listener, tls, Arc::clone(&metrics)).unwrap();
        let wire = Wire::to(listener.address().to_string()).await;
        tokio::spawn(server(&config).add_service(around(service)).serve_with_incoming(listener));
        Self { authority, writer, jobs, children, lines, metrics, config, wire }
    }

    pub fn dial(&self, identity: &Identity) -> TlsDial {
        let config = identity.client_config(Env::production().clock).unwrap();
        TlsDial::new(&self.wire.address, PARENT.parse().unwrap(), Duration::from_secs(10), config).unwrap()
    }

    /// A pushing child with its own certificate.
    pub fn child(&self, feed: &Arc<FakeFeed>) -> Child {
        self.child_named(feed, &["371122.unit.wuji"], Vec::new())
    }

    pub fn child_named(&self, feed: &Arc<FakeFeed>, names: &[&str], heard: Vec<(&'static str, u32, u32)>) -> Child {
        self.start(feed, names, heard, None)
    }

    /// A child that answers when it is asked.
    pub fn answering_child(&self, feed: &Arc<FakeFeed>, answerer: Arc<dyn Answerer>) -> Child {
        self.start(feed, &["371122.unit.wuji"], Vec::new(), Some(answerer))
    }

    fn start(
        &self,
        feed: &Arc<FakeFeed>,
        names: &[&str],
        heard: Vec<(&'static str, u32, u32)>,
        answerer: Option<Arc<dyn Answerer>>,
    ) -> Child {
        let metrics = Metrics::new();
        let link = PushLink::new(PushParts {
            source: Arc::clone(feed) as _,
            parent: PARENT.parse().unwrap(),
            dial: Arc::new(self.dial(&self.authority.identity(names))),
            config: self.config.clone(),
            entropy: Env::production().entropy,
            metrics: Arc::clone(&metrics),
            name: "莒县".to_owned(),
            version: "0.1.0".to_owned(),
            catalogue_version: "1".to_owned(),
            went_back: Box::new(|_| ()),
            taken_in: Box::new(|_| Box::pin(async {})),
            heard: Box::new(move || {
                heard.iter().map(|(code, at, state)| (code.parse().unwrap(), *at, *state)).collect()
            }),
        });
        let link = match answerer {
            Some(answerer) => link.with_answerer(answerer),
            None => link,
        };
        let (stop, stopping) = watch::channel(false);
        let status = link.status();
        Child { status, metrics, stop, running: tokio::spawn(link.run(stopping)) }
    }

    /// A stream whose frames the test writes itself.
    pub async fn stream(&self, names: &[&str]) -> (mpsc::Sender<v1::FeedFrame>, Client) {
        let channel = self.dial(&self.authority.identity(names)).dial().await.unwrap();
        let (frames, outgoing) = mpsc::channel(4_096);
        let mut client = FederationClient::new(channel).max_encoding_message_size(64 << 20);
        let call =
            tokio::spawn(
                async move { client.push(ReceiverStream::new(outgoing)).await.map(tonic::Response::into_inner) },
            );
        (frames, Client(call))
    }

    /// Waits until the parent holds what the feed has.
    pub async fn converge(&self, feed: &FakeFeed) {
        let code = crate::feed::exchange::FeedSource::code(feed).to_string();
        eventually("the parent holds what the child has", || {
            self.writer.amounts(&code) == feed.amounts()
                && self.writer.with(|told| told.children.values().all(|held| held.walk.is_none()))
        })
        .await;
    }
}

pub struct Client(tokio::task::JoinHandle<Result<Streaming<v1::FeedAck>, Status>>);

impl Client {
    pub async fn answers(self) -> Result<Streaming<v1::FeedAck>, Status> {
        self.0.await.unwrap()
    }
}

impl Child {
    pub fn report(&self, feed: &FakeFeed) -> v1::ParentStatus {
        self.status.report(crate::feed::exchange::FeedSource::head(feed))
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.running.await.unwrap();
    }
}

impl Wire {
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let cuts = watch::Sender::new(0);
        let watched = cuts.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut cut) = (target.clone(), watched.subscribe());
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    let (_, _) = (near.set_nodelay(true), far.set_nodelay(true));
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, cuts }
    }

    /// Every connection dies; new ones can be made.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// Waits for what is bound to happen; fails after long.
pub async fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came true that {what}");
}
