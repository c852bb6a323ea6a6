//! Where a scenario's nodes live: a directory with certificates and one directory a unit, as
//! the shipped configuration sets nodes up; and the chain of all five tiers in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::time::Instant;
use wuji::certificates::Role;
use wuji_proto::{DivisionCode, Tier};

use super::args::MeasureArgs;
use super::case::MONTH;
use super::latency;
use crate::client::{self, Client};
use crate::federation::{CITY, COUNTY, PROVINCE, TOWNSHIP, WORKROOM};
use crate::link::Link;
use crate::node::Node;
use crate::records::day;
use crate::{program, wait};

/// The five tiers, from the top.
pub const CHAIN: [&str; 5] = [PROVINCE, CITY, COUNTY, TOWNSHIP, WORKROOM];

/// The longest that an answer may take: far beyond what any of them should.
const CALL_MAX: Duration = Duration::from_mins(5);

/// Where nobody listens: the parent of a node that is measured alone.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

/// The directory of a scenario; it is removed at the end.
pub struct Place {
    directory: TempDir,
    /// The program of the nodes.
    pub program: PathBuf,
}

/// A node at work.
pub struct Member {
    /// Its unit.
    pub code: DivisionCode,
    /// The process.
    pub node: Node,
    /// Its operator.
    pub client: Client,
    /// From its start until it served, in milliseconds.
    pub ready_ms: f64,
}

impl Place {
    /// With certificates for these units.
    pub fn new<C: AsRef<str>>(args: &MeasureArgs, codes: &[C]) -> anyhow::Result<Self> {
        let prefix = "wuji-bench-";
        let directory = match &args.at {
            Some(at) => tempfile::Builder::new().prefix(prefix).tempdir_in(at),
            None => tempfile::Builder::new().prefix(prefix).tempdir(),
        };
        let directory = directory.context("making a directory for the nodes: name another with --at")?;
        let codes = codes.iter().map(|code| code.as_ref().parse()).collect::<Result<Vec<DivisionCode>, _>>()?;
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
        wuji::certificates::ensure(&directory.path().join("certificates"), &codes, i64::try_from(now)?)?;
        Ok(Self { directory, program: args.node.clone().map_or_else(program::node, Ok)? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A node's data.
    pub fn data(&self, code: DivisionCode) -> PathBuf {
        self.path().join(code.as_str()).join("data")
    }

    /// Starts a node whose parent is not there.
    pub async fn alone(&self, code: &str) -> anyhow::Result<Member> {
        let code: DivisionCode = code.parse()?;
        let parent = CHAIN.iter().rev().filter_map(|above| above.parse::<DivisionCode>().ok());
        let parent = parent.into_iter().find(|above| above.can_parent(code) && above.contains(code));
        self.start(code, parent.map(|parent| (parent, NOWHERE))).await
    }

    /// Starts a node.
    pub async fn start(
        &self,
        code: DivisionCode,
        parent: Option<(DivisionCode, SocketAddr)>,
    ) -> anyhow::Result<Member> {
        let directory = self.path().join(code.as_str());
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join("node.toml"), node_toml(code, parent))?;
        let began = Instant::now();
        let node = Node::start_program(&self.program, &directory).await.with_context(|| format!("starting {code}"))?;
        let ready_ms = latency::milliseconds(began.elapsed());
        let client = self.operator(code, node.address)?;
        Ok(Member { code, node, client, ready_ms })
    }

    /// An operator's own connection.
    pub fn operator(&self, code: DivisionCode, address: SocketAddr) -> anyhow::Result<Client> {
        let (certificates, authority) = self.certificates();
        Client::patient(code, address, &certificates, &authority, CALL_MAX)
    }

    /// A child's connection to its parent's node.
    pub fn uplink(&self, child: DivisionCode, parent: &Member) -> anyhow::Result<tonic::transport::Channel> {
        let (certificates, authority) = self.certificates();
        let caller = (Role::Node, child);
        let endpoint = client::endpoint(caller, parent.code, parent.node.address, &certificates, &authority)?;
        Ok(endpoint.connect_lazy())
    }

    fn certificates(&self) -> (PathBuf, PathBuf) {
        let certificates = self.path().join("certificates");
        let authority = certificates.join("authority.pem");
        (certificates, authority)
    }
}

impl Member {
    /// Plans a child from the month of all cases on.
    pub async fn register(&self, child: DivisionCode) -> anyhow::Result<()> {
        self.client.register(child, child.as_str(), day(&format!("{MONTH}-01"))?).await
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(self) -> anyhow::Result<()> {
        let stopped = self.node.stop().await?;
        ensure!(stopped.success(), "{} ended with {stopped} on SIGTERM", self.code);
        Ok(())
    }
}

/// All five tiers, from the top, each connected to the one above it, or over its line where it has one.
pub async fn chain(place: &Place, lines: &[(&str, &Link)]) -> anyhow::Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::with_capacity(CHAIN.len());
    for code in CHAIN {
        let unit = code.parse()?;
        let parent = match members.last() {
            None => None,
            Some(above) => {
                above.register(unit).await?;
                let line = lines.iter().find(|(of, _)| *of == code).map(|(_, line)| line);
                line.inspect(|line| line.lead(Some(above.node.address)));
                Some((above.code, line.map_or(above.node.address, |line| line.address())))
            }
        };
        members.push(place.start(unit, parent).await?);
    }
    level(&members).await?;
    Ok(members)
}

/// Waits until every node has applied what it wrote, and shown its parent that both hold the same.
pub async fn level(members: &[Member]) -> anyhow::Result<()> {
    for member in members.iter().rev() {
        applied(member).await?;
        if member.code.tier() == Tier::Province {
            continue;
        }
        let what = format!("{} is equal to its parent's copy", member.code);
        wait::until(&what, async || {
            let up = member.client.uplink().await.map_err(|error| format!("{error:#}"))?;
            let equal = up.state == "connected" && up.digest == "equal" && up.lag_items == 0;
            if equal { Ok(()) } else { Err(format!("{} {} {} {}", up.state, up.digest, up.lag_items, up.reason)) }
        })
        .await?;
    }
    Ok(())
}

/// Waits until a node's index has all that its journal has.
pub async fn applied(member: &Member) -> anyhow::Result<()> {
    let what = format!("{} has applied what it wrote", member.code);
    wait::until(&what, async || {
        let status = member.client.status().await.map_err(|error| format!("{error:#}"))?;
        let (journal, index) = (status.journal.unwrap_or_default(), status.index.unwrap_or_default());
        let behind = index.applied < journal.sequence;
        if behind { Err(format!("{} of {} entries", index.applied, journal.sequence)) } else { Ok(()) }
    })
    .await
}

/// Asks all to stop, from the bottom.
pub async fn stop(members: Vec<Member>) -> anyhow::Result<()> {
    for member in members.into_iter().rev() {
        member.stop().await?;
    }
    Ok(())
}

/// What a node must be told; all else is as shipped.
fn node_toml(code: DivisionCode, parent: Option<(DivisionCode, SocketAddr)>) -> String {
    let parent = parent.map_or(String::new(), |(parent, address)| {
        format!("parent = {{ code = \"{parent}\", address = \"https://{address}\" }}\n")
    });
    format!(
        r#"code = "{code}"
name = "{code}"
data_directory = "data"
listen = "127.0.0.1:0"
{parent}
[tls]
authority = "../certificates/authority.pem"
certificate = "../certificates/{code}.pem"
key = "../certificates/{code}.key"
"#
    )
}
