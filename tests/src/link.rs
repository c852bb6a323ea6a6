//! A line between two ends that can be cut: a port that stays, whatever becomes of the
//! process behind it. A node that starts again listens elsewhere; its neighbours do not notice.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Bytes that are carried at once.
const PIECE_BYTES: usize = 64 << 10;

/// Where the line leads; `None`: nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Route {
    to: Option<SocketAddr>,
    cut: bool,
}

/// A line.
pub struct Link {
    address: SocketAddr,
    route: watch::Sender<Route>,
    carried: Arc<Carried>,
    connected: watch::Receiver<Option<Instant>>,
    task: JoinHandle<()>,
}

impl Link {
    /// A line that leads nowhere yet.
    pub async fn new() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (route, routed) = watch::channel(Route::default());
        let (connecting, connected) = watch::channel(None);
        let carried = Arc::new(Carried::default());
        let line = Line { routed, carried: Arc::clone(&carried), connecting };
        let task = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(line.clone().carry(caller));
            }
        });
        Ok(Self { address, route, carried, connected, task })
    }

    /// Bytes that it has carried, both ways, as TCP carries them: with what TLS and HTTP/2 add.
    pub fn carried_bytes(&self) -> u64 {
        self.carried.up.load(Ordering::Relaxed) + self.carried.down.load(Ordering::Relaxed)
    }

    /// Waits until a connection reaches the other end after `since`; when the newest one did.
    pub async fn connected(&self, since: Instant) -> anyhow::Result<Instant> {
        let mut connected = self.connected.clone();
        let at = connected.wait_for(|at| at.is_some_and(|at| at >= since)).await?;
        Ok(at.unwrap_or(since))
    }

    /// Where to call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads there from now on; connections to where it led before end.
    pub fn lead(&self, to: Option<SocketAddr>) {
        self.route.send_if_modified(|route| std::mem::replace(&mut route.to, to) != to);
    }

    /// Cuts the line, or mends it.
    pub fn cut(&self, cut: bool) {
        self.route.send_if_modified(|route| std::mem::replace(&mut route.cut, cut) != cut);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes by direction: of the caller, and of the one called.
#[derive(Debug, Default)]
struct Carried {
    up: AtomicU64,
    down: AtomicU64,
}

/// What every connection over the line needs.
#[derive(Clone)]
struct Line {
    routed: watch::Receiver<Route>,
    carried: Arc<Carried>,
    connecting: watch::Sender<Option<Instant>>,
}

impl Line {
    async fn carry(mut self, caller: TcpStream) {
        let route = *self.routed.borrow_and_update();
        let Some(to) = route.to.filter(|_| !route.cut) else { return };
        let Ok(node) = TcpStream::connect(to).await else { return };
        self.connecting.send_replace(Some(Instant::now()));
        // Without it small frames wait for each other, here as on any line.
        let _ = (caller.set_nodelay(true), node.set_nodelay(true));
        let ((from_caller, to_caller), (from_node, to_node)) = (caller.into_split(), node.into_split());
        let up = copy(from_caller, to_node, &self.carried.up);
        let down = copy(from_node, to_caller, &self.carried.down);
        tokio::select! {
            _ = async { tokio::join!(up, down) } => {}
            _ = self.routed.changed() => {}
        }
    }
}

/// One direction, until its source ends or either end fails.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    carried: &AtomicU64,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = from.read(&mut piece).await?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { return to.shutdown().await };
        to.write_all(read).await?;
        carried.fetch_add(read.len() as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_line_carries_is_counted_both_ways_and_a_cut_line_carries_nothing() {
        let (began, end) = (Instant::now(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let line = Link::new().await.unwrap();
        line.lead(Some(end.local_addr().unwrap()));
        let mut caller = TcpStream::connect(line.address()).await.unwrap();
        let (mut node, _) = end.accept().await.unwrap();
        caller.write_all(b"three").await.unwrap();
        let mut heard = [0; 5];
        node.read_exact(&mut heard).await.unwrap();
        node.write_all(b"ok").await.unwrap();
        caller.read_exact(&mut heard[..2]).await.unwrap();
        assert_eq!(&heard, b"okree");
        assert!(line.connected(began).await.unwrap() >= began);
        line.cut(true);
        assert_eq!(caller.read(&mut heard).await.unwrap(), 0, "the connection ends");
        assert_eq!(line.carried_bytes(), 7);
        let mut refused = TcpStream::connect(line.address()).await.unwrap();
        assert_eq!(refused.read(&mut heard).await.unwrap(), 0);
    }
}
