//! `wuji journal show`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::Map;
use wuji_proto::v1::{JournalLine, JournalRequest, StatusRequest};

use super::Lines;
use crate::args::Global;
use crate::client::{Client, request};
use crate::clock;
use crate::exit::Exit;
use crate::output::json::{Stream, serialize_time};
use crate::output::number::grouped;
use crate::output::{Format, harmless, hex};

/// Entries that are shown where nothing is asked for: the newest.
const NEWEST_SHOWN: u64 = 50;

/// How much of a chain hash people are shown: enough to compare.
const HASH_SHOWN_CHARACTERS: usize = 16;

/// What `wuji journal show` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
A line says: sequence, time (UTC+8), who, what, about what, and the chain hash after it. Personal
values are never shown.

EXAMPLES
  wuji journal show -c 371122                           the newest 50 entries
  wuji journal show --from 1 --to 100
  wuji journal show --kind voided,amended --output csv")]
pub struct ShowArgs {
    /// The first entry [default: the newest 50, or with --kind the first one]
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// The last entry [default: the newest]
    #[arg(long, value_name = "SEQ")]
    pub to: Option<u64>,
    /// Only entries of these kinds, such as submitted, amended, voided, backup-taken
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
}

#[derive(Serialize)]
struct Entry {
    sequence: u64,
    #[serde(serialize_with = "serialize_time")]
    at: i64,
    actor: String,
    kind: String,
    ledger: Option<String>,
    id: Option<String>,
    revision: Option<u32>,
    sealed: bool,
    chain_hash: String,
}

impl From<JournalLine> for Entry {
    fn from(it: JournalLine) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            sequence: it.sequence,
            at: it.at_ms,
            actor: it.actor,
            kind: it.kind,
            ledger: some(it.ledger),
            id: some(it.id),
            revision: Some(it.revision).filter(|revision| *revision > 0),
            sealed: it.sealed,
            chain_hash: hex(&it.chain_hash),
        }
    }
}

/// Shows entries.
pub async fn run(args: ShowArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let from = match args.from {
        Some(from) => from,
        None if args.to.is_some() || !args.kind.is_empty() => 0,
        None => newest(&client).await?.saturating_sub(NEWEST_SHOWN - 1),
    };
    let asked = JournalRequest { from, to: args.to.unwrap_or_default(), kinds: args.kind, with_public: false };
    let mut lines = Lines::ask(&client, asked).await?;
    let mut out = Writer::begin(global.output.unwrap_or(Format::Table))?;
    while let Some((_, line)) = lines.next().await? {
        out.entry(&Entry::from(line))?;
    }
    out.end()?;
    Ok(Exit::Done.into())
}

async fn newest(client: &Client) -> anyhow::Result<u64> {
    let status = client.node().status(request(StatusRequest {})).await;
    let status = status.map_err(|status| client.error(super::OPERATION, status))?.into_inner();
    Ok(status.journal.unwrap_or_default().sequence)
}

/// Writes entry by entry: a journal is too long to be held.
enum Writer {
    Lines(io::BufWriter<io::Stdout>),
    Json(Stream<io::BufWriter<io::Stdout>>),
    Csv(Box<csv::Writer<io::Stdout>>),
}

impl Writer {
    fn begin(format: Format) -> io::Result<Self> {
        let out = || io::BufWriter::new(io::stdout());
        Ok(match format {
            Format::Table => Self::Lines(out()),
            Format::Json => Self::Json(Stream::new(&Map::new(), "entries", out())?),
            Format::Csv => Self::Csv(Box::new(csv::Writer::from_writer(io::stdout()))),
        })
    }

    fn entry(&mut self, entry: &Entry) -> anyhow::Result<()> {
        match self {
            Self::Lines(out) => writeln!(out, "{}", text(entry))?,
            Self::Json(out) => out.item(entry)?,
            Self::Csv(out) => out.serialize(entry)?,
        }
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Lines(mut out) => out.flush(),
            Self::Json(out) => out.finish(&Map::new()),
            Self::Csv(mut out) => out.flush(),
        }
    }
}

fn text(entry: &Entry) -> String {
    let about = [&entry.ledger, &entry.id].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
    let revision = entry.revision.map(|revision| format!(" r{revision}")).unwrap_or_default();
    let sealed = if entry.sealed { " sealed" } else { "" };
    let hash: String = entry.chain_hash.chars().take(HASH_SHOWN_CHARACTERS).collect();
    harmless(&format!(
        "{:>9}  {}  {:<17}  {hash}  {about}{revision}{sealed}  {}",
        grouped(entry.sequence.into()),
        clock::shown(entry.at),
        entry.kind,
        entry.actor,
    ))
}
