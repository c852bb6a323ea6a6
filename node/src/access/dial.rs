use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::{explain, unit_name};
use wuji_proto::DivisionCode;

/// The longest time for reaching the other end and shaking hands.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Bytes on the way in one call and in all calls of a connection before the receiver has
/// taken them. Two batches, so that one travels while the other is applied.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 512 << 10;
/// See [`STREAM_WINDOW_BYTES`].
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// A connection could not be made; the text says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connecting to {address}: {reason}")]
pub struct DialError {
    /// The other end.
    pub address: String,
    /// Why not.
    pub reason: String,
}

/// Makes connections to one node; a simulation has its own.
#[tonic::async_trait]
pub trait Dial: Send + Sync {
    /// A new connection.
    async fn dial(&self) -> Result<Channel, DialError>;

    /// The other end, for people.
    fn address(&self) -> &str;
}

/// Connects over TCP and TLS 1.3 to the node of a unit.
pub struct TlsDial {
    address: String,
    endpoint: Endpoint,
    target: String,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl TlsDial {
    /// To `address` (`https://HOST:PORT`), where the node of `unit` must answer, whatever
    /// its host is called. A silent connection is asked for a sign of life each `keepalive`.
    pub fn new(
        address: &str,
        unit: DivisionCode,
        keepalive: Duration,
        config: Arc<ClientConfig>,
    ) -> Result<Self, DialError> {
        let refuse = |reason: String| DialError { address: address.to_owned(), reason };
        let uri: Uri = address.parse().map_err(|error| refuse(format!("{error}; write https://HOST:PORT")))?;
        let (Some("https"), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16()) else {
            return Err(refuse("write https://HOST:PORT".to_owned()));
        };
        let target = format!("{host}:{port}");
        let name = ServerName::try_from(unit_name(unit)).map_err(|error| refuse(error.to_string()))?;
        // The library encrypts `https` itself or not at all; here the connector does, so it is
        // told `http`, and the calls still say where they really go.
        let endpoint = endpoint(&target, keepalive).map_err(|error| refuse(explain(&error)))?.origin(uri);
        Ok(Self { address: address.to_owned(), endpoint, target, name, config })
    }
}

/// How calls to `HOST:PORT` are made, once there is a connection: it is asked for a sign of life
/// each `keepalive`, and what is on the way is bounded.
pub fn endpoint(target: &str, keepalive: Duration) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(format!("http://{target}"))?
        .connect_timeout(CONNECT_MAX)
        .http2_keep_alive_interval(keepalive)
        .keep_alive_timeout(keepalive)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES))
}

#[tonic::async_trait]
impl Dial for TlsDial {
    async fn dial(&self) -> Result<Channel, DialError> {
        let (target, name) = (self.target.clone(), self.name.clone());
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let connect = tower::service_fn(move |_: Uri| {
            let (target, name, connector) = (target.clone(), name.clone(), connector.clone());
            async move { shake_hands(&target, name, &connector).await.map(TokioIo::new) }
        });
        self.endpoint
            .connect_with_connector(connect)
            .await
            .map_err(|error| DialError { address: self.address.clone(), reason: explain(&error) })
    }

    fn address(&self) -> &str {
        &self.address
    }
}

async fn shake_hands(
    target: &str,
    name: ServerName<'static>,
    connector: &TlsConnector,
) -> io::Result<TlsStream<TcpStream>> {
    let attempt = async {
        let stream = TcpStream::connect(target).await?;
        stream.set_nodelay(true)?;
        connector.connect(name, stream).await
    };
    tokio::time::timeout(CONNECT_MAX, attempt).await?
}
