//! What a node tells of itself while it runs: log lines to standard error, and numbers in
//! the text format of Prometheus on a loopback port.
//!
//! * [`Metrics`]: the numbers; every part holds the same one.
//! * [`serve_metrics`]: the page `/metrics`.

mod metrics;
mod page;

pub use metrics::Metrics;
pub use page::serve_metrics;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Why the telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no word that the filter knows.
    #[error("log level {level:?}: {problem}; write error, warn, info, debug or trace, or `info,wuji_node::link=debug`")]
    Level {
        /// What the configuration says.
        level: String,
        /// What the filter says of it.
        problem: String,
    },
    /// The process has a subscriber already.
    #[error("starting the log: this process already has one")]
    Started,
    /// The page of numbers could not be served.
    #[error("serving the metrics: {0}")]
    Page(#[from] std::io::Error),
}

/// Sends log lines to standard error from now on. Standard output stays free for data.
pub fn start_log(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = parse_level(&config.level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => {
            registry.with(lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))).try_init()
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|_| TelemetryError::Started)
}

/// Checks a level or a list of directives.
pub(crate) fn parse_level(level: &str) -> Result<EnvFilter, TelemetryError> {
    // The filter takes any word for a target, so a mistyped level would silence the log.
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    let refuse = |problem: String| TelemetryError::Level { level: level.to_owned(), problem };
    let level_of = |directive: &str| directive.rsplit('=').next().map(|word| word.trim().to_ascii_lowercase());
    for directive in level.split(',') {
        if !level_of(directive).is_some_and(|word| known.contains(&word.as_str())) {
            return Err(refuse(format!("`{}` names no level", directive.trim())));
        }
    }
    EnvFilter::try_new(level).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_read_and_mistyped_ones_refused() {
        for good in ["info", "DEBUG", "warn,wuji_node::link=debug", "off"] {
            assert!(parse_level(good).is_ok(), "{good}");
        }
        for bad in ["", "infos", "info,,", "wuji_node=loud", "link"] {
            let error = parse_level(bad).unwrap_err().to_string();
            assert!(error.contains("log level") && error.contains("write error, warn"), "{error}");
        }
    }
}
