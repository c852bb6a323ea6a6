//! `wuji journal export`: entries with everything that their chain hashes are made of.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use wuji_proto::v1::{JournalLine, JournalRequest};

use super::{Lines, OPERATION};
use crate::args::Global;
use crate::clock;
use crate::exit::Exit;
use crate::output::hex;

/// What `wuji journal export` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line holds, in hexadecimal, the public part of an entry (a wuji.stored.v1.Entry), the digest
of its sealed part, and the chain hashes before and after it. Anybody can check them:

  chain_hash = blake3(previous_hash, public, sealed_digest)

and each line's previous_hash is the chain_hash of the line before. The program checks the same
while it writes. What is sealed is not in the export.

EXAMPLES
  wuji journal export -c 371122 > 371122.jsonl
  wuji journal export --format csv --from 1000 --to 2000 > entries.csv")]
pub struct ExportArgs {
    /// The form of a line
    #[arg(long, value_enum, default_value = "jsonl")]
    pub format: ExportFormat,
    /// The first entry [default: the first]
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// The last entry [default: the newest]
    #[arg(long, value_name = "SEQ")]
    pub to: Option<u64>,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line.
    Jsonl,
    /// A header, then a line an entry.
    Csv,
}

#[derive(Serialize)]
struct Entry {
    sequence: u64,
    at: Option<String>,
    actor: String,
    kind: String,
    ledger: String,
    id: String,
    revision: u32,
    sealed: bool,
    previous_hash: String,
    public: String,
    sealed_digest: String,
    chain_hash: String,
}

/// Writes entries to stdout.
pub async fn run(args: ExportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let (from, to) = (args.from.unwrap_or_default(), args.to.unwrap_or_default());
    let asked = JournalRequest { from, to, kinds: Vec::new(), with_public: true };
    let mut lines = Lines::ask(&client, asked).await?;
    let mut out = Writer::begin(args.format);
    let mut count: u64 = 0;
    while let Some((previous, line)) = lines.next().await? {
        if !continues(&previous, &line) {
            let what = format!("entry {} does not continue the hash chain", line.sequence);
            return Err(client.broken(OPERATION, &what).into());
        }
        out.entry(entry(&previous, line))?;
        count += 1;
    }
    out.end()?;
    eprintln!("{count} entries, each checked to continue the hash chain");
    Ok(Exit::Done.into())
}

fn continues(previous: &[u8], line: &JournalLine) -> bool {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous).update(&line.public).update(&line.sealed_digest);
    line.chain_hash == hasher.finalize().as_bytes()
}

fn entry(previous: &[u8], line: JournalLine) -> Entry {
    Entry {
        sequence: line.sequence,
        at: clock::rfc3339(line.at_ms),
        actor: line.actor,
        kind: line.kind,
        ledger: line.ledger,
        id: line.id,
        revision: line.revision,
        sealed: line.sealed,
        previous_hash: hex(previous),
        public: hex(&line.public),
        sealed_digest: hex(&line.sealed_digest),
        chain_hash: hex(&line.chain_hash),
    }
}

enum Writer {
    Jsonl(BufWriter<io::Stdout>),
    Csv(Box<csv::Writer<io::Stdout>>),
}

impl Writer {
    fn begin(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Jsonl => Self::Jsonl(BufWriter::new(io::stdout())),
            ExportFormat::Csv => Self::Csv(Box::new(csv::Writer::from_writer(io::stdout()))),
        }
    }

    fn entry(&mut self, entry: Entry) -> anyhow::Result<()> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &entry)?;
                out.write_all(b"\n")?;
            }
            Self::Csv(out) => out.serialize(entry)?,
        }
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Jsonl(mut out) => out.flush(),
            Self::Csv(mut out) => out.flush(),
        }
    }
}
