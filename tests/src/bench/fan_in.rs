//! The scenario *fan-in*: how fast one node takes the feeds of many children, which all send at
//! once. First every cell is new, then every cell changes. The children are feeders: what they
//! send was made before, so that the parent has the machine nearly to itself.

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use wuji_proto::DivisionCode;
use wuji_proto::v1::FeedFrame;

use super::args::MeasureArgs;
use super::case::Sums;
use super::feeder::{self, Feeder};
use super::limits::Limits;
use super::machine::Machine;
use super::measured::{Measured, Row, Target};
use super::place::{Member, Place};
use super::{float, rate};
use crate::federation::TOWNSHIP;

/// Children of each run.
const CHILDREN: [u16; 2] = [16, 200];
const CHILDREN_SMALL: [u16; 2] = [2, 5];

/// Entries that each child's cells stand for, a round: of 16 children 100,000.
const ENTRIES: u64 = 6_250;
const ENTRIES_SMALL: u64 = 200;

/// Rounds, and what becomes of the cells in each.
const ROUNDS: [(i64, &str); 2] = [(1, "new cells"), (2, "changed cells")];

/// Calls for the limits.
const CALLS: usize = 500;

/// What one round took.
struct Round {
    children: u16,
    name: &'static str,
    items: u64,
    took: Duration,
}

/// Measures.
pub async fn measure(args: &MeasureArgs) -> anyhow::Result<Measured> {
    let machine = Machine::this();
    let (children, entries) = if args.small { (CHILDREN_SMALL, ENTRIES_SMALL) } else { (CHILDREN, ENTRIES) };
    let cells = feeder::cells(0..entries)?;
    let (mut rounds, mut checks, mut limits) = (Vec::new(), Vec::new(), None);
    for children in children {
        let codes: Vec<String> = (1..=children).map(|number| format!("{TOWNSHIP}{number:03}")).collect();
        let place = Place::new(args, &[&[TOWNSHIP.to_owned()], codes.as_slice()].concat())?;
        let parent = place.alone(TOWNSHIP).await?;
        limits = Some(Limits::measure(&parent.client.channel(), place.path(), CALLS).await?);
        let mut feeders = connect(&place, &parent, &codes).await?;
        for (times, name) in ROUNDS {
            let frames: Vec<_> = feeders.iter().map(|feeder| feeder.frames(&cells, times)).collect::<Result<_, _>>()?;
            // Each child's unit is an item, too.
            let items = u64::from(children) * (cells.len() as u64 + 1);
            let (sent, took) = send_all(feeders, frames).await.context(name)?;
            rounds.push(Round { children, name, items, took });
            feeders = sent;
        }
        let (times, _) = ROUNDS.last().context("there is a round")?;
        checks.extend(Sums::of(0..entries).times(i64::from(children) * times).checks(&parent.client).await?);
        drop(feeders);
        parent.stop().await?;
    }
    let mut measured = Measured::new("fan-in", machine, limits.context("there is a run")?)
        .with("children", "feeders: they speak the link's protocol over mutual TLS and are no nodes")
        .with("entries", format!("{entries} a child and round, which make {} items", cells.len() + 1))
        .with("time", "from when all begin to send until the parent has shown each that both ends are equal");
    measured.figures = rounds.iter().flat_map(|round| rows(round, entries)).collect();
    measured.checks = checks;
    Ok(measured)
}

fn rows(round: &Round, entries: u64) -> [Row; 2] {
    let Round { children, name, items, took } = round;
    let items_rate = rate(*items, *took);
    let entries_rate = rate(u64::from(*children) * entries, *took);
    let named = |what| format!("{children} children, {name}: {what}");
    [
        Row::new(named("items applied"), items_rate, "items/s").beside(format!(
            "{} items in {:.2} s",
            items,
            took.as_secs_f64()
        )),
        Row::new(named("entries that they stand for"), entries_rate, "entries/s")
            .beside(format!("{:.1} entries an item", float(u64::from(*children) * entries) / float(*items)))
            .target(Target::AtLeast(300_000.0))
            .rivals(if *children == 16 {
                "PostgreSQL 64,000 (aggregates up: 103,000), NATS 64,000, CouchDB 916"
            } else {
                ""
            }),
    ]
}

async fn connect(place: &Place, parent: &Member, codes: &[String]) -> anyhow::Result<Vec<Feeder>> {
    let mut feeders = Vec::with_capacity(codes.len());
    for code in codes {
        let child: DivisionCode = code.parse()?;
        parent.register(child).await?;
        feeders.push(Feeder::open(place.uplink(child, parent)?, child).await?);
    }
    Ok(feeders)
}

/// All at once; how long until the last one was told that both ends are equal.
async fn send_all(feeders: Vec<Feeder>, frames: Vec<Vec<FeedFrame>>) -> anyhow::Result<(Vec<Feeder>, Duration)> {
    let began = Instant::now();
    let mut sending = JoinSet::new();
    for (mut feeder, frames) in feeders.into_iter().zip(frames) {
        sending.spawn(async move { feeder.send(frames).await.map(|()| feeder) });
    }
    let mut sent = Vec::new();
    while let Some(feeder) = sending.join_next().await {
        sent.push(feeder.context("a feeder ended")??);
    }
    Ok((sent, began.elapsed()))
}
