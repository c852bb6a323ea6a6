//! A report as it is printed: a title, facts about it, and tables.

use wuji_proto::v1::Report;

use super::section::Section;
use super::value::Value;
use super::{about, changes, monthly, titles, workrooms};

/// A report, ready to be printed.
#[derive(Clone, Debug)]
pub struct Document {
    /// The title.
    pub title: String,
    /// Unit, time, state: in one line.
    pub subtitle: String,
    /// What it includes, and where it comes from.
    pub facts: Vec<(&'static str, String)>,
    /// The tables, in order.
    pub tables: Vec<Table>,
}

/// A table; a workbook has a sheet for each.
#[derive(Clone, Debug)]
pub struct Table {
    /// The heading.
    pub title: String,
    /// The name of its sheet: at most 31 characters, none of `[]:*?/\`.
    pub sheet: &'static str,
    /// Leading columns that say what a row is.
    pub key_columns: usize,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// A heading over several columns; empty: none.
    pub group: String,
    /// The heading.
    pub title: String,
    /// Its values are numbers, which stand to the right.
    pub numeric: bool,
}

/// How a row is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As others.
    Plain,
    /// A part of the row above it.
    Detail,
    /// A sum.
    Total,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// How it is set.
    pub style: Style,
    /// A value a column.
    pub cells: Vec<Value>,
}

impl Column {
    /// Of text.
    pub fn text(title: &str) -> Self {
        Self { group: String::new(), title: title.to_owned(), numeric: false }
    }

    /// Of numbers.
    pub fn number(title: &str) -> Self {
        Self { numeric: true, ..Self::text(title) }
    }

    /// Of numbers, under a heading.
    pub fn grouped(group: &str, title: &str) -> Self {
        Self { group: group.to_owned(), ..Self::number(title) }
    }
}

impl Row {
    /// As others.
    pub const fn plain(cells: Vec<Value>) -> Self {
        Self { style: Style::Plain, cells }
    }

    /// A sum.
    pub const fn total(cells: Vec<Value>) -> Self {
        Self { style: Style::Total, cells }
    }
}

impl Document {
    /// A report; with `now`, also what has changed since it was issued.
    pub fn of(report: &Report, now: Option<&Report>) -> Self {
        let mut tables = match report.kind.as_str() {
            "monthly" => monthly::tables(report),
            "workrooms" => workrooms::tables(report),
            // Of a kind that a newer node knows: its sections as they are.
            _ => report.sections.iter().filter_map(Section::of).map(plain).collect(),
        };
        tables.extend(changes::tables(report, now));
        tables.push(about::positions(report));
        Self {
            title: titles::report(&report.kind, &report.scope_name, &report.period),
            subtitle: about::subtitle(report),
            facts: about::facts(report, now),
            tables,
        }
    }
}

fn plain(section: Section<'_>) -> Table {
    let mut columns = vec![Column::text("单位"), Column::text("分组")];
    columns.extend(section.columns().iter().map(|column| Column::number(&column.title_zh)));
    let row = |row: &wuji_proto::v1::QueryRow| {
        let mut cells = vec![Value::text(&row.unit_name), Value::text(row.words.join(" × "))];
        cells.extend(section.columns().iter().zip(&row.figures).map(|(column, figure)| Value::of(column, figure)));
        Row::plain(cells)
    };
    let rows = section.rows().iter().map(row).collect();
    Table { title: section.section.id.clone(), sheet: "明细", key_columns: 2, columns, rows }
}
