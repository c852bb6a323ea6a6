//! The scenario *catch-up*: a workroom writes while it is cut off; how long after its line is
//! whole again the province's total is exact, and how many bytes went over the line between
//! township and county, which is counted by a proxy.

use anyhow::{Context, ensure};
use tokio::time::{Duration, Instant, sleep, timeout};
use wuji::output::number;

use super::args::MeasureArgs;
use super::case::{self, Sums};
use super::limits::Limits;
use super::machine::Machine;
use super::measured::{Measured, Row, Target};
use super::place::{self, Place};
use super::{float, ingest};
use crate::client::Client;
use crate::federation::{TOWNSHIP, WORKROOM};
use crate::link::Link;
use crate::wait;

const ENTRIES: u64 = 100_000;
const ENTRIES_SMALL: u64 = 1_000;

/// Calls for the limits.
const CALLS: usize = 500;

/// Between two questions: often enough for what is counted in tenths of seconds.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// Measures.
pub async fn measure(args: &MeasureArgs) -> anyhow::Result<Measured> {
    let machine = Machine::this();
    let entries = if args.small { ENTRIES_SMALL } else { ENTRIES };
    let place = Place::new(args, &place::CHAIN)?;
    let (workroom_line, county_line) = (Link::new().await?, Link::new().await?);
    let members = place::chain(&place, &[(WORKROOM, &workroom_line), (TOWNSHIP, &county_line)]).await?;
    let (province, workroom) = members.first().zip(members.last()).context("the chain has two ends")?;
    let limits = Limits::measure(&province.client.channel(), place.path(), CALLS).await?;
    workroom_line.cut(true);
    ingest::import(&workroom.client, 0..entries).await?;
    place::applied(workroom).await?;
    ensure!(case::accepted(&province.client).await? == 0, "the line was cut, and the province counts entries");
    let (before_bytes, mended) = (county_line.carried_bytes(), Instant::now());
    workroom_line.cut(false);
    let connected =
        timeout(wait::LONGEST, workroom_line.connected(mended)).await.context("the workroom connects")??;
    counts(&province.client, entries).await?;
    let exact = connected.elapsed();
    place::level(&members).await?;
    let bytes = county_line.carried_bytes() - before_bytes;
    let cells = workroom.client.status().await?.index.unwrap_or_default().items;
    let mut measured = Measured::new("catch-up", machine, limits)
        .with(
            "entries",
            format!(
                "{}, imported while the workroom's line was cut: {cells} items of its feed",
                number::grouped(entries.into())
            ),
        )
        .with(
            "reconnecting",
            format!("{} ms after the line was whole; not in the figures", (connected - mended).as_millis()),
        );
    measured.figures = rows(&measured.limits, entries, exact, bytes);
    for member in &members {
        measured.checks.extend(Sums::of(0..entries).checks(&member.client).await?);
    }
    place::stop(members).await?;
    Ok(measured)
}

fn rows(limits: &Limits, entries: u64, exact: Duration, bytes: u64) -> Vec<Row> {
    let round_trips = exact.as_secs_f64() * 1_000.0 / limits.round_trip.p50_ms;
    vec![
        Row::new("from the first accepted connection to the exact total", exact.as_secs_f64(), "s")
            .beside(format!("{round_trips:.0} round trips"))
            .target(Target::AtMost(0.5))
            .rivals("PostgreSQL 5.0 (tuned for freshness 43), aggregates up 4.5 (39), NATS 5.9, CouchDB 105"),
        Row::new("bytes between township and county, both ways", float(bytes), "B")
            .beside("with TLS, HTTP/2 and answers, until all tiers are equal".to_owned()),
        Row::new("the same, an entry", float(bytes) / float(entries), "B")
            .target(Target::AtMost(1.0))
            .rivals("single, bulk: PostgreSQL 483, 328 (aggregates up: 275, 101), NATS 474, CouchDB 502"),
    ]
}

/// Waits until the province counts so many.
async fn counts(province: &Client, entries: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let counted = case::accepted(province).await?;
        if counted == entries {
            return Ok(());
        }
        ensure!(began.elapsed() < wait::LONGEST, "the province still counts {counted} of {entries} entries");
        sleep(ASK_EVERY).await;
    }
}
