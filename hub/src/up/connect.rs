//! Calls to the nodes, as each node's operator.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::time::{Instant, sleep};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wuji_proto::DivisionCode;
use wuji_proto::v1::catalogue_client::CatalogueClient;
use wuji_proto::v1::ledger_client::LedgerClient;
use wuji_proto::v1::node_client::NodeClient;
use wuji_proto::v1::statistics_client::StatisticsClient;

use super::home::Home;
use super::plan::Unit;
use crate::certificates::Role;

/// A call that finds the node away, as while it restarts, is tried again for so long, in seconds.
const RETRY_SECONDS: u64 = 30;

/// The wait between tries, in milliseconds.
const RETRY_DELAY_MS: u64 = 250;

/// A call takes at most so long, in seconds.
const CALL_SECONDS: u64 = 30;

/// Connections to all nodes, by code.
pub type Connections = BTreeMap<DivisionCode, Connection>;

/// A connection to one node. It connects at the first call, and again when it is lost.
#[derive(Clone)]
pub struct Connection {
    /// Whose node.
    pub code: DivisionCode,
    channel: Channel,
}

impl Connection {
    /// Over mutual TLS; the node must have the certificate of its code.
    pub fn open(home: &Home, unit: &Unit) -> anyhow::Result<Self> {
        let read = |name: &str| read(&home.certificates().join(name));
        let operator = Role::Operator.file_stem(unit.code);
        let identity = Identity::from_pem(read(&format!("{operator}.pem"))?, read(&format!("{operator}.key"))?);
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read("authority.pem")?))
            .identity(identity)
            .domain_name(Role::Node.dns_name(unit.code));
        let endpoint = Endpoint::from_shared(unit.address())
            .and_then(|endpoint| endpoint.tls_config(tls))
            .with_context(|| format!("preparing the connection to {} at {}", unit.code, unit.address()))?;
        Ok(Self::new(unit.code, endpoint.timeout(Duration::from_secs(CALL_SECONDS)).connect_lazy()))
    }

    /// Over a channel that is there.
    pub fn new(code: DivisionCode, channel: Channel) -> Self {
        Self { code, channel }
    }

    /// To all nodes of the plan.
    pub fn open_all(home: &Home) -> anyhow::Result<Connections> {
        home.plan.units.iter().map(|unit| Ok((unit.code, Self::open(home, unit)?))).collect()
    }

    /// For its operators.
    pub fn node(&self) -> NodeClient<Channel> {
        NodeClient::new(self.channel.clone())
    }

    /// Its ledgers.
    pub fn ledger(&self) -> LedgerClient<Channel> {
        LedgerClient::new(self.channel.clone())
    }

    /// Its statistics.
    pub fn statistics(&self) -> StatisticsClient<Channel> {
        StatisticsClient::new(self.channel.clone())
    }

    /// Its catalogue.
    pub fn catalogue(&self) -> CatalogueClient<Channel> {
        CatalogueClient::new(self.channel.clone())
    }

    /// Makes a call, again while the node is away; `doing` says what for, in errors. All calls
    /// of this program may be made twice: nodes know a repeated submission by its id.
    pub async fn call<T, C, F>(&self, doing: &str, mut call: C) -> anyhow::Result<T>
    where
        C: FnMut(Self) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let until = Instant::now() + Duration::from_secs(RETRY_SECONDS);
        loop {
            match call(self.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(status) if status.code() == Code::Unavailable && Instant::now() < until => {
                    sleep(Duration::from_millis(RETRY_DELAY_MS)).await;
                }
                Err(status) => return Err(anyhow!("{doing} at {}: {}", self.code, words(&status))),
            }
        }
    }
}

/// The connection to `code`.
pub fn to(connections: &Connections, code: DivisionCode) -> anyhow::Result<&Connection> {
    connections.get(&code).with_context(|| format!("no unit {code} in this federation"))
}

/// What a node answered, with the fields that it did not like.
fn words(status: &Status) -> String {
    let mut words = vec![format!("{} ({:?})", status.message(), status.code())];
    // A failed connection says only "transport error"; why stands in the sources.
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        words.push(format!(": {error}"));
        cause = error.source();
    }
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    words.extend(violations.iter().map(|violation| format!("\n  {}: {}", violation.field, violation.description)));
    words.concat()
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
