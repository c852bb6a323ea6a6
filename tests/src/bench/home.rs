//! A province's directory: `data/` of its node, `certificates/`, the node's configuration,
//! and `province.json`, which is written last and says that the data are whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use wuji_proto::{DivisionCode, Period};

use super::args::ProvinceArgs;
use super::latency;
use crate::client::Client;
use crate::federation::PROVINCE;
use crate::node::Node;

/// The province's name.
pub const NAME: &str = "山东省";

const FINISHED: &str = "province.json";
const BEGUN: &str = "province.begun";

/// What a province was made of, and what making it took.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Workrooms.
    pub workrooms: usize,
    /// Townships.
    pub townships: usize,
    /// Counties.
    pub counties: usize,
    /// Cities, each of which sent its feed.
    pub cities: usize,
    /// Months.
    pub months: u32,
    /// The first month.
    pub first: String,
    /// The last month.
    pub last: String,
    /// Cells of the province's own feed: of itself by day, of every unit below by month.
    pub cells: u64,
    /// Items that the cities sent, their directories included.
    pub items_sent: u64,
    /// Bytes that the index takes on disk.
    pub index_bytes: u64,
    /// Seconds that it took to build.
    pub seconds: u64,
    /// The most memory that the building process held, in bytes.
    pub peak_rss_bytes: u64,
    /// Commit of the program that built it.
    pub commit: String,
    /// What each flow adds up to, counted from the workrooms' records alone, by the measure's id.
    pub totals: BTreeMap<String, i64>,
}

impl Built {
    /// Whether this is the province that was asked for.
    fn fits(&self, wanted: &ProvinceArgs) -> bool {
        (self.workrooms, self.months, self.first.as_str())
            == (wanted.workrooms, wanted.months, wanted.first.to_string().as_str())
    }

    /// The first month.
    pub fn first(&self) -> anyhow::Result<Period> {
        Ok(self.first.parse()?)
    }
}

/// The directory of a province.
#[derive(Clone, Debug)]
pub struct Home {
    directory: PathBuf,
}

impl Home {
    /// At this path, which need not exist.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The node's data.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// What is built there; `None` if it is not finished.
    pub fn built(&self) -> anyhow::Result<Option<Built>> {
        let path = self.directory.join(FINISHED);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let built = serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        Ok(Some(built))
    }

    /// Begins to build: what an unfinished attempt left is removed. If what was asked for is
    /// there, it is returned and nothing is changed.
    pub fn begin(&self, wanted: &ProvinceArgs) -> anyhow::Result<Option<Built>> {
        let shown = self.directory.display();
        if let Some(built) = self.built()? {
            ensure!(
                built.fits(wanted),
                "{shown} has a province of {} workrooms and {} months from {}: name another directory",
                built.workrooms,
                built.months,
                built.first
            );
            return Ok(Some(built));
        }
        let (data, begun) = (self.data(), self.directory.join(BEGUN));
        if data.exists() {
            ensure!(begun.exists(), "{shown} has data/ that was not made here: name another directory");
            fs::remove_dir_all(&data).with_context(|| format!("removing the unfinished {}", data.display()))?;
        }
        fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
        fs::write(begun, "")?;
        Ok(None)
    }

    /// The data are whole.
    pub fn finish(&self, built: &Built) -> anyhow::Result<()> {
        fs::write(self.directory.join(FINISHED), serde_json::to_string_pretty(built)? + "\n")?;
        fs::remove_file(self.directory.join(BEGUN)).context("noting that the province is finished")
    }

    /// Starts the real node over the data; how long it took, in milliseconds, until it served.
    pub async fn serve(&self, program: &Path, cache_mib: u32) -> anyhow::Result<(Served, f64)> {
        if self.built()?.is_none() {
            let shown = self.directory.display();
            bail!("{shown} has no finished province: make one with `wuji-bench province --dir {shown}`");
        }
        let code: DivisionCode = PROVINCE.parse()?;
        let certificates = self.directory.join("certificates");
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
        wuji::certificates::ensure(&certificates, &[code], i64::try_from(now)?)?;
        fs::write(self.directory.join("node.toml"), node_toml(code, cache_mib))?;
        let began = Instant::now();
        let node = Node::start_program(program, &self.directory).await?;
        let ready_ms = latency::milliseconds(began.elapsed());
        let client = Client::patient(code, node.address, &certificates, &certificates.join("authority.pem"), CALL_MAX)?;
        Ok((Served { node, client }, ready_ms))
    }
}

/// The longest that an answer may take: far beyond what any of them should.
const CALL_MAX: Duration = Duration::from_mins(5);

/// A province's node at work.
pub struct Served {
    /// The process.
    pub node: Node,
    /// Its operator.
    pub client: Client,
}

fn node_toml(code: DivisionCode, cache_mib: u32) -> String {
    format!(
        r#"code = "{code}"
name = "{NAME}"
data_directory = "data"
listen = "127.0.0.1:0"

[tls]
authority = "certificates/authority.pem"
certificate = "certificates/{code}.pem"
key = "certificates/{code}.key"

[index]
cache_mib = {cache_mib}
"#
    )
}
