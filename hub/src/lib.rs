//! Wuji's command line, where people meet the federation. It talks gRPC to a node and never
//! opens a node's files, but to restore or verify the directory of one that is stopped. The modules, in the order in which a command passes through them:
//!
//! * [`args`]: what can be typed; [`commands`]: one module a command.
//! * [`contexts`]: the file that names the nodes; [`client`]: the connection to one of them.
//! * [`names`]: the catalogue's names and titles, and the nearest to a mistyped one.
//! * [`values`]: a record's values as people type them and as JSON shows them.
//! * [`import`]: files of rows: encodings, delimiters, refused rows.
//! * [`report`]: reports as they are printed: workbooks, Markdown, CSV, JSON.
//! * [`up`], [`sample`], [`certificates`]: a federation on this machine, its entries, its certificates.
//! * [`within`]: lengths of time; [`figures`] and [`coverage`]: how an answer's figures look, and
//!   what they include.
//! * [`output`]: tables, JSON and CSV; [`clock`]: China time; [`exit`]: exit codes.

pub mod args;
pub mod certificates;
pub mod client;
pub mod clock;
pub mod commands;
pub mod contexts;
pub mod coverage;
pub mod exit;
pub mod figures;
pub mod import;
pub mod names;
pub mod output;
pub mod report;
pub mod sample;
pub mod up;
pub mod values;
pub mod within;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::exit::Exit;

/// The whole program: reads the command line, runs the command, tells what went wrong on
/// stderr, and returns the exit code (see [`exit`]).
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the program's threads: {error}");
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => exit::tell(&error).into(),
    }
}
