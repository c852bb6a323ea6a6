//! Prints an answer as it arrives: CSV and JSON row by row, tables in blocks.

use std::io::{self, Stdout, Write};

use wuji_proto::v1::{CatalogueReply, QueryEnd, QueryHead, QueryRow};

use super::layout::Layout;
use super::{footer, json};
use crate::figures;
use crate::output::json::Stream;
use crate::output::{Format, Output, Sheet, csv, harmless, table};

/// A table of more rows is printed in blocks of so many, each with its header, so that a
/// long answer is neither held nor waited for.
const TABLE_BLOCK_ROWS: usize = 5_000;

/// What was asked of what an answer includes.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Every absent and missing unit is named.
    pub all_units: bool,
    /// Confirmed figures.
    pub confirmed: bool,
}

/// An answer on its way to stdout.
pub struct Printer {
    head: QueryHead,
    layout: Layout,
    wanted: Wanted,
    sink: Sink,
}

enum Sink {
    Table { sheet: Sheet, colour: bool },
    Csv(Box<csv::Rows<Stdout>>),
    Json(Stream<io::BufWriter<Stdout>>),
}

impl Printer {
    /// Begins with the answer's head.
    pub fn new(head: QueryHead, catalogue: &CatalogueReply, output: Output, wanted: Wanted) -> io::Result<Self> {
        let layout = Layout::new(&head, catalogue);
        let sink = match output.format {
            Format::Table => {
                print(&heading(&head))?;
                let sheet = Sheet { columns: layout.table(), ..Sheet::default() };
                Sink::Table { sheet, colour: output.colour }
            }
            Format::Csv => Sink::Csv(Box::new(csv::Rows::new(&layout.csv(), io::stdout())?)),
            Format::Json => Sink::Json(Stream::new(&json::head(&head), "rows", io::BufWriter::new(io::stdout()))?),
        };
        Ok(Self { head, layout, wanted, sink })
    }

    /// Takes a row.
    pub fn row(&mut self, row: &QueryRow) -> io::Result<()> {
        match &mut self.sink {
            Sink::Json(stream) => stream.item(&json::row(&self.head, &self.layout, row)),
            Sink::Csv(rows) => rows.row(&self.layout.csv_row(row)),
            Sink::Table { sheet, colour } => {
                if sheet.rows.len() == TABLE_BLOCK_ROWS {
                    print(&table::render(sheet, *colour))?;
                    sheet.rows.clear();
                }
                sheet.rows.push(self.layout.table_row(row));
                Ok(())
            }
        }
    }

    /// Ends with totals and coverage.
    pub fn end(self, end: &QueryEnd) -> io::Result<()> {
        let footer = || footer::shown(&self.head, &self.layout, end, self.wanted);
        match self.sink {
            Sink::Json(stream) => stream.finish(&json::end(&self.head, end)),
            Sink::Csv(rows) => {
                rows.finish()?;
                eprint!("{}", footer());
                Ok(())
            }
            Sink::Table { mut sheet, colour } => {
                sheet.totals = (!self.layout.is_one_row()).then(|| self.layout.totals(end));
                let rest: Vec<_> = self.layout.rest(end).into_iter().collect();
                print(&table::render_with(&sheet, &rest, colour))?;
                print(&format!("\n{}", footer()))
            }
        }
    }
}

/// Writes text to stdout.
pub fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

fn heading(head: &QueryHead) -> String {
    let period = figures::span(&head.from, &head.to);
    harmless(&format!("{} {} · {period} · catalogue {}", head.scope_name, head.scope, head.catalogue_version)) + "\n\n"
}
