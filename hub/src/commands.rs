//! The commands, one module each. A command gets its arguments and the [`Global`]s, prints
//! to stdout, and returns an exit code; errors are told and turned into exit codes by
//! [`exit`](crate::exit).
//!
//! [`Global`]: crate::args::Global

pub mod audit;
pub mod child;
pub mod completion;
pub mod dev;
pub mod division;
pub mod journal;
pub mod ledger;
pub mod node;
pub mod rank;
pub mod report;
pub mod stats;
pub mod status;
pub mod tree;
pub mod up;

use std::process::ExitCode;

use crate::args::{Cli, Command, Global};
use crate::client::{self, ClientError};

/// Runs a command.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli { command, global } = cli;
    let error = match dispatch(command, &global).await {
        Ok(code) => return Ok(code),
        Err(error) => error,
    };
    if matches!(error.downcast_ref(), Some(ClientError::NoAnswer { broken: true, .. })) {
        client::check_identity(&global.chosen()?).await?;
    }
    Err(error)
}

async fn dispatch(command: Command, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        Command::Ledger(command) => ledger::run(command, global).await,
        Command::Status => status::run(global).await,
        Command::Tree(args) => tree::run(&args, global).await,
        Command::Stats(args) => stats::run(args, global).await,
        Command::Rank(args) => rank::run(args, global).await,
        Command::Audit(command) => audit::run(command, global).await,
        Command::Report(command) => report::run(command, global).await,
        Command::Child(command) => child::run(command, global).await,
        Command::Up(args) => up::run(args).await,
        Command::Division(command) => division::run(&command, global),
        Command::Journal(command) => journal::run(command, global).await,
        Command::Node(args) => node::run(args, global).await,
        Command::Dev(args) => dev::run(args).await,
        Command::Completion(args) => completion::run(&args),
    }
}
