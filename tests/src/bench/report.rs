//! The table and the JSON of a run.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Serialize;
use wuji::output::number;

use super::home::Built;
use super::latency::Latency;
use super::limits::Limits;
use super::machine::Machine;

/// How the node was set up and asked.
#[derive(Clone, Debug, Serialize)]
pub struct Configuration {
    /// `index.kind`.
    pub index: &'static str,
    /// `index.cache_mib`.
    pub cache_mib: u32,
    /// Repetitions asked for.
    pub repetitions: usize,
    /// Whether this program was built without optimisation: then its times mean nothing.
    pub debug_build: bool,
}

/// The node's start over the data.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Start {
    /// Until it served, in milliseconds.
    pub ready_ms: f64,
    /// Its memory then, in bytes.
    pub rss_bytes: u64,
}

/// A question and how long its answers took.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// What was asked.
    pub question: &'static str,
    /// What is to be known of how it was asked; may be empty.
    pub note: String,
    /// Rows of an answer.
    pub rows: u64,
    /// The first answer of this run of the node, in milliseconds.
    pub cold_ms: f64,
    /// The answers after it, from the question to the last row.
    pub latency: Latency,
    /// What the 99th percentile is to be at most, in milliseconds.
    pub target_p99_ms: Option<f64>,
    /// Whether it is.
    pub met: Option<bool>,
    /// The median in round trips: how many health checks take as long.
    pub round_trips: f64,
}

/// A long answer read to its end.
#[derive(Clone, Debug, Serialize)]
pub struct Stream {
    /// Its name.
    pub name: &'static str,
    /// How it was read.
    pub reader: &'static str,
    /// Rows.
    pub rows: u64,
    /// To the first row, in milliseconds.
    pub first_row_ms: f64,
    /// To the end, in milliseconds.
    pub total_ms: f64,
    /// Rows a second over the whole.
    pub rows_per_second: f64,
    /// The node's memory before, in bytes.
    pub rss_before_bytes: u64,
    /// The most during the answer.
    pub rss_most_bytes: u64,
    /// After it.
    pub rss_after_bytes: u64,
}

/// Something that must hold of the answers, whatever they took.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// As it must be.
    pub wanted: i64,
    /// As it was answered.
    pub found: i64,
}

impl Check {
    /// Whether it holds.
    pub const fn holds(&self) -> bool {
        self.wanted == self.found
    }
}

/// Fails with the names of those that do not hold.
pub fn all_hold(checks: &[Check]) -> anyhow::Result<()> {
    let wrong: Vec<&str> = checks.iter().filter(|check| !check.holds()).map(|check| check.name.as_str()).collect();
    ensure!(wrong.is_empty(), "answers that do not tie out: {}", wrong.join("; "));
    Ok(())
}

/// Everything of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `query`.
    pub scenario: &'static str,
    /// The commit of the sources; `+` behind it: changed since.
    pub commit: String,
    /// When, as RFC 3339.
    pub at: String,
    /// On what.
    pub machine: Machine,
    /// How.
    pub configuration: Configuration,
    /// Over what.
    pub province: Built,
    /// What the machine allows.
    pub limits: Limits,
    /// The node's start.
    pub start: Start,
    /// The questions.
    pub figures: Vec<Figure>,
    /// The long answers.
    pub streams: Vec<Stream>,
    /// What must hold.
    pub checks: Vec<Check>,
}

impl Report {
    /// Writes the JSON.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// The tables, as `docs/benchmarks.md` has them.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_table(&mut text);
        text
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        let (machine, limits, province) = (&self.machine, &self.limits, &self.province);
        writeln!(
            out,
            "{}, {} cores, {} MiB, Linux {}, load {}; commit {}, {}",
            machine.processor, machine.cores, machine.memory_mib, machine.kernel, machine.load, self.commit, self.at
        )?;
        if self.configuration.debug_build {
            writeln!(out, "Built without --release: these times mean nothing.")?;
        }
        writeln!(
            out,
            "{} cells: {} counties, {} townships, {} workrooms, {} months; index {}, cache {} MiB",
            number::grouped(province.cells.into()),
            province.counties,
            province.townships,
            province.workrooms,
            province.months,
            number::bytes(province.index_bytes),
            self.configuration.cache_mib
        )?;
        let round_trip = &limits.round_trip;
        writeln!(
            out,
            "limits: round trip p50 {:.3} ms, p99 {:.3} ms; append + fdatasync {:.0}/s; start {:.0} ms, then {}\n",
            round_trip.p50_ms,
            round_trip.p99_ms,
            limits.append_fdatasync_per_second,
            self.start.ready_ms,
            number::bytes(self.start.rss_bytes)
        )?;
        self.write_figures(out)?;
        self.write_streams(out)?;
        for check in self.checks.iter().filter(|check| !check.holds()) {
            writeln!(out, "WRONG: {}: {} instead of {}", check.name, check.found, check.wanted)?;
        }
        Ok(())
    }

    fn write_figures(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "| question | rows | cold ms | p50 | p95 | p99 | max | round trips | target p99 |")?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for figure in &self.figures {
            let Latency { p50_ms, p95_ms, p99_ms, max_ms, .. } = figure.latency;
            let met = if figure.met == Some(true) { "met" } else { "missed" };
            let target = figure.target_p99_ms.map_or_else(|| "–".to_owned(), |target| format!("{target} ms: {met}"));
            writeln!(
                out,
                "| {} | {} | {:.2} | {p50_ms:.2} | {p95_ms:.2} | {p99_ms:.2} | {max_ms:.2} | {:.1} | {target} |",
                figure.question,
                number::grouped(figure.rows.into()),
                figure.cold_ms,
                figure.round_trips
            )?;
        }
        let noted = self.figures.iter().filter(|figure| !figure.note.is_empty());
        noted.clone().try_for_each(|figure| writeln!(out, "\n{}: {}", figure.question, figure.note))?;
        writeln!(out)
    }

    fn write_streams(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "| reader | rows | first row ms | total ms | rows/s | RSS before | most | after |")?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
        for stream in &self.streams {
            writeln!(
                out,
                "| {} | {} | {:.1} | {:.0} | {:.0} | {} | {} | {} |",
                stream.reader,
                number::grouped(stream.rows.into()),
                stream.first_row_ms,
                stream.total_ms,
                stream.rows_per_second,
                number::bytes(stream.rss_before_bytes),
                number::bytes(stream.rss_most_bytes),
                number::bytes(stream.rss_after_bytes)
            )?;
        }
        Ok(())
    }
}
