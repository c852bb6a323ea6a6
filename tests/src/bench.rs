//! What `wuji-bench` measures: each scenario starts real nodes, prints a table, and writes
//! JSON with the machine, the commit and the physical limits measured in the same run, so
//! that every figure is also a ratio. `docs/benchmarks.md` holds the results.
//!
//! * [`args`]: what can be typed. [`query`]: the scenario of questions. [`opening`]: of starts
//!   after a kill.
//! * [`province`]: a province's data directory for it, built by the real code path, of
//!   [`tree`] (which units), [`entries`] (what they write) and [`feed`] (what cities send).
//! * [`home`]: that directory, and the node that serves it.
//! * [`limits`], [`machine`], [`latency`], [`memory`]: what is measured beside and how.
//! * [`report`]: the table and the JSON.

pub mod args;
pub mod entries;
pub mod feed;
pub mod home;
pub mod latency;
pub mod limits;
pub mod machine;
pub mod memory;
pub mod opening;
pub mod province;
pub mod query;
pub mod report;
pub mod tree;

use args::{Cli, Scenario};

/// Runs what was asked for.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.scenario {
        Scenario::Province(args) => province::run(&args).await,
        Scenario::Query(args) => query::run(&args).await,
        Scenario::Opening(args) => opening::run(&args).await,
    }
}
