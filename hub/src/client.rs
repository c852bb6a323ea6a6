//! The connection to a node: gRPC over TLS with certificates on both sides. The node must
//! show a certificate for `CODE.unit.wuji`, so an address that another unit took over is
//! noticed before anything is said.

mod error;
mod probe;

use std::fs;
use std::path::Path;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use wuji_proto::v1::CatalogueReply;
use wuji_proto::v1::GetCatalogueRequest;
use wuji_proto::v1::catalogue_client::CatalogueClient;
use wuji_proto::v1::ledger_client::LedgerClient;
use wuji_proto::v1::node_client::NodeClient;
use wuji_proto::v1::reports_client::ReportsClient;
use wuji_proto::v1::statistics_client::StatisticsClient;
use wuji_proto::v1::upkeep_client::UpkeepClient;

pub use error::{Address, ClientError, Violations};

use crate::contexts::Chosen;

/// How long opening a connection may take.
const CONNECT_SECONDS_MAX: u64 = 5;

/// How long a call that is not a stream may take.
const CALL_SECONDS_MAX: u64 = 30;

/// A silent connection is asked for a sign of life this often, so that a node that died
/// in the middle of a long answer is noticed.
const KEEP_ALIVE_SECONDS: u64 = 10;

/// The largest message that is read: a page of 1,000 records of ~16 KiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// How often a call is sent again to a node that does not answer.
const RETRIES_MAX: u32 = 3;

/// The wait before the first retry; each further one is twice as long.
const RETRY_WAIT_MS: u64 = 300;

/// A connection to one node.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    channel: Channel,
}

impl Client {
    /// Connects to a node.
    pub async fn connect(chosen: &Chosen) -> Result<Self, ClientError> {
        let context = &chosen.context;
        let address = Address { code: chosen.code, name: context.name.clone(), address: context.address.clone() };
        if !address.address.starts_with("https://") {
            return Err(ClientError::NotHttps(address));
        }
        let tls = ClientTlsConfig::new()
            .domain_name(format!("{}.unit.wuji", chosen.code))
            .ca_certificate(Certificate::from_pem(read("authority's certificate", &chosen.authority)?))
            .identity(Identity::from_pem(
                read("operator's certificate", &context.certificate)?,
                read("operator's key", &context.key)?,
            ));
        let endpoint = Endpoint::from_shared(address.address.clone())
            .and_then(|endpoint| endpoint.tls_config(tls))
            .map_err(|error| ClientError::setup(&address, &error))?
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .http2_keep_alive_interval(Duration::from_secs(KEEP_ALIVE_SECONDS))
            .keep_alive_timeout(Duration::from_secs(KEEP_ALIVE_SECONDS))
            .tcp_nodelay(true);
        match endpoint.connect().await {
            Ok(channel) => Ok(Self { address, channel }),
            Err(error) => Err(ClientError::transport(&address, &error)),
        }
    }

    /// Which node this is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The ledgers.
    pub fn ledger(&self) -> LedgerClient<Channel> {
        LedgerClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The statistics.
    pub fn statistics(&self) -> StatisticsClient<Channel> {
        StatisticsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The reports.
    pub fn reports(&self) -> ReportsClient<Channel> {
        ReportsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The node for its operators.
    pub fn node(&self) -> NodeClient<Channel> {
        NodeClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The care of the node's data.
    pub fn upkeep(&self) -> UpkeepClient<Channel> {
        UpkeepClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The node's catalogue.
    pub async fn catalogue(&self) -> Result<CatalogueReply, ClientError> {
        let mut client = CatalogueClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let reply = client.get(request(GetCatalogueRequest {})).await;
        Ok(reply.map_err(|status| self.error("read the catalogue", status))?.into_inner())
    }

    /// What a refused call means; `operation` completes "cannot …".
    #[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
    pub fn error(&self, operation: impl Into<String>, status: tonic::Status) -> ClientError {
        ClientError::status(&self.address, operation.into(), &status)
    }

    /// What a reply that the contract does not have means.
    pub fn broken(&self, operation: &str, reason: &str) -> ClientError {
        ClientError::Contract { operation: operation.to_owned(), node: self.address.clone(), reason: reason.to_owned() }
    }

    /// Makes a call that may safely be made twice; makes it again if the node does not answer.
    pub async fn call<T, F>(&self, operation: &str, mut call: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        for retry in 0..RETRIES_MAX {
            match call().await {
                Ok(reply) => return Ok(reply.into_inner()),
                Err(status) => match self.error(operation, status) {
                    error if error.is_transient() => eprintln!("{error}\ntrying again …"),
                    error => return Err(error),
                },
            }
            tokio::time::sleep(Duration::from_millis(RETRY_WAIT_MS << retry)).await;
        }
        call().await.map(tonic::Response::into_inner).map_err(|status| self.error(operation, status))
    }
}

/// Why a connection to a node that opened may have broken at once: `Err` if one end does not
/// accept the other's certificate, `Ok` if the cause lies elsewhere.
pub async fn check_identity(chosen: &Chosen) -> Result<(), ClientError> {
    let context = &chosen.context;
    let address = Address { code: chosen.code, name: context.name.clone(), address: context.address.clone() };
    let chosen = chosen.clone();
    match tokio::task::spawn_blocking(move || probe::probe(&chosen)).await {
        Ok(Err(error)) => match ClientError::transport(&address, &error) {
            identity @ ClientError::Identity { .. } => Err(identity),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A request with a deadline for a node that itself waits for others, up to `within_ms`
/// (0: as long as nodes wait unless told otherwise).
pub fn request_within<T>(message: T, within_ms: u32) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(Duration::from_secs(CALL_SECONDS_MAX) + Duration::from_millis(within_ms.into()));
    request
}

/// A request with the deadline of calls that are not streams.
pub fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(Duration::from_secs(CALL_SECONDS_MAX));
    request
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ClientError> {
    fs::read(path).map_err(|source| ClientError::File { what, path: path.to_owned(), source })
}
