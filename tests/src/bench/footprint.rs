//! The scenario *footprint*: what a node takes of a machine: at rest, under load, at its start,
//! on disk; at every tier of a chain.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use tokio::time::{Duration, sleep};
use wuji::clock;
use wuji_proto::v1::IndexStatus;

use super::args::MeasureArgs;
use super::case::{Sums, TEXT_BYTES};
use super::latency::Latency;
use super::limits::Limits;
use super::machine::Machine;
use super::measured::{Measured, Row, Target};
use super::place::{self, Member, Place};
use super::{float, ingest, memory};
use crate::federation::WORKROOM;
use crate::wait;

/// How much is written, and how often a node is started.
struct Sizes {
    bulk: u64,
    single: u64,
    starts: usize,
    rest: Duration,
}

const FULL: Sizes = Sizes { bulk: 100_000, single: 2_000, starts: 10, rest: Duration::from_secs(10) };
const SMALL: Sizes = Sizes { bulk: 500, single: 10, starts: 2, rest: Duration::ZERO };

/// Calls for the limits.
const CALLS: usize = 500;

const MIB: f64 = 1_048_576.0;

/// Measures.
pub async fn measure(args: &MeasureArgs) -> anyhow::Result<Measured> {
    let machine = Machine::this();
    let sizes = if args.small { SMALL } else { FULL };
    let starts = starts(args, sizes.starts).await?;
    let place = Place::new(args, &place::CHAIN)?;
    let members = place::chain(&place, &[]).await?;
    let workroom = members.last().context("the chain has an end")?;
    let limits = Limits::measure(&workroom.client.channel(), place.path(), CALLS).await?;
    sleep(sizes.rest).await;
    let idle = members.iter().map(|member| memory::resident(member.node.id()?)).collect::<Result<Vec<_>, _>>()?;
    let records = sizes.bulk + sizes.single;
    ingest::import(&workroom.client, 0..sizes.bulk).await?;
    ingest::one_by_one(&workroom.client, sizes.bulk..records).await?;
    place::level(&members).await?;
    let mut figures = vec![started(starts)];
    for (member, idle) in members.iter().zip(idle).rev() {
        let index = checkpointed(member).await?;
        figures.extend(of_tier(&place, member, idle, &index)?);
    }
    figures.push(on_disk(memory::on_disk(&place.data(workroom.code))?, records));
    figures.extend(programs(&place)?);
    let mut measured = Measured::new("footprint", machine, limits)
        .with(
            "load",
            format!("{} entries in bulk, {} one by one, {TEXT_BYTES} B of text each", sizes.bulk, sizes.single),
        )
        .with("at rest", format!("{} s after the start of the chain", sizes.rest.as_secs()))
        .with("disk", "blocks of the files, with the space that the journal zeroes ahead");
    measured.figures = figures;
    for member in &members {
        measured.checks.extend(Sums::of(0..records).checks(&member.client).await?);
    }
    place::stop(members).await?;
    Ok(measured)
}

/// A workroom that has no records yet is started and stopped again and again.
async fn starts(args: &MeasureArgs, count: usize) -> anyhow::Result<Latency> {
    let place = Place::new(args, &[WORKROOM])?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let workroom = place.alone(WORKROOM).await?;
        times.push(Duration::from_secs_f64(workroom.ready_ms / 1_000.0));
        workroom.stop().await?;
    }
    Ok(Latency::of(times))
}

fn started(starts: Latency) -> Row {
    Row::new("start of an empty workroom until it serves", starts.p50_ms, "ms (p50)")
        .times(starts)
        .target(Target::AtMost(40.0))
        .rivals("PostgreSQL 37, NATS 32, CouchDB 232")
}

/// Waits until all that a node holds is on its disk.
async fn checkpointed(member: &Member) -> anyhow::Result<IndexStatus> {
    let asked = clock::now_ms();
    let mut last: Option<(u64, i64)> = None;
    wait::until(&format!("{} has a checkpoint of all it holds", member.code), async || {
        let status = member.client.status().await.map_err(|error| format!("{error:#}"))?;
        let index = status.index.unwrap_or_default();
        let now = (index.items, index.checkpoint_at_ms);
        // No checkpoint is made where there was no change: then it stays what it is.
        let quiet = last == Some(now) && clock::now_ms() - asked > CHECKPOINT_MS;
        last = Some(now);
        if quiet || index.checkpoint_at_ms > asked { Ok(index) } else { Err(format!("the last is of {}", now.1)) }
    })
    .await
}

/// Checkpoints are made every 5 s while there are changes.
const CHECKPOINT_MS: i64 = 6_000;

fn of_tier(place: &Place, member: &Member, idle: u64, index: &IndexStatus) -> anyhow::Result<Vec<Row>> {
    let process = member.node.id()?;
    let named = |what: &str| format!("{}: {what}", member.code.tier().name());
    let mib = |bytes: u64| float(bytes) / MIB;
    let index_bytes = memory::on_disk(&place.data(member.code).join("index"))?;
    let items = format!("{} of index, {} items of its feed", wuji::output::number::bytes(index_bytes), index.items);
    Ok(vec![
        Row::new(named("memory at rest"), mib(idle), "MiB")
            .target(Target::AtMost(15.0))
            .rivals("PostgreSQL 31 (aggregates up: 30), NATS 11.5, CouchDB 67"),
        Row::new(named("memory at most"), mib(memory::peak(process)?), "MiB")
            .target(Target::AtMost(100.0))
            .rivals("PostgreSQL 136 (140), NATS 250, CouchDB 167"),
        Row::new(named("first start"), member.ready_ms, "ms"),
        Row::new(named("open files"), float(memory::open_files(process)?), ""),
        Row::new(named("threads"), float(memory::threads(process)?), ""),
        Row::new(named("disk, an item of its feed"), float(index_bytes) / float(index.items.max(1)), "B").beside(items),
    ])
}

fn on_disk(bytes: u64, records: u64) -> Row {
    let of_each = float(bytes) / float(records);
    Row::new("workroom: disk, an entry, all in", of_each, "B")
        .beside(format!("{:.1} × its {TEXT_BYTES} B of text", of_each / float(TEXT_BYTES as u64)))
        .target(Target::AtMost(900.0))
        .rivals("PostgreSQL 325 (331), NATS 377, CouchDB 345 and more")
}

/// The programs as they would be shipped; the command line only where it was built beside the node.
fn programs(place: &Place) -> anyhow::Result<Vec<Row>> {
    const MB: f64 = 1_000_000.0;
    let hub = place.program.with_file_name("wuji");
    let programs = [("wuji-node", Some(&place.program)), ("wuji", hub.is_file().then_some(&hub))];
    let mut rows = Vec::new();
    for (name, program) in programs {
        let Some(program) = program else { continue };
        let bytes = float(stripped_bytes(program, place.path())?);
        rows.push(Row::new(format!("program {name}, stripped"), bytes / MB, "MB").target(Target::AtMost(15.0)));
    }
    Ok(rows)
}

/// The size of a program without its symbols.
fn stripped_bytes(program: &Path, directory: &Path) -> anyhow::Result<u64> {
    let copy = directory.join("stripped");
    let stripped = Command::new("strip").arg("-o").arg(&copy).arg(program).status();
    ensure!(stripped.context("running strip, of binutils")?.success(), "strip {} failed", program.display());
    let bytes = copy.metadata()?.len();
    std::fs::remove_file(copy)?;
    Ok(bytes)
}
