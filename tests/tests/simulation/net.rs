//! The simulated network: connections whose ends know each other by name, and that can break
//! at one end while what is on the way still arrives at the other, late.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint};
use turmoil::net::{TcpListener, TcpStream};
use wuji_node::access::{Dial, DialError, InjectedIdentity, endpoint};

/// Where every node listens.
const PORT: u16 = 7_301;

/// Connections that wait to be served.
const WAITING_MAX: usize = 16;

/// One connection, as both of its ends know it.
#[derive(Default)]
struct Line {
    from: String,
    to: String,
    /// The dialling end sees it as broken.
    broken: bool,
    /// What is on the way is read only after so long.
    late: Option<Duration>,
    waker: Option<Waker>,
}

/// Every connection of a simulation, by the address of its dialling end.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<BTreeMap<SocketAddr, Arc<Mutex<Line>>>>>);

impl Lines {
    fn at(&self, dialler: SocketAddr) -> Arc<Mutex<Line>> {
        Arc::clone(self.0.lock().entry(dialler).or_default())
    }

    /// Breaks the connections between two hosts where they were dialled; the other end goes on
    /// reading what was sent, after so long. How many there were.
    pub fn break_late(&self, from: &str, to: &str, late: Duration) -> usize {
        let mut count = 0;
        for line in self.0.lock().values() {
            let mut line = line.lock();
            if line.from == from && line.to == to && !line.broken {
                (line.broken, line.late) = (true, Some(late));
                line.waker.take().into_iter().for_each(Waker::wake);
                count += 1;
            }
        }
        count
    }
}

/// The dialling end of a connection.
struct Dialled {
    stream: TcpStream,
    line: Arc<Mutex<Line>>,
}

impl Dialled {
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        let mut line = self.line.lock();
        if line.broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        line.waker = Some(context.waker().clone());
        Ok(())
    }
}

impl AsyncRead for Dialled {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Dialled {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.line.lock().broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The accepting end of a connection, with the names of its caller.
pub struct Accepted {
    stream: TcpStream,
    line: Arc<Mutex<Line>>,
    names: InjectedIdentity,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Connected for Accepted {
    type ConnectInfo = InjectedIdentity;

    fn connect_info(&self) -> InjectedIdentity {
        self.names.clone()
    }
}

impl AsyncRead for Accepted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let late = self.line.lock().late.take();
        if let Some(late) = late {
            self.wait = Some(Box::pin(tokio::time::sleep(late)));
        }
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Listens on the present host. `names` tells what the certificate of a host would say.
pub async fn listen(
    lines: Lines,
    names: impl Fn(&str) -> String + Send + 'static,
) -> io::Result<ReceiverStream<io::Result<Accepted>>> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let (accepted, incoming) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        loop {
            let (stream, from) = tokio::select! {
                biased;
                () = accepted.closed() => return,
                connection = listener.accept() => match connection {
                    Ok(connection) => connection,
                    Err(_) => return,
                },
            };
            let host = turmoil::reverse_lookup(from.ip()).unwrap_or_default();
            let names = InjectedIdentity::new([names(&host).as_str()]);
            let connection = Accepted { stream, line: lines.at(from), names, wait: None };
            if accepted.send(Ok(connection)).await.is_err() {
                return;
            }
        }
    });
    Ok(ReceiverStream::new(incoming))
}

/// Dials from one host to another.
#[derive(Clone)]
pub struct Way {
    pub from: String,
    pub to: String,
    pub keepalive: Duration,
    pub lines: Lines,
}

impl Way {
    fn endpoint(&self) -> Endpoint {
        endpoint(&format!("{}:{PORT}", self.to), self.keepalive).unwrap()
    }

    async fn connect(self) -> io::Result<TokioIo<Dialled>> {
        let stream = TcpStream::connect((self.to.as_str(), PORT)).await?;
        let line = self.lines.at(stream.local_addr()?);
        {
            let mut line = line.lock();
            (line.from, line.to) = (self.from, self.to);
        }
        Ok(TokioIo::new(Dialled { stream, line }))
    }

    /// Connects at the first call, and again whenever the connection is lost.
    pub fn lazy(&self) -> Channel {
        let way = self.clone();
        self.endpoint().connect_with_connector_lazy(tower::service_fn(move |_| way.clone().connect()))
    }
}

#[tonic::async_trait]
impl Dial for Way {
    async fn dial(&self) -> Result<Channel, DialError> {
        let way = self.clone();
        let connector = tower::service_fn(move |_| way.clone().connect());
        let connected = self.endpoint().connect_with_connector(connector).await;
        connected.map_err(|error| DialError { address: self.to.clone(), reason: error.to_string() })
    }

    fn address(&self) -> &str {
        &self.to
    }
}
