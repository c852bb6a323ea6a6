//! What a scenario of speed or size came to: figures beside their targets, the machine's limits
//! and what other stores gave for the same work; as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use wuji::clock;
use wuji::output::number;

use super::latency::Latency;
use super::limits::Limits;
use super::machine::{self, Machine};
use super::report::{self, Check};

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Not below this.
    AtLeast(f64),
    /// Not above this.
    AtMost(f64),
}

impl Target {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn shown(self, value: f64) -> String {
        let (sign, target) = match self {
            Self::AtLeast(least) => ('≥', least),
            Self::AtMost(most) => ('≤', most),
        };
        format!("{sign} {}: {}", amount(target), if self.met(value) { "met" } else { "missed" })
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// The times behind it, where there are any.
    pub latency: Option<Latency>,
    /// How it stands to the machine's limit; may be empty.
    pub beside: String,
    /// What it is to be.
    pub target: Option<Target>,
    /// Whether it is.
    pub met: Option<bool>,
    /// What other stores gave in the comparison; may be empty.
    pub rivals: &'static str,
}

impl Row {
    /// A figure.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let (name, beside, rivals) = (name.into(), String::new(), "");
        Self { name, value, unit, latency: None, beside, target: None, met: None, rivals }
    }

    /// With the times behind it.
    #[must_use]
    pub const fn times(mut self, latency: Latency) -> Self {
        self.latency = Some(latency);
        self
    }

    /// With how it stands to the machine's limit.
    #[must_use]
    pub fn beside(mut self, limit: String) -> Self {
        self.beside = limit;
        self
    }

    /// With what it is to be.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self.met = Some(target.met(self.value));
        self
    }

    /// With what other stores gave.
    #[must_use]
    pub const fn rivals(mut self, rivals: &'static str) -> Self {
        self.rivals = rivals;
        self
    }
}

/// Everything of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Its name.
    pub scenario: &'static str,
    /// The commit of the sources; `+` behind it: changed since.
    pub commit: String,
    /// When, as RFC 3339.
    pub at: String,
    /// On what.
    pub machine: Machine,
    /// Whether this program was built without optimisation: then its times mean nothing.
    pub debug_build: bool,
    /// How, in words.
    pub configuration: BTreeMap<&'static str, String>,
    /// What the machine allows.
    pub limits: Limits,
    /// The figures.
    pub figures: Vec<Row>,
    /// What must hold.
    pub checks: Vec<Check>,
}

impl Measured {
    /// Without figures yet.
    pub fn new(scenario: &'static str, machine: Machine, limits: Limits) -> Self {
        let at = clock::rfc3339(clock::now_ms()).unwrap_or_default();
        let configuration = BTreeMap::from([("node", "as shipped: sled, mutual TLS".to_owned())]);
        Self {
            scenario,
            commit: machine::commit(),
            at,
            machine,
            debug_build: cfg!(debug_assertions),
            configuration,
            limits,
            figures: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// With a word on how it was measured.
    #[must_use]
    pub fn with(mut self, what: &'static str, how: impl Into<String>) -> Self {
        self.configuration.insert(what, how.into());
        self
    }

    /// Prints the table, writes the JSON, and fails if an answer was wrong.
    pub fn conclude(&self, json: Option<&Path>) -> anyhow::Result<()> {
        print!("{}", self.table());
        json.map_or(Ok(()), |path| self.write(path))?;
        report::all_hold(&self.checks)
    }

    /// Writes the JSON.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// The tables, as `docs/benchmarks.md` has them.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_table(&mut text);
        text
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        let Machine { processor, cores, memory_mib, kernel, load } = &self.machine;
        writeln!(out, "### {}\n", self.scenario)?;
        writeln!(
            out,
            "{processor}, {cores} cores, {memory_mib} MiB, Linux {kernel}, load {load}; commit {}, {}",
            self.commit, self.at
        )?;
        if self.debug_build {
            writeln!(out, "Built without --release: these times mean nothing.")?;
        }
        self.configuration.iter().try_for_each(|(what, how)| writeln!(out, "{what}: {how}"))?;
        let Limits { round_trip, append_fdatasync, overwrite_fdatasync, .. } = &self.limits;
        writeln!(
            out,
            "limits, p50 and p99 in ms: round trip {:.3} {:.3}; append + fdatasync {:.3} {:.3}; overwrite + fdatasync \
             {:.3} {:.3}\n",
            round_trip.p50_ms,
            round_trip.p99_ms,
            append_fdatasync.p50_ms,
            append_fdatasync.p99_ms,
            overwrite_fdatasync.p50_ms,
            overwrite_fdatasync.p99_ms
        )?;
        writeln!(out, "| figure | measured | p50 ms | p95 | p99 | max | beside the limit | target | other stores |")?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|---|---|---|")?;
        self.figures.iter().try_for_each(|row| write_row(out, row))?;
        writeln!(out)?;
        for check in self.checks.iter().filter(|check| !check.holds()) {
            writeln!(out, "WRONG: {}: {} instead of {}", check.name, check.found, check.wanted)?;
        }
        Ok(())
    }
}

fn write_row(out: &mut String, row: &Row) -> std::fmt::Result {
    let times = row.latency.map_or_else(
        || "| | |".to_owned(),
        |Latency { p50_ms, p95_ms, p99_ms, max_ms, .. }| {
            format!("{p50_ms:.2} | {p95_ms:.2} | {p99_ms:.2} | {max_ms:.2}")
        },
    );
    let target = row.target.map_or_else(String::new, |target| target.shown(row.value));
    let Row { name, value, unit, beside, rivals, .. } = row;
    let measured = format!("{} {unit}", amount(*value));
    writeln!(out, "| {name} | {} | {times} | {beside} | {target} | {rivals} |", measured.trim_end())
}

/// With as many digits as say something.
fn amount(value: f64) -> String {
    const WHOLE_FROM: f64 = 1_000.0;
    const ONE_DIGIT_FROM: f64 = 10.0;
    if value.fract() == 0.0 || value >= WHOLE_FROM {
        format!("{value:.0}").parse().map_or_else(|_| value.to_string(), number::grouped)
    } else if value >= ONE_DIGIT_FROM {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_floor_or_a_ceiling_and_is_met_at_its_edge() {
        let row = |value, target| Row::new("speed", value, "/s").target(target).met;
        assert_eq!(row(4_500.0, Target::AtLeast(4_500.0)), Some(true));
        assert_eq!(row(4_499.9, Target::AtLeast(4_500.0)), Some(false));
        assert_eq!(row(3.0, Target::AtMost(3.0)), Some(true));
        assert_eq!(row(3.1, Target::AtMost(3.0)), Some(false));
    }

    #[test]
    fn a_row_shows_figure_times_limit_target_and_other_stores_in_the_columns_of_the_head() {
        let times = Latency::of(vec![std::time::Duration::from_micros(1_500)]);
        let row = Row::new("one by one", 12_345.6, "/s").target(Target::AtLeast(4_500.0)).rivals("5,533");
        let shown = |row: &Row| {
            let mut text = String::new();
            write_row(&mut text, row).unwrap();
            text
        };
        let text = shown(&row.clone().times(times).beside("81 %".to_owned()));
        assert_eq!(text, "| one by one | 12,346 /s | 1.50 | 1.50 | 1.50 | 1.50 | 81 % | ≥ 4,500: met | 5,533 |\n");
        assert_eq!(shown(&row).matches('|').count(), text.matches('|').count());
    }

    #[test]
    fn amounts_have_as_many_digits_as_say_something() {
        assert_eq!(
            [0.005, 0.5, 9.994, 12.34, 1_234.5, 900.0].map(amount),
            ["0.01", "0.50", "9.99", "12.3", "1,234", "900"]
        );
    }
}
