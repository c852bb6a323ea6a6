//! Prints an answer as it arrives: CSV and JSON row by row, tables in blocks.

use std::fmt::Write as _;
use std::io::{self, Stdout, Write};

use serde_json::{Map, Value, json};
use wuji_proto::v1::figure::Kind as Wire;
use wuji_proto::v1::{CatalogueReply, Column as Measure, Coverage, Figure, QueryEnd, QueryHead, QueryRow};
use wuji_proto::{Grain, Tier};

use crate::clock;
use crate::names;
use crate::output::json::{Stream, members, text, time};
use crate::output::{Cell, Column, Format, Kind, Output, Sheet, csv, number, table};

/// A table of more rows is printed in blocks of so many, each with its header, so that a
/// long answer is neither held nor waited for.
const TABLE_BLOCK_ROWS: usize = 5_000;

/// How many absent units a table names; JSON names all.
const ABSENT_SHOWN_MAX: usize = 20;

/// Shown for the empty word: the record's field was not filled in.
const NOT_FILLED_IN: &str = "(未填)";

/// An answer on its way to stdout.
pub struct Printer {
    head: QueryHead,
    words: Vec<String>,
    columns: Vec<Column>,
    sink: Sink,
}

enum Sink {
    Table { sheet: Sheet, colour: bool },
    Csv(Box<csv::Rows<Stdout>>),
    Json(Stream<io::BufWriter<Stdout>>),
}

impl Printer {
    /// Begins with the answer's head.
    pub fn new(head: QueryHead, catalogue: &CatalogueReply, output: Output) -> io::Result<Self> {
        let is_unit = |by: &String| by == "unit" || by.parse::<Tier>().is_ok();
        let words: Vec<String> = head.by.iter().filter(|by| !is_unit(by)).cloned().collect();
        let mut columns = Vec::new();
        if !head.grain.is_empty() {
            columns.push(Column::text("period"));
        }
        if head.by.iter().any(is_unit) {
            columns.extend([Column::text("unit"), Column::new("unit_name", "", Kind::Text)]);
        }
        columns.extend(words.iter().map(|word| Column::new(word, field_title(catalogue, word), Kind::Text)));
        columns.extend(head.columns.iter().map(measure_column));
        let sink = match output.format {
            Format::Table => {
                let sheet = Sheet { columns: columns.clone(), ..Sheet::default() };
                print_heading(&head)?;
                Sink::Table { sheet, colour: output.colour }
            }
            Format::Csv => Sink::Csv(Box::new(csv::Rows::new(&columns, io::stdout())?)),
            Format::Json => Sink::Json(Stream::new(&head_json(&head), "rows", io::BufWriter::new(io::stdout()))?),
        };
        Ok(Self { head, words, columns, sink })
    }

    /// Takes a row.
    pub fn row(&mut self, row: &QueryRow) -> io::Result<()> {
        match &mut self.sink {
            Sink::Json(stream) => stream.item(&row_json(&self.head, &self.words, row)),
            Sink::Csv(rows) => rows.row(&cells(&self.columns, row)),
            Sink::Table { sheet, colour } => {
                if sheet.rows.len() == TABLE_BLOCK_ROWS {
                    print(&table::render(sheet, *colour))?;
                    sheet.rows.clear();
                }
                let mut cells = cells(&self.columns, row);
                for (column, cell) in self.columns.iter().zip(&mut cells) {
                    if *cell == Cell::Empty && self.words.contains(&column.name) {
                        *cell = Cell::text(NOT_FILLED_IN);
                    }
                }
                sheet.rows.push(cells);
                Ok(())
            }
        }
    }

    /// Ends with totals and coverage.
    pub fn end(self, end: &QueryEnd) -> io::Result<()> {
        match self.sink {
            Sink::Json(stream) => stream.finish(&end_json(&self.head, end)),
            Sink::Csv(rows) => {
                rows.finish()?;
                eprint!("{}", footer(&self.head, end));
                Ok(())
            }
            Sink::Table { mut sheet, colour } => {
                sheet.totals =
                    (sheet.columns.len() > self.head.columns.len()).then(|| totals(&self.columns, &self.head, end));
                print(&table::render(&sheet, colour))?;
                print(&format!("\n{}", footer(&self.head, end)))
            }
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

fn print_heading(head: &QueryHead) -> io::Result<()> {
    let period = if head.from == head.to { head.from.clone() } else { format!("{} – {}", head.from, head.to) };
    print(&format!("{} {} · {period} · catalogue {}\n\n", head.scope_name, head.scope, head.catalogue_version))
}

fn field_title<'a>(catalogue: &'a CatalogueReply, name: &'a str) -> &'a str {
    let mut fields = catalogue.ledgers.iter().flat_map(|ledger| &ledger.fields);
    fields.find(|field| field.name == name).map_or(name, |field| names::title(field.title.as_ref(), name))
}

fn measure_column(measure: &Measure) -> Column {
    let title = if measure.title_zh.is_empty() { &measure.id } else { &measure.title_zh };
    match (measure.kind.as_str(), measure.unit.as_str()) {
        ("indicator", _) | (_, "ratio") => Column::new(&measure.id, title, Kind::Ratio),
        (_, "分") => Column::new(&measure.id, title, Kind::Money),
        (_, "") => Column::new(&measure.id, title, Kind::Number),
        (_, unit) => Column::new(&measure.id, &format!("{title}({unit})"), Kind::Number),
    }
}

fn cells(columns: &[Column], row: &QueryRow) -> Vec<Cell> {
    let has = |name: &str| columns.iter().any(|column| column.name == name);
    let mut cells = Vec::with_capacity(columns.len());
    if has("period") {
        cells.push(Cell::text(&row.period));
    }
    if has("unit_name") {
        cells.extend([Cell::text(&row.unit), Cell::text(&row.unit_name)]);
    }
    cells.extend(row.words.iter().map(|word| Cell::text(word)));
    let figures = columns.len().saturating_sub(row.figures.len());
    cells.resize(figures, Cell::Empty);
    cells.extend(columns.iter().skip(figures).zip(&row.figures).map(|(column, figure)| figure_cell(column, figure)));
    cells
}

fn figure_cell(column: &Column, figure: &Figure) -> Cell {
    match &figure.kind {
        None => Cell::Empty,
        Some(Wire::Ratio(ratio)) => Cell::Ratio(ratio.numerator, ratio.denominator),
        Some(Wire::Amount(fen)) if column.kind == Kind::Money => Cell::Fen(*fen),
        Some(Wire::Amount(amount)) => Cell::Integer((*amount).into()),
    }
}

fn totals(columns: &[Column], head: &QueryHead, end: &QueryEnd) -> Vec<Cell> {
    let before = columns.len().saturating_sub(head.columns.len());
    let mut cells = vec![Cell::Empty; before];
    if let Some(first) = cells.first_mut() {
        // Stocks are values at a date: their total is that of the last period.
        let stocks = head.columns.iter().all(|column| column.kind == "stock") && !head.grain.is_empty();
        *first = Cell::text(if stocks { "期末合计" } else { "合计" });
    }
    cells.extend(columns.iter().skip(before).zip(&end.totals).map(|(column, figure)| figure_cell(column, figure)));
    cells
}

/// In transit, if anything is, and the coverage.
fn footer(head: &QueryHead, end: &QueryEnd) -> String {
    let mut text = String::new();
    for (measure, amount) in head.columns.iter().zip(&end.in_transit).filter(|(_, figure)| !figure.is_zero()) {
        let amount = amount.numerator();
        let column = measure_column(measure);
        let shown =
            if column.kind == Kind::Money { number::yuan_grouped(amount) } else { number::grouped(amount.into()) };
        let _ = writeln!(
            text,
            "in transit: {} {shown} (what {}'s own total has beyond these rows)",
            column.title, head.scope
        );
    }
    match &end.coverage {
        Some(coverage) => text += &coverage_text(coverage),
        None => text += "coverage: the node told none\n",
    }
    text
}

fn coverage_text(coverage: &Coverage) -> String {
    let (reported, expected) = (number::grouped(coverage.reported.into()), number::grouped(coverage.expected.into()));
    let mut text = format!("coverage: {reported} of {expected} workrooms have reported");
    let named = coverage.absent.iter().take(ABSENT_SHOWN_MAX).map(|unit| {
        let since = if unit.since_ms == 0 { String::new() } else { format!(" since {}", clock::shown(unit.since_ms)) };
        format!("{} {} ({}{since})", unit.code, unit.name, unit.state)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    if !named.is_empty() {
        let more = coverage.absent.len().saturating_sub(ABSENT_SHOWN_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let _ = write!(text, "; absent: {named}{more}");
    }
    match coverage.as_of_ms {
        0 => text + "; some child has never been complete\n",
        as_of => text + &format!("; as of {}\n", clock::shown(as_of)),
    }
}

fn head_json(head: &QueryHead) -> Map<String, Value> {
    let column = |it: &Measure| {
        json!({
            "id": it.id, "title_zh": it.title_zh, "title_en": it.title_en,
            "unit": it.unit, "kind": it.kind, "revision": it.revision,
        })
    };
    members(json!({
        "scope": head.scope,
        "scope_name": head.scope_name,
        "from": head.from,
        "to": head.to,
        "grain": head.grain.parse::<Grain>().ok().map(Grain::name),
        "by": head.by,
        "columns": head.columns.iter().map(column).collect::<Vec<_>>(),
        "catalogue_version": head.catalogue_version,
    }))
}

fn figure_json(figure: &Figure) -> Value {
    match &figure.kind {
        None => Value::Null,
        Some(Wire::Amount(amount)) => json!(amount),
        Some(Wire::Ratio(ratio)) => json!({"numerator": ratio.numerator, "denominator": ratio.denominator}),
    }
}

fn figures_json(head: &QueryHead, figures: &[Figure]) -> Value {
    head.columns.iter().zip(figures).map(|(column, figure)| (column.id.clone(), figure_json(figure))).collect()
}

fn row_json(head: &QueryHead, fields: &[String], row: &QueryRow) -> Value {
    let words: Map<String, Value> =
        fields.iter().zip(&row.words).map(|(field, word)| (field.clone(), json!(word))).collect();
    json!({
        "period": text(&row.period),
        "unit": text(&row.unit),
        "unit_name": text(&row.unit_name),
        "words": words,
        "figures": figures_json(head, &row.figures),
    })
}

fn end_json(head: &QueryHead, end: &QueryEnd) -> Map<String, Value> {
    let in_transit: Map<String, Value> = head
        .columns
        .iter()
        .zip(&end.in_transit)
        .map(|(column, amount)| (column.id.clone(), figure_json(amount)))
        .collect();
    let coverage = end.coverage.as_ref().map(|coverage| {
        let absent = coverage.absent.iter().map(
            |unit| json!({"code": unit.code, "name": unit.name, "state": unit.state, "since": time(unit.since_ms)}),
        );
        json!({
            "expected": coverage.expected,
            "reported": coverage.reported,
            "absent": absent.collect::<Vec<_>>(),
            "as_of": time(coverage.as_of_ms),
        })
    });
    members(json!({"totals": figures_json(head, &end.totals), "in_transit": in_transit, "coverage": coverage}))
}
