//! What `wuji-bench` measures: each scenario starts real nodes, prints a table, and writes
//! JSON with the machine, the commit and the physical limits measured in the same run, so
//! that every figure is also a ratio. `docs/benchmarks.md` holds the results.
//!
//! * [`args`]: what can be typed. [`query`]: the scenario of questions. [`opening`]: of starts
//!   after a kill.
//! * [`all`]: the scenarios of speed and size, one after the other: [`ingest`], [`freshness`],
//!   [`catch_up`], [`fan_in`] and [`footprint`]; of nodes in a [`place`], which write each [`case`]
//!   that they are given; [`feeder`]: a child that is no node. [`measured`]: their table and JSON.
//! * [`province`]: a province's data directory for it, built by the real code path, of
//!   [`tree`] (which units), [`entries`] (what they write) and [`feed`] (what cities send).
//! * [`home`]: that directory, and the node that serves it.
//! * [`limits`], [`machine`], [`latency`], [`memory`]: what is measured beside and how.
//! * [`report`]: the table and the JSON.

pub mod all;
pub mod args;
pub mod case;
pub mod catch_up;
pub mod entries;
pub mod fan_in;
pub mod feed;
pub mod feeder;
pub mod footprint;
pub mod freshness;
pub mod home;
pub mod ingest;
pub mod latency;
pub mod limits;
pub mod machine;
pub mod measured;
pub mod memory;
pub mod opening;
pub mod place;
pub mod province;
pub mod query;
pub mod report;
pub mod tree;

use std::time::Duration;

use args::{Cli, Scenario};

/// Runs what was asked for.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.scenario {
        Scenario::Province(args) => province::run(&args).await,
        Scenario::Query(args) => query::run(&args).await,
        Scenario::Opening(args) => opening::run(&args).await,
        Scenario::Ingest(args) => ingest::measure(&args.measure).await?.conclude(args.json.as_deref()),
        Scenario::Freshness(args) => freshness::measure(&args.measure).await?.conclude(args.json.as_deref()),
        Scenario::CatchUp(args) => catch_up::measure(&args.measure).await?.conclude(args.json.as_deref()),
        Scenario::FanIn(args) => fan_in::measure(&args.measure).await?.conclude(args.json.as_deref()),
        Scenario::Footprint(args) => footprint::measure(&args.measure).await?.conclude(args.json.as_deref()),
        Scenario::All(args) => all::run(&args).await,
    }
}

/// A count as a number for rates and ratios. Counts here are far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

/// So many in such a time, a second.
fn rate(count: u64, time: Duration) -> f64 {
    float(count) / time.as_secs_f64().max(f64::MIN_POSITIVE)
}
