use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};

use crate::telemetry::Metrics;

/// Open connections of a node, in handshake or after it.
pub const CONNECTIONS_MAX: usize = 1_024;

/// The longest handshake: a caller that says nothing must not hold its place.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Finished handshakes that wait for the server to take them.
const READY_CONNECTIONS_MAX: usize = 16;

/// The wait after a failure to accept; the usual cause, too many open files, takes time to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections whose handshake is done, for `serve_with_incoming`. Dropping it stops
/// listening.
pub struct TlsListener {
    ready: mpsc::Receiver<Connection>,
    accepting: tokio::task::JoinHandle<()>,
    address: SocketAddr,
}

impl TlsListener {
    /// Accepts at `listener` from now on. Handshakes run beside each other, so that a slow
    /// caller delays nobody.
    pub fn new(listener: TcpListener, config: Arc<ServerConfig>, metrics: Arc<Metrics>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (finished, ready) = mpsc::channel(READY_CONNECTIONS_MAX);
        let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(config), metrics, finished));
        Ok(Self { ready, accepting, address })
    }

    /// Where it listens; the real port where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Stream for TlsListener {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    metrics: Arc<Metrics>,
    finished: mpsc::Sender<Connection>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Taken before the connection: those beyond the limit wait in the kernel's queue.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (acceptor, metrics, finished) = (acceptor.clone(), Arc::clone(&metrics), finished.clone());
        tokio::spawn(async move {
            match shake_hands(stream, &acceptor).await {
                Ok(stream) => drop(finished.send(Connection { stream, _place: place }).await),
                Err(error) => {
                    metrics.failed_handshakes.inc();
                    tracing::debug!(%from, %error, "handshake failed");
                }
            }
        });
    }
}

async fn shake_hands(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<TlsStream<TcpStream>> {
    // Frames are small and awaited: no waiting for more to fill a packet.
    stream.set_nodelay(true)?;
    tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await?
}

/// An accepted connection; it keeps one place of [`CONNECTIONS_MAX`].
pub struct Connection {
    stream: TlsStream<TcpStream>,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TlsConnectInfo<TcpConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
