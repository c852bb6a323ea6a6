//! The scenario *ingest*: durable entries a second at one workroom. Every answer that is
//! counted was given after the entry was on disk.

use std::ops::Range;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use wuji_proto::v1::import_reply::Part as Reply;
use wuji_proto::v1::import_request::Part as Request;
use wuji_proto::v1::import_verdict::Outcome;
use wuji_proto::v1::ledger_client::LedgerClient;
use wuji_proto::v1::{ImportHeader, ImportRequest, ImportRow, ImportRows, SubmitRequest};

use super::args::MeasureArgs;
use super::case::{COLUMNS, Case, LEDGER, Sums, TEXT_BYTES};
use super::latency::Latency;
use super::limits::Limits;
use super::machine::Machine;
use super::measured::{Measured, Row, Target};
use super::place::{Member, Place};
use super::rate;
use crate::client::Client;
use crate::federation::WORKROOM;

/// Rows of a message, as `wuji ledger import` sends them.
const MESSAGE_ROWS: usize = 1_000;

const CLIENTS: u64 = 16;

/// How many entries: one by one, of all clients together, in bulk.
struct Sizes {
    single: u64,
    many: u64,
    bulk: u64,
}

const FULL: Sizes = Sizes { single: 10_000, many: 64_000, bulk: 100_000 };
const SMALL: Sizes = Sizes { single: 20, many: 64, bulk: 1_500 };

/// Calls for the limits.
const CALLS: usize = 500;

/// Measures.
pub async fn measure(args: &MeasureArgs) -> anyhow::Result<Measured> {
    let machine = Machine::this();
    let Sizes { single, many, bulk } = if args.small { SMALL } else { FULL };
    let place = Place::new(args, &[WORKROOM])?;
    let workroom = place.alone(WORKROOM).await?;
    let limits = Limits::measure(&workroom.client.channel(), place.path(), CALLS).await?;
    let one = one_by_one(&workroom.client, 0..single).await.context("one client")?;
    let all = at_once(&place, &workroom, single..single + many).await.context("several clients")?;
    let end = single + many + bulk;
    let imported = import(&workroom.client, single + many..end).await.context("the import")?;
    let figures = rows(&limits, (single, one), (many, all), (bulk, imported));
    let mut measured = Measured::new("ingest", machine, limits)
        .with(
            "entries",
            format!("{single} one by one, {many} of {CLIENTS} clients, {bulk} in bulk; {TEXT_BYTES} B of text each"),
        )
        .with("clients", "each with a connection of its own; on the same cores as the node");
    measured.figures = figures;
    measured.checks = Sums::of(0..end).checks(&workroom.client).await?;
    workroom.stop().await?;
    Ok(measured)
}

/// How long all took, and each.
type Times = (Duration, Latency);

fn rows(limits: &Limits, one: (u64, Times), all: (u64, Times), bulk: (u64, Duration)) -> Vec<Row> {
    let of_one = rate(one.0, one.1.0);
    let of_all = rate(all.0, all.1.0);
    let of_bulk = rate(bulk.0, bulk.1);
    let syncs = 1_000.0 / limits.overwrite_fdatasync.p50_ms;
    let calls = 1_000.0 / limits.durable_call_ms();
    let per_sync = |rate: f64| format!("{:.1} entries in the time of one overwrite + fdatasync", rate / syncs);
    vec![
        Row::new("one client, one by one", of_one, "entries/s")
            .times(one.1.1)
            .beside(format!(
                "{:.0} % of {calls:.0}/s: one overwrite + fdatasync, one round trip",
                100.0 * of_one / calls
            ))
            .target(Target::AtLeast(4_500.0))
            .rivals("PostgreSQL 5,533 (aggregates up: 4,004), NATS 12,289 without fsync, CouchDB 1,900"),
        Row::new(format!("{CLIENTS} clients at once"), of_all, "entries/s")
            .times(all.1.1)
            .beside(per_sync(of_all))
            .target(Target::AtLeast(40_000.0))
            .rivals("PostgreSQL 21,962 (13,604), NATS 37,669, CouchDB 3,194"),
        Row::new("bulk import", of_bulk, "entries/s")
            .beside(per_sync(of_bulk))
            .target(Target::AtLeast(80_000.0))
            .rivals("PostgreSQL 375,000 (259,000), NATS 109,000, CouchDB 31,000"),
    ]
}

/// Each entry once the one before is acknowledged.
pub async fn one_by_one(client: &Client, numbers: Range<u64>) -> anyhow::Result<Times> {
    let requests: Vec<SubmitRequest> = numbers.map(|number| Case::new(number).submission()).collect();
    let began = Instant::now();
    let times = submit(client, requests).await?;
    Ok((began.elapsed(), Latency::of(times)))
}

async fn submit(client: &Client, requests: Vec<SubmitRequest>) -> anyhow::Result<Vec<Duration>> {
    let mut ledger = LedgerClient::new(client.channel());
    let mut times = Vec::with_capacity(requests.len());
    for request in requests {
        let before = Instant::now();
        let receipt = ledger.submit(request).await.context("submitting")?.into_inner();
        times.push(before.elapsed());
        ensure!(!receipt.repeated, "an entry was taken for one that had been sent before");
    }
    Ok(times)
}

/// Several clients, each one by one.
async fn at_once(place: &Place, workroom: &Member, numbers: Range<u64>) -> anyhow::Result<Times> {
    let mut ready = Vec::new();
    for first in 0..CLIENTS {
        let client = place.operator(workroom.code, workroom.node.address)?;
        client.status().await?;
        let own = numbers.clone().skip(usize::try_from(first)?).step_by(usize::try_from(CLIENTS)?);
        let requests: Vec<SubmitRequest> = own.map(|number| Case::new(number).submission()).collect();
        ready.push((client, requests));
    }
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for (client, requests) in ready {
        clients.spawn(async move { submit(&client, requests).await });
    }
    let mut times = Vec::new();
    while let Some(of_one) = clients.join_next().await {
        times.extend(of_one.context("a client ended")??);
    }
    Ok((began.elapsed(), Latency::of(times)))
}

/// As `wuji ledger import` sends a file; until the last row's verdict.
pub async fn import(client: &Client, numbers: Range<u64>) -> anyhow::Result<Duration> {
    let messages = messages(numbers.clone());
    let began = Instant::now();
    let mut replies = LedgerClient::new(client.channel())
        .import(tokio_stream::iter(messages))
        .await
        .context("importing")?
        .into_inner();
    let mut accepted = 0;
    while let Some(reply) = replies.message().await.context("reading the verdicts")? {
        let Some(Reply::Verdicts(verdicts)) = reply.part else { continue };
        for verdict in verdicts.verdicts {
            ensure!(verdict.outcome() == Outcome::Accepted, "a row was not accepted: {verdict:?}");
            accepted += 1;
        }
    }
    let took = began.elapsed();
    let sent = numbers.end - numbers.start;
    ensure!(accepted == sent, "{accepted} of {sent} rows were accepted");
    Ok(took)
}

fn messages(numbers: Range<u64>) -> Vec<ImportRequest> {
    let columns = COLUMNS.map(str::to_owned).to_vec();
    let header = Request::Header(ImportHeader { ledger: LEDGER.to_owned(), columns });
    let mut messages = vec![ImportRequest { part: Some(header) }];
    // The first line of a file names the columns.
    let mut rows =
        numbers.zip(2..).map(|(number, line)| ImportRow { line, cells: Case::new(number).cells() }).peekable();
    while rows.peek().is_some() {
        let rows = rows.by_ref().take(MESSAGE_ROWS).collect();
        messages.push(ImportRequest { part: Some(Request::Rows(ImportRows { rows })) });
    }
    messages
}
