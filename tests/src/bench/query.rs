//! The scenario *query*: what a province's node answers over one connection of an operator.
//!
//! * [`ask`]: one answer read to its end. [`questions`]: which are asked.
//! * [`stream`]: long answers and the node's memory meanwhile.

pub mod ask;
pub mod questions;
pub mod stream;

use anyhow::{Context, ensure};
use wuji::clock;

use super::args::{ProvinceArgs, QueryArgs};
use super::home::{Home, Served};
use super::limits::Limits;
use super::machine::{self, Machine};
use super::report::{self, Configuration, Report, Start};
use super::{memory, province};
use crate::program;
use questions::Asking;

/// The small province: every tier and more than one city, and made within a second or two.
const SMALL_WORKROOMS: usize = 24;
const SMALL_MONTHS: u32 = 2;
const SMALL_REPETITIONS: usize = 5;

/// Measures, and says what came out.
pub async fn run(args: &QueryArgs) -> anyhow::Result<()> {
    let report = report(args).await?;
    print!("{}", report.table());
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    report::all_hold(&report.checks)
}

/// Measures.
pub async fn report(args: &QueryArgs) -> anyhow::Result<Report> {
    match &args.dir {
        Some(directory) => measure(&Home::new(directory), args, args.repetitions).await,
        None => small(args).await,
    }
}

async fn small(args: &QueryArgs) -> anyhow::Result<Report> {
    let directory = tempfile::Builder::new().prefix("wuji-bench-").tempdir()?;
    let wanted = ProvinceArgs {
        dir: directory.path().to_owned(),
        workrooms: SMALL_WORKROOMS,
        months: SMALL_MONTHS,
        first: "2025-01".parse()?,
        cache_mib: args.cache_mib,
    };
    province::build(&wanted).await?;
    measure(&Home::new(directory.path()), args, SMALL_REPETITIONS).await
}

async fn measure(home: &Home, args: &QueryArgs, repetitions: usize) -> anyhow::Result<Report> {
    let program = args.node.clone().map_or_else(program::node, Ok)?;
    // Before anything of this run loads the machine.
    let machine = Machine::this();
    let (served, ready_ms) = home.serve(&program, args.cache_mib).await?;
    let report = ask_all(home, &served, machine, args.cache_mib, repetitions, ready_ms).await;
    let stopped = served.node.stop().await?;
    ensure!(stopped.success(), "the node ended with {stopped} on SIGTERM");
    report
}

async fn ask_all(
    home: &Home,
    served: &Served,
    machine: Machine,
    cache_mib: u32,
    repetitions: usize,
    ready_ms: f64,
) -> anyhow::Result<Report> {
    let province = home.built()?.context("the province has gone")?;
    let process = served.node.id()?;
    let start = Start { ready_ms, rss_bytes: memory::resident(process)? };
    let limits = Limits::measure(&served.client.channel(), home.directory(), repetitions).await?;
    let mut asking = Asking::new(&served.client, &province, &limits, repetitions);
    let figures = asking.questions().await?;
    let streams = asking.streams(process).await?;
    Ok(Report {
        scenario: "query",
        commit: machine::commit(),
        at: clock::rfc3339(clock::now_ms()).unwrap_or_default(),
        machine,
        configuration: Configuration { index: "sled", cache_mib, repetitions, debug_build: cfg!(debug_assertions) },
        checks: asking.checks(),
        province,
        limits,
        start,
        figures,
        streams,
    })
}
