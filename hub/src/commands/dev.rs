//! `wuji dev …`: aids for development and demonstrations.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use wuji_node::env::Env;
use wuji_proto::DivisionCode;

use crate::certificates::{self, Outcome};

/// Aids for development and demonstrations.
#[derive(Args, Debug)]
pub struct DevArgs {
    #[command(subcommand)]
    command: DevCommand,
}

#[derive(Subcommand, Debug)]
enum DevCommand {
    /// Makes certificates for a federation on one machine.
    ///
    /// One authority signs, for each CODE, a node certificate (CODE.unit.wuji) and an operator
    /// certificate (CODE.operator.wuji). What is there and good for 30 more days is kept. For
    /// development only: whoever has the directory can be anybody in the federation.
    #[command(after_help = "EXAMPLES\n  wuji dev certificates --dir certificates 37 3711 371122")]
    Certificates {
        /// Where the files are, or will be.
        #[arg(long, value_name = "DIR", default_value = "certificates")]
        dir: PathBuf,
        /// The units' division codes.
        #[arg(required = true, value_name = "CODE")]
        codes: Vec<DivisionCode>,
    },
}

/// Runs it.
#[expect(clippy::unused_async, reason = "every command has this form")]
pub async fn run(args: DevArgs) -> anyhow::Result<ExitCode> {
    let DevCommand::Certificates { dir, codes } = args.command;
    let now_ms = Env::production().clock.now_ms();
    let made = certificates::ensure(&dir, &codes, now_ms)
        .with_context(|| format!("making certificates in {}", dir.display()))?;
    for certificate in made {
        let outcome = match certificate.outcome {
            Outcome::Kept => "kept",
            Outcome::Issued => "issued",
            Outcome::Renewed => "renewed",
        };
        println!("{outcome}\t{}\t{}", certificate.name, certificate.path.display());
    }
    Ok(ExitCode::SUCCESS)
}
