//! Measures Wuji: real `wuji-node` processes with mutual TLS and sled, on this machine.

use std::process::ExitCode;

use clap::Parser;
use wuji_tests::bench::{self, args::Cli};

#[tokio::main]
async fn main() -> ExitCode {
    match bench::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
