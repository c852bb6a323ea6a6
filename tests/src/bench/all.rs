//! All scenarios of speed and size, one after the other, each over nodes of its own; tables
//! and JSON go into one directory.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::args::{AllArgs, QueryArgs};
use super::measured::Measured;
use super::report::{self, Check};
use super::{catch_up, fan_in, footprint, freshness, ingest, query};

/// As a province's node is set up; only few pages are there to be kept.
const QUERY_CACHE_MIB: u32 = 256;

/// Measures all, and fails at the end if any answer was wrong.
pub async fn run(args: &AllArgs) -> anyhow::Result<()> {
    fs::create_dir_all(&args.dir).with_context(|| format!("making {}", args.dir.display()))?;
    let mut written = Written { directory: &args.dir, tables: String::new(), checks: Vec::new() };
    let of = &args.measure;
    written.add(&ingest::measure(of).await.context("ingest")?)?;
    written.add(&freshness::measure(of).await.context("freshness")?)?;
    written.add(&catch_up::measure(of).await.context("catch-up")?)?;
    written.add(&fan_in::measure(of).await.context("fan-in")?)?;
    written.add(&footprint::measure(of).await.context("footprint")?)?;
    let questions = QueryArgs {
        dir: None,
        small: true,
        repetitions: 0,
        cache_mib: QUERY_CACHE_MIB,
        node: of.node.clone(),
        json: None,
    };
    let report = query::report(&questions).await.context("query")?;
    report.write(&args.dir.join("query.json"))?;
    written.put(&format!("### query, a small province\n\n{}", report.table()), report.checks)?;
    report::all_hold(&written.checks)
}

struct Written<'a> {
    directory: &'a Path,
    tables: String,
    checks: Vec<Check>,
}

impl Written<'_> {
    fn add(&mut self, measured: &Measured) -> anyhow::Result<()> {
        measured.write(&self.directory.join(format!("{}.json", measured.scenario)))?;
        self.put(&measured.table(), measured.checks.clone())
    }

    /// What was measured stays, whatever happens to the scenarios after it.
    fn put(&mut self, table: &str, checks: Vec<Check>) -> anyhow::Result<()> {
        println!("{table}");
        self.tables += table;
        self.tables.push('\n');
        self.checks.extend(checks);
        fs::write(self.directory.join("all.md"), &self.tables).context("writing the tables")
    }
}
