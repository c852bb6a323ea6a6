//! CSV in the long form: a line a figure, exact, with everything that says what it is.

use std::io::{self, Write};

use csv::Writer;
use wuji_proto::v1::{Coverage, Figure, QueryRow, Report};

use super::section::Section;

/// The header.
const HEADER: [&str; 14] = [
    "section",
    "line",
    "period",
    "unit",
    "unit_name",
    "fields",
    "words",
    "column",
    "revision",
    "measure_unit",
    "numerator",
    "denominator",
    "expected",
    "reported",
];

/// Between the fields or words of one row.
const BETWEEN: &str = "×";

/// Writes a report; of one that is shown beside the present figures, the issued ones.
pub fn write(report: &Report, out: impl Write) -> io::Result<()> {
    let mut writer = Writer::from_writer(out);
    let mut line = |fields: &[&str]| writer.write_record(fields).map_err(cause);
    line(&HEADER)?;
    for (name, value) in about(report) {
        line(&[
            "report",
            "about",
            &report.period,
            &report.scope,
            &report.scope_name,
            "",
            &value,
            name,
            "",
            "",
            "",
            "",
            "",
            "",
        ])?;
    }
    for (name, number) in report.coverage.iter().flat_map(covered) {
        let number = number.to_string();
        line(&[
            "coverage",
            "about",
            &report.period,
            &report.scope,
            &report.scope_name,
            "",
            "",
            name,
            "",
            "",
            &number,
            "",
            "",
            "",
        ])?;
    }
    for section in report.sections.iter().filter_map(Section::of) {
        for figure in figures(report, section) {
            let fields: Vec<&str> = figure.iter().map(String::as_str).collect();
            line(&fields)?;
        }
    }
    writer.flush()
}

fn about(report: &Report) -> [(&'static str, String); 7] {
    let time = |ms: i64| crate::clock::rfc3339(ms).unwrap_or_default();
    [
        ("id", report.id.clone()),
        ("kind", report.kind.clone()),
        ("actor", report.actor.clone()),
        ("made_at", time(report.made_at_ms)),
        ("as_of", time(report.coverage.as_ref().map_or(0, |coverage| coverage.as_of_ms))),
        ("catalogue_version", report.catalogue_version.clone()),
        ("version", report.version.clone()),
    ]
}

fn covered(coverage: &Coverage) -> [(&'static str, u64); 5] {
    [
        ("expected", coverage.expected),
        ("reported", coverage.reported),
        ("missing", coverage.missing_count),
        ("absent", coverage.absent_count),
        ("not_expected", coverage.not_expected),
    ]
}

/// A section's lines: its rows, each followed by what it is compared with, then its sums.
fn figures(report: &Report, section: Section<'_>) -> Vec<[String; 14]> {
    let mut lines = Vec::new();
    let mut add = |line: &str, period: &str, row: &QueryRow, figures: &[Figure]| {
        for (column, figure) in section.columns().iter().zip(figures) {
            let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
            lines.push([
                section.section.id.clone(),
                line.to_owned(),
                if period.is_empty() { report.period.clone() } else { period.to_owned() },
                row.unit.clone(),
                row.unit_name.clone(),
                fields(section).join(BETWEEN),
                row.words.join(BETWEEN),
                column.id.clone(),
                column.revision.to_string(),
                column.unit.clone(),
                figure.numerator().to_string(),
                figure.denominator().map(|denominator| denominator.to_string()).unwrap_or_default(),
                number(row.reporting.as_ref().map(|it| it.expected)),
                number(row.reporting.as_ref().map(|it| it.reported)),
            ]);
        }
    };
    for row in section.rows() {
        add("row", &row.period, row, &row.figures);
        for compared in &row.comparisons {
            add("row", &compared.period, row, &compared.figures);
        }
    }
    if let Some(end) = &section.section.end {
        let none = QueryRow::default();
        add("total", "", &none, &end.totals);
        for compared in &end.comparisons {
            add("total", &compared.period, &none, &compared.figures);
        }
        add("rest", "", &none, &end.rest);
        add("in-transit", "", &none, &end.in_transit);
    }
    lines
}

/// The split fields of a section, whose words its rows have.
pub fn fields(section: Section<'_>) -> Vec<&str> {
    let is_unit = |by: &&String| *by == "unit" || by.parse::<wuji_proto::Tier>().is_ok();
    section.head.by.iter().filter(|by| !is_unit(by)).map(String::as_str).collect()
}

/// The error below csv's own, so that a closed pipe is still known as one.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
