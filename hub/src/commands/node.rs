//! `wuji node`: a unit's node in this program, so that one binary can be enough.

use std::process::ExitCode;

use wuji_node::config::NodeArgs;

/// Shown below the help.
pub const EXAMPLES: &str = "\
EXAMPLES
  wuji node --config config/county.toml
  wuji node --config config/county.toml --print-config";

/// Runs the node until it is told to stop.
pub async fn run(args: NodeArgs) -> anyhow::Result<ExitCode> {
    wuji_node::node::run(args).await?;
    Ok(ExitCode::SUCCESS)
}
