//! What came of an import.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;
use wuji_proto::v1::Violation;

use crate::output::number::grouped;
use crate::output::{Cell, Column, Sheet};

/// How many refused rows the summary holds with their reasons; the side file has all.
pub const REFUSALS_HELD_MAX: usize = 1_000;

/// How many of them the screen shows.
const REFUSALS_SHOWN_MAX: usize = 10;

/// What came of an import.
#[derive(Serialize)]
pub struct Summary {
    pub file: PathBuf,
    pub ledger: String,
    pub accepted: u64,
    pub already_present: u64,
    pub refused: u64,
    /// Where the refused rows are; null if there are none.
    pub refused_file: Option<PathBuf>,
    /// The titles of columns that no field takes.
    pub ignored_columns: Vec<String>,
    /// The first [`REFUSALS_HELD_MAX`].
    pub refusals: Vec<Refusal>,
}

/// A refused row.
#[derive(Serialize)]
pub struct Refusal {
    pub line: u32,
    pub violations: Vec<Wrong>,
}

/// What is wrong with a field; the field is empty where it is the whole row.
#[derive(Serialize)]
pub struct Wrong {
    pub field: String,
    pub description: String,
}

impl From<Violation> for Wrong {
    fn from(violation: Violation) -> Self {
        Self { field: violation.field, description: violation.description }
    }
}

impl Refusal {
    /// The reason in one line.
    pub fn reason(&self) -> String {
        let one = |wrong: &Wrong| match wrong.field.as_str() {
            "" => wrong.description.clone(),
            field => format!("{field}: {}", wrong.description),
        };
        self.violations.iter().map(one).collect::<Vec<_>>().join("；")
    }
}

/// The counts as a row.
pub fn sheet(summary: &Summary) -> Sheet {
    let path = |path: &PathBuf| Cell::Text(path.display().to_string());
    Sheet {
        columns: vec![
            Column::text("file"),
            Column::text("ledger"),
            Column::number("accepted"),
            Column::number("already_present"),
            Column::number("refused"),
            Column::text("refused_file"),
        ],
        rows: vec![vec![
            path(&summary.file),
            Cell::text(&summary.ledger),
            Cell::count(summary.accepted),
            Cell::count(summary.already_present),
            Cell::count(summary.refused),
            summary.refused_file.as_ref().map_or(Cell::Empty, path),
        ]],
        totals: None,
    }
}

/// The summary for people.
pub fn screen(summary: &Summary) -> String {
    let [accepted, present, refused] =
        [summary.accepted, summary.already_present, summary.refused].map(|count| grouped(count.into()));
    let mut text = format!("{accepted} rows accepted, {present} already present, {refused} refused\n");
    for refusal in summary.refusals.iter().take(REFUSALS_SHOWN_MAX) {
        let _ = writeln!(text, "  line {}: {}", refusal.line, refusal.reason());
    }
    let more = summary.refused.saturating_sub(REFUSALS_SHOWN_MAX as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {} more", grouped(more.into()));
    }
    if let Some(file) = &summary.refused_file {
        let file = file.display();
        let _ = writeln!(
            text,
            "the refused rows are in {file}\nnext: mend them there, then wuji ledger import {} {file}",
            summary.ledger
        );
    }
    text
}
