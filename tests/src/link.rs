//! A line between two ends that can be cut: a port that stays, whatever becomes of the
//! process behind it. A node that starts again listens elsewhere; its neighbours do not notice.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

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
    task: JoinHandle<()>,
}

impl Link {
    /// A line that leads nowhere yet.
    pub async fn new() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (route, routed) = watch::channel(Route::default());
        let task = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(carry(caller, routed.clone()));
            }
        });
        Ok(Self { address, route, task })
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

async fn carry(mut caller: TcpStream, mut routed: watch::Receiver<Route>) {
    let route = *routed.borrow_and_update();
    let Some(to) = route.to.filter(|_| !route.cut) else { return };
    let Ok(mut node) = TcpStream::connect(to).await else { return };
    // Without it small frames wait for each other, here as on any line.
    let _ = (caller.set_nodelay(true), node.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut caller, &mut node) => {}
        _ = routed.changed() => {}
    }
}
