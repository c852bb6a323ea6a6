//! A federation of real nodes in a directory of its own.
//!
//! A federation that is not [finished](Federation::finish) leaves its directory behind, with
//! every node's configuration, data and log, and says where.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::sync::Mutex;
use wuji_proto::DivisionCode;

use crate::client::Client;
use crate::link::Link;
use crate::node::{Node, Refused};
use crate::records::day;

/// 山东省.
pub const PROVINCE: &str = "37";
/// 日照市.
pub const CITY: &str = "3711";
/// 莒县.
pub const COUNTY: &str = "371122";
/// A township of it.
pub const TOWNSHIP: &str = "371122100";
/// A workroom of that.
pub const WORKROOM: &str = "371122100001";
/// Another.
pub const WORKROOM_2: &str = "371122100002";
/// All five tiers, with two workrooms.
pub const TIERS: [&str; 6] = [PROVINCE, CITY, COUNTY, TOWNSHIP, WORKROOM, WORKROOM_2];

/// The day from which all units are expected to report.
const EXPECTED_FROM: &str = "2024-01-01";

/// What may differ from one start of a node to the next.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The directory of its catalogue; `None`: the one that the program carries.
    pub catalogue: Option<PathBuf>,
    /// The name in its certificate; `None`: its own code.
    pub certificate: Option<String>,
    /// `link.hold_seconds`.
    pub hold_seconds: u32,
    /// The port of its page of numbers.
    pub metrics_port: Option<u16>,
    /// `--accept-loss`.
    pub accept_loss: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { catalogue: None, certificate: None, hold_seconds: 10, metrics_port: None, accept_loss: false }
    }
}

struct Unit {
    code: DivisionCode,
    parent: Option<DivisionCode>,
    /// Where its operators call.
    door: Link,
    /// Where it calls its parent.
    uplink: Link,
    client: Client,
    setup: Mutex<Setup>,
    node: Mutex<Option<Node>>,
}

/// Units and their nodes.
pub struct Federation {
    /// From the top.
    units: Vec<Unit>,
    home: Option<TempDir>,
}

impl Federation {
    /// Starts a node for each unit, from the top; each is registered at the nearest unit above
    /// it that is named, too.
    pub async fn start(codes: &[&str]) -> anyhow::Result<Self> {
        let federation = Self::plan(codes).await?;
        for unit in &federation.units {
            federation.up(unit.code.as_str()).await?;
        }
        Ok(federation)
    }

    /// As [`start`](Self::start), but no node is started and none registered.
    pub async fn plan(codes: &[&str]) -> anyhow::Result<Self> {
        let mut codes = codes.iter().map(|code| code.parse()).collect::<Result<Vec<DivisionCode>, _>>()?;
        codes.sort_by_key(|code| (code.tier(), *code));
        let home = tempfile::Builder::new().prefix("wuji-federation-").tempdir()?;
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
        let certificates = home.path().join("certificates");
        wuji::certificates::ensure(&certificates, &codes, i64::try_from(now)?)?;
        let mut units = Vec::new();
        for code in &codes {
            let above = codes.iter().filter(|above| above.can_parent(*code) && above.contains(*code));
            let door = Link::new().await?;
            let client = Client::new(*code, door.address(), &certificates, &certificates.join("authority.pem"))?;
            units.push(Unit {
                code: *code,
                parent: above.max_by_key(|above| above.tier()).copied(),
                door,
                uplink: Link::new().await?,
                client,
                setup: Mutex::default(),
                node: Mutex::default(),
            });
        }
        Ok(Self { units, home: Some(home) })
    }

    /// Registers a unit at its parent, and starts its node.
    pub async fn up(&self, code: &str) -> anyhow::Result<()> {
        self.register(code).await?;
        self.start_node(code).await
    }

    /// Registers a unit at its parent.
    pub async fn register(&self, code: &str) -> anyhow::Result<()> {
        let unit = self.unit(code)?;
        let Some(parent) = unit.parent else { return Ok(()) };
        self.client(parent.as_str())?.register(unit.code, &name(unit.code), day(EXPECTED_FROM)?).await
    }

    /// Starts a node that is not running.
    pub async fn start_node(&self, code: &str) -> anyhow::Result<()> {
        let unit = self.unit(code)?;
        self.configure(unit).await?;
        let mut node = unit.node.lock().await;
        ensure!(node.is_none(), "{code} is running already");
        let flags: &[&str] = if unit.setup.lock().await.accept_loss { &["--accept-loss"] } else { &[] };
        let started = Node::start_with(&self.directory(code), flags).await;
        let started = started.with_context(|| format!("starting {code}"))?;
        self.lead(unit, Some(started.address));
        *node = Some(started);
        Ok(())
    }

    /// Starts a node that must refuse to serve; one more of this unit if it is running.
    pub async fn refused(&self, code: &str) -> anyhow::Result<Refused> {
        self.configure(self.unit(code)?).await?;
        Node::refused(&self.directory(code)).await
    }

    /// Kills a node with SIGKILL.
    pub async fn kill(&self, code: &str) -> anyhow::Result<()> {
        self.running(code).await?.kill().await
    }

    /// Starts a node that is not running and kills it a moment later, while it starts or just after.
    pub async fn kill_while_starting(&self, code: &str, after: Duration) -> anyhow::Result<()> {
        let unit = self.unit(code)?;
        self.configure(unit).await?;
        let node = unit.node.lock().await;
        ensure!(node.is_none(), "{code} is running already");
        Node::kill_while_starting(&self.directory(code), after).await
    }

    /// Stops a node where it stands with SIGSTOP: its lines stay open and silent.
    pub async fn pause(&self, code: &str) -> anyhow::Result<()> {
        let node = self.unit(code)?.node.lock().await;
        node.as_ref().with_context(|| format!("{code} is not running"))?.pause().await
    }

    /// Lets a node go on that was paused.
    pub async fn resume(&self, code: &str) -> anyhow::Result<()> {
        let node = self.unit(code)?.node.lock().await;
        node.as_ref().with_context(|| format!("{code} is not running"))?.resume().await
    }

    /// Asks a node to stop with SIGTERM, and waits until it has.
    pub async fn stop(&self, code: &str) -> anyhow::Result<ExitStatus> {
        self.running(code).await?.stop().await
    }

    /// The process of a node.
    pub async fn process(&self, code: &str) -> anyhow::Result<u32> {
        let node = self.unit(code)?.node.lock().await;
        node.as_ref().with_context(|| format!("{code} is not running"))?.id()
    }

    /// Where a unit's operators and children may call, whether its node runs or not.
    pub fn door(&self, code: &str) -> anyhow::Result<SocketAddr> {
        Ok(self.unit(code)?.door.address())
    }

    /// Keeps an image of the disk of a node that is not running.
    pub fn keep_disk(&self, code: &str) -> anyhow::Result<()> {
        copy(&self.directory(code).join("data"), &self.directory(code).join("image"))
    }

    /// The disk of a node that is not running comes back as its image.
    pub fn roll_back(&self, code: &str) -> anyhow::Result<()> {
        let data = self.directory(code).join("data");
        std::fs::remove_dir_all(&data)?;
        copy(&self.directory(code).join("image"), &data)
    }

    /// Changes what a node is set up with, from its next start on.
    pub async fn set(&self, code: &str, change: impl FnOnce(&mut Setup)) -> anyhow::Result<()> {
        change(&mut *self.unit(code)?.setup.lock().await);
        Ok(())
    }

    /// Cuts a unit's line to its parent, or mends it.
    pub fn cut(&self, code: &str, cut: bool) -> anyhow::Result<()> {
        self.unit(code)?.uplink.cut(cut);
        Ok(())
    }

    /// Leads a unit's line to another unit's node, until its parent's node starts again.
    pub async fn mislead(&self, code: &str, to: &str) -> anyhow::Result<()> {
        let address = self.unit(to)?.node.lock().await.as_ref().map(|node| node.address);
        self.unit(code)?.uplink.lead(Some(address.with_context(|| format!("{to} is not running"))?));
        Ok(())
    }

    /// The operator of a node.
    pub fn client(&self, code: &str) -> anyhow::Result<&Client> {
        Ok(&self.unit(code)?.client)
    }

    /// The operator of a node that shows a certificate of another authority.
    pub fn client_trusting(&self, code: &str, authority: &Path) -> anyhow::Result<Client> {
        let unit = self.unit(code)?;
        Client::new(unit.code, unit.door.address(), &self.home().join("certificates"), authority)
    }

    /// All operators, from the top, with each unit's parent.
    pub fn clients(&self) -> impl DoubleEndedIterator<Item = (&Client, Option<DivisionCode>)> {
        self.units.iter().map(|unit| (&unit.client, unit.parent))
    }

    /// A node's directory: `node.toml`, `node.log`, `data/`.
    pub fn directory(&self, code: &str) -> PathBuf {
        self.home().join(code)
    }

    /// Waits until all are quiet and equal, then compares every tier with a recount.
    pub async fn exact(&self) -> anyhow::Result<()> {
        crate::quiet::wait(self).await?;
        crate::recount::verify(self).await
    }

    /// Stops all nodes from the bottom, each of which must end well, and removes the directory.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        for unit in self.units.iter().rev() {
            if unit.node.lock().await.is_some() {
                let status = self.stop(unit.code.as_str()).await?;
                ensure!(status.success(), "{} ended with {status} on SIGTERM", unit.code);
            }
        }
        self.home.take().map_or(Ok(()), TempDir::close).context("removing the federation's directory")
    }

    fn home(&self) -> &Path {
        self.home.as_ref().map_or(Path::new(""), TempDir::path)
    }

    fn unit(&self, code: &str) -> anyhow::Result<&Unit> {
        self.units.iter().find(|unit| unit.code.as_str() == code).with_context(|| format!("no unit {code} is planned"))
    }

    async fn running(&self, code: &str) -> anyhow::Result<Node> {
        let unit = self.unit(code)?;
        let Some(node) = unit.node.lock().await.take() else { bail!("{code} is not running") };
        self.lead(unit, None);
        Ok(node)
    }

    /// All lines to a unit lead to its node.
    fn lead(&self, unit: &Unit, to: Option<SocketAddr>) {
        unit.door.lead(to);
        for child in self.units.iter().filter(|child| child.parent == Some(unit.code)) {
            child.uplink.lead(to);
        }
    }

    async fn configure(&self, unit: &Unit) -> anyhow::Result<()> {
        let directory = self.directory(unit.code.as_str());
        std::fs::create_dir_all(&directory)?;
        let text = node_toml(unit, &*unit.setup.lock().await);
        std::fs::write(directory.join("node.toml"), text).context("writing a node's configuration")
    }
}

impl Drop for Federation {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            eprintln!("the federation's directory is kept: {}", home.keep().display());
        }
    }
}

/// Copies a directory with all that is in it.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// What a unit is called.
fn name(code: DivisionCode) -> String {
    format!("{}{code}", code.tier().title())
}

/// Small times and segments: what takes minutes in production is to happen within a test.
fn node_toml(unit: &Unit, setup: &Setup) -> String {
    let (code, name) = (unit.code, name(unit.code));
    let certificate = setup.certificate.as_deref().unwrap_or(code.as_str());
    let parent = unit.parent.map_or(String::new(), |parent| {
        format!("parent = {{ code = \"{parent}\", address = \"https://{}\" }}", unit.uplink.address())
    });
    let catalogue = setup
        .catalogue
        .as_ref()
        .map_or(String::new(), |directory| format!("[catalogue]\ndirectory = \"{}\"", directory.display()));
    let metrics = setup.metrics_port.map_or(String::new(), |port| format!("[metrics]\nlisten = \"127.0.0.1:{port}\""));
    let hold_seconds = setup.hold_seconds;
    format!(
        r#"code = "{code}"
name = "{name}"
data_directory = "data"
listen = "127.0.0.1:0"
{parent}
{catalogue}
{metrics}

[tls]
authority = "../certificates/authority.pem"
certificate = "../certificates/{certificate}.pem"
key = "../certificates/{certificate}.key"

[journal]
segment_mib = 1

[index]
checkpoint_seconds = 1

[link]
reconnect_min_ms = 10
reconnect_max_ms = 200
keepalive_seconds = 2
heard_seconds = 1
hold_seconds = {hold_seconds}
"#
    )
}
