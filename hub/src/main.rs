//! `wuji`: where people meet the federation.

use std::process::ExitCode;

mod certificates;
mod commands;
mod sample;
mod up;

#[tokio::main]
async fn main() -> ExitCode {
    commands::run().await
}
