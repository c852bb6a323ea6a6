//! The configuration of a node: defaults < file < `WUJI_…` environment < flags. The doc
//! comments of [`Config`] are its manual; `config/*.toml` are commented examples.
//!
//! An environment variable names its key in capitals, levels joined by two underscores:
//! `WUJI_LINK__WINDOW_FRAMES=8`. Relative paths in file and environment start at the
//! file's directory, those in flags at the current one.
//!
//! * [`Config`] and its sections.
//! * [`NodeArgs`]: the flags of `wuji-node`, and loading.
//! * [`ConfigError`]: what is wrong, where, and what to write instead.

mod args;
mod check;
mod error;
mod load;
mod read;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wuji_proto::{DivisionCode, Tier};

pub use args::NodeArgs;
pub use error::ConfigError;
pub use load::load;

/// The port of a node that names none.
const DEFAULT_PORT: u16 = 7_301;

/// Everything that one node is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The unit's division code 区划代码 in its short form; its length names the tier.
    #[serde(deserialize_with = "read::code")]
    pub code: DivisionCode,
    /// The unit's name as people write it, at most 64 characters.
    #[serde(deserialize_with = "read::text")]
    pub name: String,
    /// Where journal and index live. One node's only. Default: `data`.
    #[serde(default = "default_data_directory")]
    pub data_directory: PathBuf,
    /// The address that children and operators connect to. Default: `127.0.0.1:7301`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The unit above; a province has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentConfig>,
    /// Who this node is, and whom it trusts.
    pub tls: TlsConfig,
    /// The journal.
    #[serde(default)]
    pub journal: JournalConfig,
    /// The index.
    #[serde(default)]
    pub index: IndexConfig,
    /// The catalogue 目录.
    #[serde(default)]
    pub catalogue: CatalogueConfig,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
    /// The page of numbers.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// Both ends of the links.
    #[serde(default)]
    pub link: LinkConfig,
}

impl Config {
    /// The tier that the code names.
    pub fn tier(&self) -> Tier {
        self.code.tier()
    }

    /// As a file that would say the same, with every default filled in.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|error| ConfigError::Print(error.to_string()))
    }
}

/// The unit above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParentConfig {
    /// Its division code; its tier is higher than this node's. Its certificate must name it.
    #[serde(deserialize_with = "read::code")]
    pub code: DivisionCode,
    /// Where it listens: `https://HOST:PORT`. The host need not be in its certificate.
    #[serde(deserialize_with = "read::text")]
    pub address: String,
}

/// Who this node is, and whom it trusts. All three are files in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificates of the authority that issued this node's and its neighbours' certificates.
    pub authority: PathBuf,
    /// This node's certificate, and those between it and the authority. It names `CODE.unit.wuji`.
    pub certificate: PathBuf,
    /// The private key of the certificate (PKCS #8); readable by the node's user only.
    pub key: PathBuf,
}

/// The journal: the truth that this node owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// The size of one file, preallocated: 1 to 256 MiB, as the journal takes. Default: 64.
    pub segment_mib: u32,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { segment_mib: 64 }
    }
}

/// The index: a view that is rebuilt where it is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexConfig {
    /// `sled` on disk, or `memory`, rebuilt at every start. Default: `sled`.
    pub kind: IndexKind,
    /// Memory for pages that were read: 1 to 65,536 MiB. Default: 16, which an idle node does not fill.
    pub cache_mib: u32,
    /// Time between checkpoints while there are changes: 1 to 3,600 s. Default: 5.
    pub checkpoint_seconds: u32,
    /// Time between snapshots while there are changes: up to 8,760 h; 0: none are made by
    /// themselves. An index that is lost begins with the newest one. Default: 24.
    pub snapshot_hours: u32,
}

impl Default for IndexConfig {
    fn default() -> Self {
        Self { kind: IndexKind::Sled, cache_mib: 16, checkpoint_seconds: 5, snapshot_hours: 24 }
    }
}

/// Where the index lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexKind {
    /// In the data directory.
    Sled,
    /// Nowhere: rebuilt from the journal at every start.
    Memory,
}

/// The catalogue 目录.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogueConfig {
    /// The directory of its files. Default: the one that the program carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
}

/// The log, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `text` for people, `json` for collectors. Default: `text`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`; or a list by module:
    /// `info,wuji_node::link=debug`. Default: `info`.
    #[serde(deserialize_with = "read::text")]
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The page of numbers for Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Serves `http://LISTEN/metrics`; must be a loopback address. Default: no page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

/// Both ends of the links to parent and children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkConfig {
    /// The longest first wait before connecting again: 10 to 60,000 ms. Default: 200.
    pub reconnect_min_ms: u32,
    /// The longest wait of all, reached by doubling: up to 3,600,000 ms. Default: 30,000.
    pub reconnect_max_ms: u32,
    /// A silent line is asked for a sign of life this often, and given up after as long
    /// again: 1 to 600 s. Default: 10.
    pub keepalive_seconds: u32,
    /// How often the parent is told when the units below were last complete: 1 to 3,600 s.
    /// Default: 60.
    pub heard_seconds: u32,
    /// Frames that may be on the way without an answer: 1 to 256. The smaller of both ends'
    /// numbers counts. Default: 32.
    pub window_frames: u32,
    /// Items in one frame at most: 1 to 4,096. Fewer show progress sooner on a very slow line.
    /// Default: 4,096.
    pub frame_items: u32,
    /// After an unclean stop, how long to wait for every child to show itself complete
    /// before pushing upward again: 0 to 3,600 s. Default: 30.
    pub hold_seconds: u32,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            reconnect_min_ms: 200,
            reconnect_max_ms: 30_000,
            keepalive_seconds: 10,
            heard_seconds: 60,
            window_frames: 32,
            frame_items: 4_096,
            hold_seconds: 30,
        }
    }
}

fn default_data_directory() -> PathBuf {
    PathBuf::from("data")
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT))
}
