//! `wuji-node`: the daemon, the same at every tier.

use std::process::ExitCode;

use clap::Parser;
use wuji_node::config::NodeArgs;

/// The node of one unit in a Wuji federation
#[derive(Parser)]
#[command(name = "wuji-node", version, arg_required_else_help = true)]
struct Args {
    #[command(flatten)]
    node: NodeArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    match wuji_node::node::run(Args::parse().node).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wuji-node: {error:#}");
            ExitCode::FAILURE
        }
    }
}
