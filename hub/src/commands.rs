//! One command a module.

pub mod dev;
pub mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "wuji", version, about = "Wuji 五级: five tiers of government, one federation")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::UpArgs),
    Dev(dev::DevArgs),
}

/// Reads the arguments, runs the command, and turns its error into words and an exit code.
pub async fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(args) => up::run(args).await,
        Command::Dev(args) => dev::run(args).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("wuji: {error:#}");
        ExitCode::FAILURE
    })
}
