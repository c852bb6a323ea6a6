//! The scenario *opening*: how soon a workroom with very many records serves again after it was
//! killed while it wrote, and how soon with its index gone, from a snapshot and from the journal
//! alone.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::Instant;
use wuji::clock;
use wuji_node::catalogue::{Catalogue, Values};
use wuji_node::config::{IndexConfig, IndexKind, JournalConfig};
use wuji_node::env::Env;
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::telemetry::Metrics;
use wuji_proto::v1::node_client::NodeClient;
use wuji_proto::v1::upkeep_client::UpkeepClient;
use wuji_proto::v1::{Row, SnapshotRequest, StatusRequest, Value, value};
use wuji_proto::{DivisionCode, RecordId, v1};

use super::args::OpeningArgs;
use super::latency;
use super::machine::{self, Machine};
use super::memory;
use crate::client::Client;
use crate::node::Node;
use crate::program;

/// The workroom.
const UNIT: &str = "371122102205";

/// Records that are handed over at once, as an import does.
const PART: u32 = 2_000;

/// What the writing process says when the records are there.
const WRITTEN: &str = "written";

/// The longest that a start may take: a whole journal is folded anew.
const START_MAX: Duration = Duration::from_mins(10);

/// The longest that a call may take.
const CALL_MAX: Duration = Duration::from_mins(10);

/// What came out.
#[derive(Debug, Serialize)]
struct Report {
    scenario: &'static str,
    commit: String,
    at: String,
    machine: Machine,
    debug_build: bool,
    records: u64,
    entries: u64,
    journal_bytes: u64,
    index_bytes: u64,
    starts: Vec<Start>,
}

/// One start of the node's process, until it served.
#[derive(Debug, Serialize)]
struct Start {
    after: String,
    ready_ms: f64,
    rss_bytes: u64,
    rebuilt: String,
}

/// Measures, and says what came out.
pub async fn run(args: &OpeningArgs) -> anyhow::Result<()> {
    if args.write {
        return write(args).await;
    }
    let machine = Machine::this();
    if !args.dir.join("data").exists() {
        write_and_kill(args).await?;
    }
    let report = measure(args, machine).await?;
    print!("{}", table(&report));
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(())
}

/// Writes without end in a process of its own, and kills it once the records are there.
async fn write_and_kill(args: &OpeningArgs) -> anyhow::Result<()> {
    fs::create_dir_all(&args.dir)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["opening", "--write", "--records", &args.records.to_string(), "--dir"])
        .arg(&args.dir)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("its output is taken")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line == WRITTEN {
            return child.kill().await.context("killing the writing process");
        }
    }
    bail!("the writing process ended before the records were there")
}

async fn write(args: &OpeningArgs) -> anyhow::Result<()> {
    let options = StateOptions {
        code: UNIT.parse()?,
        name: "招贤村".to_owned(),
        parent: None,
        directory: args.dir.join("data"),
        segment_bytes: u64::from(JournalConfig::default().segment_mib) << 20,
        index: IndexKind::Sled,
        cache_bytes: u64::from(IndexConfig::default().cache_mib) << 20,
        checkpoint_every: Duration::from_secs(IndexConfig::default().checkpoint_seconds.into()),
        hold: Duration::ZERO,
        accept_loss: false,
    };
    let state = NodeState::open(&Env::production(), &options, Arc::new(Catalogue::embedded()?), &Metrics::new())?;
    let mut number = 0;
    loop {
        let checked: Result<Vec<_>, _> = (number..number + PART).map(|number| submission(&state, number)).collect();
        for receipt in state.ledgers.submit(checked?, "bench").await {
            receipt?;
        }
        number += PART;
        if number.is_multiple_of(100_000) {
            eprintln!("{number} records");
        }
        if u64::from(number) >= args.records && u64::from(number - PART) < args.records {
            // What is applied goes on being less than what is written: that is when it is killed.
            println!("{WRITTEN}");
        }
    }
}

fn submission(state: &NodeState, number: u32) -> anyhow::Result<wuji_node::ledger::Submission> {
    let mut id = [1; 16];
    for (to, from) in id.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    Ok(state.ledgers.check("mediation", RecordId::derived(id), values(number))?)
}

/// A mediation case, as a workroom writes it.
fn values(number: u32) -> Values {
    let text = |text: &str| Value { kind: Some(value::Kind::Text(text.to_owned())) };
    let day = format!("2016-{:02}-{:02}", number / 28 % 12 + 1, number % 28 + 1);
    let words = |of: &[&'static str]| of.iter().cycle().nth(number as usize % of.len()).copied().unwrap_or_default();
    let mut values: Values = [
        ("case_no", format!("2016-{number}").as_str()),
        ("accepted_on", &day),
        ("dispute_type", words(&["婚姻家庭", "邻里", "合同"])),
        ("source", words(&["当事人申请", "主动调解"])),
        ("difficulty", words(&["简单", "一般", "重大", "疑难"])),
        ("form", words(&["口头", "书面"])),
        ("people_count", "2"),
        ("amount", "300.50元"),
        ("summary", "两家因宅基地起争执，经调解和好。"),
    ]
    .map(|(name, value)| (name.to_owned(), text(value)))
    .into();
    let mediator = Row { values: [("name".to_owned(), text("王调解"))].into() };
    values.insert("mediators".to_owned(), Value { kind: Some(value::Kind::List(v1::List { rows: vec![mediator] })) });
    values
}

async fn measure(args: &OpeningArgs, machine: Machine) -> anyhow::Result<Report> {
    let (dir, program) = (&args.dir, args.node.clone().map_or_else(program::node, Ok)?);
    let certificates = dir.join("certificates");
    let code: DivisionCode = UNIT.parse()?;
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
    wuji::certificates::ensure(&certificates, &[code], i64::try_from(now)?)?;
    fs::write(dir.join("node.toml"), node_toml())?;
    let mut starts = Vec::new();
    for after in ["killed while it wrote", "killed at rest"] {
        let (node, _, start) = begin(&program, dir, after).await?;
        starts.push(start);
        node.kill().await?;
    }
    let (node, client, start) = begin(&program, dir, "killed at rest again").await?;
    starts.push(start);
    UpkeepClient::new(client.channel()).snapshot(SnapshotRequest {}).await?;
    let status = NodeClient::new(client.channel()).status(StatusRequest {}).await?.into_inner();
    node.kill().await?;
    for (after, lost) in [
        ("killed, and its index lost: from the snapshot", &["index"][..]),
        ("killed, index and snapshots lost: from the journal", &["index", "snapshots"]),
    ] {
        for lost in lost {
            fs::remove_dir_all(dir.join("data").join(lost))?;
        }
        let (node, _, start) = begin(&program, dir, after).await?;
        ensure!(!start.rebuilt.is_empty(), "the index was not rebuilt");
        starts.push(start);
        node.kill().await?;
    }
    let (journal, index) = (status.journal.unwrap_or_default(), status.index.unwrap_or_default());
    Ok(Report {
        scenario: "opening",
        commit: machine::commit(),
        at: clock::rfc3339(clock::now_ms()).unwrap_or_default(),
        machine,
        debug_build: cfg!(debug_assertions),
        records: args.records,
        entries: journal.sequence,
        journal_bytes: journal.bytes,
        index_bytes: index.disk_bytes,
        starts,
    })
}

async fn begin(program: &Path, dir: &Path, after: &str) -> anyhow::Result<(Node, Client, Start)> {
    let began = Instant::now();
    let node = Node::start_within(program, dir, START_MAX).await?;
    let ready_ms = latency::milliseconds(began.elapsed());
    let certificates: PathBuf = dir.join("certificates");
    let authority = certificates.join("authority.pem");
    let client = Client::patient(UNIT.parse()?, node.address, &certificates, &authority, CALL_MAX)?;
    let status = NodeClient::new(client.channel()).status(StatusRequest {}).await?.into_inner();
    let rebuilt = status.index.unwrap_or_default().rebuilt;
    let start = Start { after: after.to_owned(), ready_ms, rss_bytes: memory::resident(node.id()?)?, rebuilt };
    eprintln!("{after}: {ready_ms:.0} ms");
    Ok((node, client, start))
}

fn node_toml() -> String {
    format!(
        r#"code = "{UNIT}"
name = "招贤村"
data_directory = "data"
listen = "127.0.0.1:0"
parent = {{ code = "371122102", address = "https://127.0.0.1:9" }}

[tls]
authority = "certificates/authority.pem"
certificate = "certificates/{UNIT}.pem"
key = "certificates/{UNIT}.key"
"#
    )
}

fn table(report: &Report) -> String {
    const MIB: u64 = 1 << 20;
    let mut text = format!(
        "{} records, {} journal entries, {} MiB of journal, {} MiB of index{}\n\n| started after | ready, ms | RSS, MiB |\n|---|--:|--:|\n",
        report.records,
        report.entries,
        report.journal_bytes / MIB,
        report.index_bytes / MIB,
        if report.debug_build { " (debug build)" } else { "" },
    );
    for start in &report.starts {
        let _ = writeln!(text, "| {} | {:.0} | {} |", start.after, start.ready_ms, start.rss_bytes / MIB);
    }
    text
}
