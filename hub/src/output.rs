//! What goes to stdout: tables for people, JSON and CSV for programs. Everything else
//! (notes, progress, errors) goes to stderr, so that stdout can always be piped.
//!
//! The rows of a table and of a CSV file are the same [`Sheet`]; a JSON document is the
//! command's own `Serialize` type, described in `docs/cli-json.md`.

pub mod csv;
pub mod json;
pub mod number;
pub mod table;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use jiff::civil::Date;
use serde::Serialize;

use crate::clock;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: aligned, thousands separated, money in 元.
    Table,
    /// For programs: one document, every number exact (docs/cli-json.md).
    Json,
    /// For spreadsheets: a header line, then a line a row.
    Csv,
}

/// How a column's values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, dates and times.
    Text,
    /// Integers.
    Number,
    /// Money, held in 分, shown in 元.
    Money,
    /// Exact ratios; two columns in CSV.
    Ratio,
}

/// How people are shown a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// As a share: `96.9 %`.
    Percent,
    /// As a number with two decimals: cases per workroom.
    Number,
    /// 分 for each of what is counted, as 元.
    Money,
}

impl Show {
    /// What the catalogue's word means; a percentage where it says nothing.
    pub fn of(word: &str) -> Self {
        match word {
            "number" => Self::Number,
            "money" => Self::Money,
            _ => Self::Percent,
        }
    }
}

/// A column of a [`Sheet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name in CSV: stable, English.
    pub name: String,
    /// The title in tables.
    pub title: String,
    /// How its values look.
    pub kind: Kind,
}

impl Column {
    /// A column.
    pub fn new(name: &str, title: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), title: title.to_owned(), kind }
    }

    /// A column of text whose name and title are the same.
    pub fn text(name: &str) -> Self {
        Self::new(name, name, Kind::Text)
    }

    /// A column of integers whose name and title are the same.
    pub fn number(name: &str) -> Self {
        Self::new(name, name, Kind::Number)
    }
}

/// Whether a state is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// On its way, or not yet begun.
    Waiting,
    /// Somebody must do something.
    Bad,
}

/// One value of a [`Sheet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// A word that says how things are.
    State(String, Tone),
    /// An integer; wide enough for every integer of the contract.
    Integer(i128),
    /// Money in 分 (1/100 元).
    Fen(i64),
    /// A ratio; a denominator of 0 has no value.
    Ratio(i64, i64, Show),
    /// A civil date.
    Date(Date),
    /// Milliseconds since 1970-01-01 UTC; 0: never.
    Time(i64),
}

impl Cell {
    /// A text; empty text is nothing.
    pub fn text(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }

    /// A count.
    pub fn count(count: u64) -> Self {
        Self::Integer(count.into())
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::State(text, _) => harmless(text),
            Self::Integer(integer) => number::grouped(*integer),
            Self::Fen(fen) => number::yuan_grouped(*fen),
            Self::Ratio(numerator, denominator, Show::Percent) => number::percent(*numerator, *denominator),
            Self::Ratio(numerator, denominator, Show::Number) => number::quotient(*numerator, *denominator),
            Self::Ratio(fen, count, Show::Money) => number::mean_yuan(*fen, *count),
            Self::Date(date) => date.to_string(),
            Self::Time(ms) => clock::shown(*ms),
        }
    }

    /// As a spreadsheet reads it: exact, without separators.
    pub fn exact(&self) -> String {
        match self {
            Self::Text(text) | Self::State(text, _) => text.clone(),
            Self::Integer(integer) => integer.to_string(),
            Self::Fen(fen) => number::yuan(*fen),
            Self::Ratio(numerator, denominator, _) => format!("{numerator}/{denominator}"),
            Self::Time(ms) => clock::rfc3339(*ms).unwrap_or_default(),
            Self::Empty | Self::Date(_) => self.shown(),
        }
    }
}

/// Text that cannot steer a terminal: a record may hold anything that somebody typed.
pub fn harmless(text: &str) -> String {
    let shown = |c: char| if c == '\n' || c == '\t' { ' ' } else { '\u{fffd}' };
    text.chars().map(|c| if c.is_control() { shown(c) } else { c }).collect()
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Rows under columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, a cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// Sums, shown under a table; not a row of a CSV file.
    pub totals: Option<Vec<Cell>>,
}

/// Where output goes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// The form.
    pub format: Format,
    /// Whether colours are wanted: on a terminal, unless `NO_COLOR` is set.
    pub colour: bool,
}

impl Output {
    /// Output of a form to this program's stdout.
    pub fn stdout(format: Format) -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Self { format, colour }
    }

    /// Prints a document: as JSON its own form, as CSV its sheet, as a table the text that
    /// `table` makes of it.
    pub fn document<D: Serialize>(
        self,
        document: &D,
        sheet: impl FnOnce(&D) -> Sheet,
        table: impl FnOnce(&D, Self) -> String,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Table => out.write_all(table(document, self).as_bytes())?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, document)?;
                out.write_all(b"\n")?;
            }
            Format::Csv => csv::write(&sheet(document), &mut out)?,
        }
        out.flush()
    }

    /// Prints a document whose table is its sheet.
    pub fn sheet<D: Serialize>(self, document: &D, sheet: impl Fn(&D) -> Sheet) -> io::Result<()> {
        self.document(document, &sheet, |document, output| table::render(&sheet(document), output.colour))
    }
}
