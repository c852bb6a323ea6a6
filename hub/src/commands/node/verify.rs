//! `wuji node verify`: everything that a node stores, compared with what it is made of.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use wuji_node::backup::restore;
use wuji_node::config::NodeArgs;
use wuji_node::env::Env;
use wuji_node::verify::{Check, offline};
use wuji_proto::v1::verify_reply::Part;
use wuji_proto::v1::{VerifyCheck, VerifyRequest};

use crate::args::Global;
use crate::client::Client;
use crate::exit::Exit;
use crate::output::number::grouped;
use crate::output::{Cell, Column, Kind, Sheet, Tone, table};

const OPERATION: &str = "verify the node";

/// How often the sign of life on a terminal moves.
const TICK: Duration = Duration::from_millis(200);

/// What `wuji node verify` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Every hash of the journal is computed anew; every record of the index is looked up in the journal
and every entry in the index; every total is compared with its parts and with a recount of the
records, every digest with its items; what is held of each child with what the child has; and the
feed with the parent's copy. Nothing is changed. The exit code is 1 if anything differs.

EXAMPLES
  wuji node verify -c 371122                          a running node
  wuji node verify --offline --config county.toml     the directory of one that is stopped
  wuji node verify --backup /mnt/usb/371122.wuji      a backup")]
pub struct VerifyArgs {
    /// Verify the data directory of a node that is stopped
    #[arg(long, requires = "config", conflicts_with = "backup")]
    pub offline: bool,
    /// The configuration of the stopped node
    #[arg(long, value_name = "FILE", requires = "offline")]
    pub config: Option<PathBuf>,
    /// Verify a backup's file
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    of: String,
    differences: u64,
    checks: Vec<CheckDocument>,
}

#[derive(Serialize)]
struct CheckDocument {
    name: String,
    compared: u64,
    of: String,
    detail: Option<String>,
    count: u64,
    differences: Vec<String>,
    not_compared: Option<String>,
}

impl From<VerifyCheck> for CheckDocument {
    fn from(it: VerifyCheck) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            name: it.name,
            compared: it.compared,
            of: it.of,
            detail: some(it.detail),
            count: it.count,
            differences: it.differences,
            not_compared: some(it.not_compared),
        }
    }
}

/// Verifies.
pub async fn run(args: VerifyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let (of, checks) = match (&args.backup, &args.config) {
        (Some(file), _) => (file.display().to_string(), vec![backup(file)]),
        (None, Some(config)) => {
            let config = NodeArgs::of_file(config).load()?;
            let of = config.data_directory.display().to_string();
            (of, offline::verify(&Env::production(), &config).await?)
        }
        (None, None) => {
            let client = global.connect().await?;
            (client.address().code.to_string(), online(&client).await?)
        }
    };
    let differences = checks.iter().map(|check| check.count).sum();
    let document = Document { of, differences, checks: checks.into_iter().map(CheckDocument::from).collect() };
    global.output().document(&document, sheet, |it, output| text(it, output.colour))?;
    if differences == 0 {
        return Ok(Exit::Done.into());
    }
    eprintln!(
        "error: {} differences; docs/operations/verify.md says what to do about each kind",
        grouped(differences.into())
    );
    Ok(Exit::Failed.into())
}

async fn online(client: &Client) -> anyhow::Result<Vec<VerifyCheck>> {
    let refused = |status| client.error(OPERATION, status);
    let mut parts = client.upkeep().verify(VerifyRequest {}).await.map_err(refused)?.into_inner();
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(TICK);
    let mut checks = Vec::new();
    while let Some(reply) = parts.message().await.map_err(refused)? {
        match reply.part {
            Some(Part::Begins(name)) => bar.set_message(name),
            Some(Part::Check(check)) => checks.push(check),
            None => return Err(client.broken(OPERATION, "a part of the answer is empty").into()),
        }
    }
    bar.finish_and_clear();
    // The parent's side comes last: without it the answer was cut off.
    if checks.last().is_none_or(|last| last.name != "parent") {
        return Err(client.broken(OPERATION, "the answer stopped before its end").into());
    }
    Ok(checks)
}

fn backup(file: &Path) -> VerifyCheck {
    let mut check = Check::new("backup", "entries");
    match restore::verify(Env::production().disk.as_ref(), file) {
        Err(error) => check.differs(error.to_string()),
        Ok(whole) => {
            let verified = whole.chain.verified();
            check.compared(verified.entries);
            check.detail(format!(
                "{} up to entry {} · {} segments · {} sealed parts · {} keys of the index · {} the node key",
                whole.code,
                whole.manifest.sequence,
                verified.segments,
                verified.sealed,
                whole.snapshot_keys,
                if whole.key.is_some() { "with" } else { "without" },
            ));
        }
    }
    check.end()
}

fn sheet(document: &Document) -> Sheet {
    let columns = [
        ("check", Kind::Text),
        ("compared", Kind::Number),
        ("of", Kind::Text),
        ("differences", Kind::Number),
        ("detail", Kind::Text),
        ("not_compared", Kind::Text),
    ];
    let row = |it: &CheckDocument| {
        let tone = if it.count == 0 { Tone::Good } else { Tone::Bad };
        vec![
            Cell::text(&it.name),
            Cell::count(it.compared),
            Cell::text(&it.of),
            Cell::State(it.count.to_string(), tone),
            Cell::text(it.detail.as_deref().unwrap_or_default()),
            Cell::text(it.not_compared.as_deref().unwrap_or_default()),
        ]
    };
    Sheet {
        columns: columns.map(|(name, kind)| Column::new(name, name, kind)).into(),
        rows: document.checks.iter().map(row).collect(),
        totals: None,
    }
}

fn text(document: &Document, colour: bool) -> String {
    let mut text = table::render(&sheet(document), colour);
    for check in &document.checks {
        for difference in &check.differences {
            let _ = writeln!(text, "{}  {}", check.name, table::toned(difference, Tone::Bad, colour));
        }
    }
    let verdict = match document.differences {
        0 => table::toned("no differences", Tone::Good, colour),
        count => table::toned(&format!("{} differences", grouped(count.into())), Tone::Bad, colour),
    };
    text + &format!("\n{}: {verdict}\n", document.of)
}
