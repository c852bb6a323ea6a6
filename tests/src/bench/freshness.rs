//! The scenario *freshness*: how soon an entry is in the province's total, four hops up, after
//! the workroom acknowledged it. The province is asked again and again from an acknowledgement
//! on, one question after the other, until its answer has the entry: the answer's own round
//! trip is part of the time, and nobody asks while nothing is awaited.

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};
use wuji_proto::v1::ledger_client::LedgerClient;

use super::args::MeasureArgs;
use super::case::{self, Case, Sums};
use super::latency::{self, Latency};
use super::limits::Limits;
use super::machine::Machine;
use super::measured::{Measured, Row, Target};
use super::place::{self, Place};
use crate::client::Client;
use crate::wait;

/// Between two entries: 20 a second.
const PACE: Duration = Duration::from_millis(50);

const ENTRIES: u64 = 600;
const ENTRIES_SMALL: u64 = 10;

/// Entries before it is measured: connections are made and files are there.
const FIRST: u64 = 5;

/// Calls for the limits.
const CALLS: usize = 500;

/// Hops from a workroom to the province.
const HOPS: f64 = 4.0;

/// Measures.
pub async fn measure(args: &MeasureArgs) -> anyhow::Result<Measured> {
    let machine = Machine::this();
    let entries = if args.small { ENTRIES_SMALL } else { ENTRIES };
    let place = Place::new(args, &place::CHAIN)?;
    let members = place::chain(&place, &[]).await?;
    let (province, workroom) = members.first().zip(members.last()).context("the chain has two ends")?;
    let limits = Limits::measure(&province.client.channel(), place.path(), CALLS).await?;
    visible(&province.client, write(&workroom.client, 0..FIRST), FIRST).await?;
    let question = latency::repeat(CALLS, async || case::accepted(&province.client).await.map(drop)).await?;
    let writing = write(&workroom.client, FIRST..FIRST + entries);
    let (acknowledged, fresh) = visible(&province.client, writing, FIRST + entries).await?;
    let floor = limits.round_trip.p50_ms.mul_add(HOPS / 2.0, question.p50_ms);
    let mut measured = Measured::new("freshness", machine, limits)
        .with("entries", format!("{entries}, one in {} ms", PACE.as_millis()))
        .with("asked", "Statistics.Query of the province, from the acknowledgement until the answer has the entry");
    measured.figures = vec![
        Row::new("acknowledged to in the province's answer", fresh.p50_ms, "ms (p50)")
            .times(fresh)
            .beside(format!("{:.1} × four ways up and one question, {floor:.2} ms", fresh.p50_ms / floor))
            .target(Target::AtMost(1.0))
            .rivals("p50 / p99: PostgreSQL 2.7 / 7.5 (aggregates up: 2.6 / 7.5), NATS 1.95 / 4.4, CouchDB 63 / 132"),
        Row::new("the same", fresh.p99_ms, "ms (p99)").target(Target::AtMost(3.0)),
        Row::new("the question alone", question.p50_ms, "ms (p50)").times(question),
        Row::new("submitting", acknowledged.p50_ms, "ms (p50)").times(acknowledged),
    ];
    place::level(&members).await?;
    for member in &members {
        measured.checks.extend(Sums::of(0..FIRST + entries).checks(&member.client).await?);
    }
    place::stop(members).await?;
    Ok(measured)
}

/// Submissions at work: when each was acknowledged, as they come; and how long each took.
type Writing = (mpsc::UnboundedReceiver<Instant>, JoinHandle<anyhow::Result<Vec<Duration>>>);

fn write(client: &Client, numbers: std::ops::Range<u64>) -> Writing {
    let (acknowledge, acknowledged) = mpsc::unbounded_channel();
    let mut ledger = LedgerClient::new(client.channel());
    let writing = tokio::spawn(async move {
        let (mut times, mut pace) = (Vec::new(), interval(PACE));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in numbers {
            let request = Case::new(number).submission();
            pace.tick().await;
            let before = Instant::now();
            ledger.submit(request).await.context("submitting")?;
            let after = Instant::now();
            times.push(after - before);
            // Nobody listening is told by the listener.
            let _ = acknowledge.send(after);
        }
        Ok(times)
    });
    (acknowledged, writing)
}

/// Times of submitting, and from each acknowledgement until the province counted it; at the end
/// it counts `total`.
async fn visible(province: &Client, writing: Writing, total: u64) -> anyhow::Result<(Latency, Latency)> {
    let (mut acknowledged, writing) = writing;
    let mut wanted = case::accepted(province).await?;
    let mut seen = (wanted, Instant::now());
    let mut times = Vec::new();
    while let Some(at) = acknowledged.recv().await {
        wanted += 1;
        while seen.0 < wanted {
            anyhow::ensure!(at.elapsed() < wait::LONGEST, "the province still counts {} of {wanted} entries", seen.0);
            seen = (case::accepted(province).await?, Instant::now());
        }
        // An answer may have an entry before its writer has heard that it is written.
        times.push(seen.1.saturating_duration_since(at));
    }
    let submitting = writing.await.context("writing")??;
    anyhow::ensure!(wanted == total, "{wanted} of {total} entries were written");
    Ok((Latency::of(submitting), Latency::of(times)))
}
