//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use wuji_proto::Period;

/// Measures Wuji on this machine. Every scenario states the physical limits that it measured
/// beside its figures. Build with --release for figures that mean anything.
#[derive(Debug, Parser)]
#[command(name = "wuji-bench", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub scenario: Scenario,
}

/// The scenarios, and what prepares them.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Build the data directory of a province, as its cities' feeds make it.
    #[command(after_help = "Example: wuji-bench province --dir /var/tmp/wuji-province\n\n\
        All cities, counties and townships of 山东省, 12,000 workrooms and 12 months are some 10 million \
        cells. A directory that is finished is used as it is; one that is not is begun again.")]
    Province(ProvinceArgs),
    /// Measure what a province's node answers, and how fast.
    #[command(after_help = "Examples:\n  wuji-bench query --dir /var/tmp/wuji-province --json query.json\n  \
        wuji-bench query --small    a few seconds; shows that everything works, not how fast it is")]
    Query(QueryArgs),
    /// Measure how soon a workroom with many records serves after it was killed.
    #[command(after_help = "Example: wuji-bench opening --dir /var/tmp/wuji-opening --json opening.json\n\n\
        The records are written by a process that is killed while it writes on; a directory that has data is used \
        as it is.")]
    Opening(OpeningArgs),
    /// Measure durable entries a second at one workroom: one client, 16 clients, an import.
    #[command(after_help = "Example: wuji-bench ingest --at /var/tmp --json ingest.json")]
    Ingest(OneArgs),
    /// Measure how soon an entry is in the province's total, four hops up.
    #[command(after_help = "Example: wuji-bench freshness --at /var/tmp --json freshness.json")]
    Freshness(OneArgs),
    /// Measure how soon the province has what a workroom wrote while it was cut off, and over how many bytes.
    #[command(after_help = "Example: wuji-bench catch-up --at /var/tmp --json catch-up.json")]
    CatchUp(OneArgs),
    /// Measure how fast one node takes the feeds of 16 and of 200 children.
    #[command(after_help = "Example: wuji-bench fan-in --at /var/tmp --json fan-in.json")]
    FanIn(OneArgs),
    /// Measure memory, start, open files, threads, bytes on disk, and the programs' sizes.
    #[command(after_help = "Example: wuji-bench footprint --at /var/tmp --json footprint.json")]
    Footprint(OneArgs),
    /// Measure ingest, freshness, catch-up, fan-in, footprint, and the queries of a small province.
    #[command(after_help = "Examples:\n  wuji-bench all --at /var/tmp --dir results\n  \
        wuji-bench all --small --dir results    that everything works, not how fast it is\n\n\
        Writes NAME.json of each, and all tables into all.md.")]
    All(AllArgs),
}

/// One scenario over nodes of its own.
#[derive(Clone, Debug, Args)]
pub struct OneArgs {
    /// How.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Also write everything as JSON to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// How nodes of a scenario's own are made.
#[derive(Clone, Debug, Args)]
pub struct MeasureArgs {
    /// Few entries: shows that everything works, not how fast it is.
    #[arg(long)]
    pub small: bool,
    /// On which disk: a directory in which the nodes' own is made, and removed at the end; without
    /// it, the system's directory for temporary files.
    #[arg(long)]
    pub at: Option<PathBuf>,
    /// The `wuji-node` to measure; without it, the one of these sources, which is built if need be.
    #[arg(long)]
    pub node: Option<PathBuf>,
}

/// All scenarios of speed and size.
#[derive(Clone, Debug, Args)]
pub struct AllArgs {
    /// How.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Where the tables and the JSON go.
    #[arg(long)]
    pub dir: PathBuf,
}

/// Which workroom.
#[derive(Clone, Debug, Args)]
pub struct OpeningArgs {
    /// Where its directory is.
    #[arg(long)]
    pub dir: PathBuf,
    /// How many records.
    #[arg(long, default_value_t = 1_000_000)]
    pub records: u64,
    /// The `wuji-node` to measure; without it, the one of these sources, which is built if need be.
    #[arg(long)]
    pub node: Option<PathBuf>,
    /// Also write everything as JSON to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write records without end: what the killed process does.
    #[arg(long, hide = true)]
    pub write: bool,
}

/// Which province.
#[derive(Clone, Debug, Args)]
pub struct ProvinceArgs {
    /// Where it is built; the node's data lie in data/ below it.
    #[arg(long)]
    pub dir: PathBuf,
    /// How many workrooms, spread over all townships; fewer than townships leave townships out.
    #[arg(long, default_value_t = 12_000)]
    pub workrooms: usize,
    /// How many months.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=36))]
    pub months: u32,
    /// The first month.
    #[arg(long, default_value = "2025-01")]
    pub first: Period,
    /// Memory for the index's pages, MiB; as `index.cache_mib` of a province's node.
    #[arg(long, default_value_t = 256)]
    pub cache_mib: u32,
}

/// How to ask.
#[derive(Clone, Debug, Args)]
pub struct QueryArgs {
    /// The province that was built there.
    #[arg(long, required_unless_present = "small", conflicts_with = "small")]
    pub dir: Option<PathBuf>,
    /// Build a small province in a temporary directory and ask each question a few times.
    #[arg(long)]
    pub small: bool,
    /// How often each question is asked; those that take long are asked less often.
    #[arg(long, default_value_t = 1_000)]
    pub repetitions: usize,
    /// Memory for the index's pages, MiB; `index.cache_mib` of the node.
    #[arg(long, default_value_t = 256)]
    pub cache_mib: u32,
    /// The `wuji-node` to measure, such as an older one to compare with; without it, the one of
    /// these sources, which is built if need be.
    #[arg(long)]
    pub node: Option<PathBuf>,
    /// Also write everything as JSON to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}
