use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::{Config, ConfigError, LogFormat, load};

/// The flags of a node.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeArgs {
    /// The configuration file (examples: config/*.toml)
    #[arg(long, value_name = "FILE", env = "WUJI_CONFIG")]
    pub config: PathBuf,
    /// Print the configuration as it is understood, with all defaults, and end
    #[arg(long)]
    pub print_config: bool,
    /// End in good order when standard input is closed; for programs that start nodes
    #[arg(long)]
    pub stop_with_stdin: bool,
    /// Go on although the journal lost entries that had been acknowledged. What is lost is
    /// named and recorded; the unit begins a new incarnation, which its parent must accept
    #[arg(long)]
    pub accept_loss: bool,
    /// Overrides `listen`
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Overrides `data_directory`
    #[arg(long, value_name = "DIR")]
    pub data_directory: Option<PathBuf>,
    /// Overrides `log.level`
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Overrides `log.format`
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Overrides `metrics.listen`
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
}

/// The flags that override keys, in the form of the file.
#[derive(Serialize)]
pub(super) struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_directory: Option<PathBuf>,
    log: LogOverrides,
    metrics: MetricsOverrides,
}

#[derive(Serialize)]
struct LogOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<LogFormat>,
}

#[derive(Serialize)]
struct MetricsOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
}

impl NodeArgs {
    /// Only a file, no overrides.
    pub fn of_file(config: impl Into<PathBuf>) -> Self {
        Self {
            config: config.into(),
            print_config: false,
            stop_with_stdin: false,
            accept_loss: false,
            listen: None,
            data_directory: None,
            log_level: None,
            log_format: None,
            metrics_listen: None,
        }
    }

    /// Reads file and environment, puts the flags over them, and checks the whole.
    pub fn load(&self) -> Result<Config, ConfigError> {
        load(self)
    }

    pub(super) fn overrides(&self) -> Overrides {
        // A flag is typed where the user stands; the file's directory means nothing to it.
        let here = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Overrides {
            listen: self.listen,
            data_directory: self.data_directory.as_ref().map(here),
            log: LogOverrides { level: self.log_level.clone(), format: self.log_format },
            metrics: MetricsOverrides { listen: self.metrics_listen },
        }
    }
}
