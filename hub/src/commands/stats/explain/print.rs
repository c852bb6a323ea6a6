//! A definition and its parts on stdout.

use std::fmt::Write as _;
use std::io;

use serde_json::{Value, json};
use wuji_proto::v1::{Figure, QueryRow};

use super::super::print::print;
use super::Parts;
use super::definition::{Definition, Measure};
use crate::coverage::{self, Reported};
use crate::figures;
use crate::names;
use crate::output::json::members;
use crate::output::{Cell, Column, Format, Kind, Output, Sheet, csv, harmless, table};

/// Prints both.
pub fn all(definition: &Definition<'_>, parts: &Parts, all_units: bool, output: Output) -> io::Result<()> {
    match output.format {
        Format::Table => print(&screen(definition, parts, all_units, output.colour)),
        Format::Csv => csv::write(&exact(parts), io::stdout()),
        Format::Json => {
            let mut document = serde_json::to_string_pretty(&document(definition, parts))?;
            document.push('\n');
            print(&document)
        }
    }
}

fn screen(definition: &Definition<'_>, parts: &Parts, all_units: bool, colour: bool) -> String {
    let (head, look) = (&parts.head, &parts.look);
    let time = figures::span(&head.from, &head.to);
    let tables = Some(about(definition)).into_iter().chain(definition.measures.iter().map(about_measure));
    let tables = tables.filter(|pairs| !pairs.is_empty()).map(|pairs| table::pairs(&pairs, colour) + "\n");
    let mut text: String = tables.collect();
    let value = look.in_full(&parts.value());
    text += &harmless(&format!("{} {} · {time} · {}: {value}", head.scope_name, head.scope, look.title));
    text += "\n\n";
    if parts.head.by.is_empty() {
        text += "it is counted from the unit's own records: there are no parts below\n";
    } else {
        text += &table::render(&sheet(parts), colour);
        let _ = writeln!(text, "\n✓ the parts add up to {}", look.in_full(&parts.sum));
    }
    if !parts.in_transit.is_zero() {
        let beyond = match parts.in_transit.denominator() {
            None => look.cell(&parts.in_transit).shown(),
            Some(below) => format!("{} / {below}", parts.in_transit.numerator()),
        };
        let _ = writeln!(text, "in transit: {beyond} ({}'s own total has it beyond the parts)", harmless(&head.scope));
    }
    text + &coverage::shown(&parts.coverage, all_units)
}

fn titles(it: Option<&wuji_proto::v1::Title>) -> Cell {
    it.map_or(Cell::Empty, |it| Cell::Text(format!("{} · {}", it.zh, it.en)))
}

fn about(definition: &Definition<'_>) -> Vec<(String, Cell)> {
    let Some(indicator) = definition.indicator else { return Vec::new() };
    let formula =
        format!("{} ÷ {}", definition.formula(&indicator.numerator), definition.formula(&indicator.denominator));
    let pair = |name: &str, cell| (name.to_owned(), cell);
    vec![
        pair("indicator", Cell::text(&definition.id)),
        pair("title", titles(definition.title)),
        pair("formula", Cell::Text(formula)),
        pair("numerator", Cell::text(&indicator.numerator)),
        pair("denominator", Cell::text(&indicator.denominator)),
        pair("shown as", Cell::text(&indicator.show)),
    ]
}

fn about_measure(measure: &Measure<'_>) -> Vec<(String, Cell)> {
    let it = measure.definition;
    let pair = |name: &str, cell| (name.to_owned(), cell);
    let splits: Vec<String> = it
        .splits
        .iter()
        .map(|split| split.fields.iter().map(|name| measure.field(name)).collect::<Vec<_>>().join(" × "))
        .collect();
    let ledger = measure.ledger.map(|ledger| format!("{} ({})", names::title(ledger.title.as_ref(), ""), ledger.id));
    let splits = if splits.is_empty() { "–".to_owned() } else { splits.join("; ") };
    vec![
        pair("measure", Cell::Text(format!("{} · revision {}", it.id, it.revision))),
        pair("title", titles(it.title.as_ref())),
        pair("kind", Cell::Text(format!("{} in {}", it.kind, it.unit))),
        pair("ledger", Cell::text(ledger.as_deref().unwrap_or("none: it is counted of the units themselves"))),
        pair("event date", measure.event_date().map_or(Cell::text("–"), |name| Cell::Text(measure.field(name)))),
        pair("splits", Cell::Text(splits)),
        pair("definition", Cell::text(&it.definition)),
        pair("hash", Cell::text(&it.hash)),
    ]
}

/// The parts as a table; of an indicator with what each is made of.
fn sheet(parts: &Parts) -> Sheet {
    let ratio = parts.sum.denominator().is_some();
    let mut sheet = exact(parts);
    for (cells, row) in sheet.rows.iter_mut().zip(&parts.rows) {
        let instead = row.reporting.as_ref().and_then(|it| Reported::of(it).instead_of_zero());
        let zero = row.figures.first().is_some_and(Figure::is_zero);
        if let (Some(word), Some(cell)) = (instead.filter(|_| zero), cells.last_mut()) {
            *cell = Cell::text(word);
        }
        cells.extend(row.figures.first().into_iter().filter(|_| ratio).flat_map(sums));
    }
    if ratio {
        sheet.columns.extend(["分子", "分母"].map(|title| Column::new("", title, Kind::Number)));
    }
    let mut total = vec![Cell::text("合计"), Cell::Empty, parts.look.cell(&parts.sum)];
    total.extend(Some(&parts.sum).filter(|_| ratio).into_iter().flat_map(sums));
    Sheet { totals: Some(total), ..sheet }
}

/// The parts with exact figures.
fn exact(parts: &Parts) -> Sheet {
    let part = |row: &QueryRow| {
        let figure = row.figures.first().map_or(Cell::Empty, |figure| parts.look.cell(figure));
        vec![Cell::text(&row.unit), Cell::text(&row.unit_name), figure]
    };
    Sheet {
        columns: vec![Column::text("unit"), Column::new("unit_name", "", Kind::Text), parts.look.column()],
        rows: parts.rows.iter().map(part).collect(),
        totals: None,
    }
}

fn sums(figure: &Figure) -> [Cell; 2] {
    [figure.numerator(), figure.denominator().unwrap_or(0)].map(|sum| Cell::Integer(sum.into()))
}

fn document(definition: &Definition<'_>, parts: &Parts) -> Value {
    let part = |row: &QueryRow| {
        json!({
            "unit": row.unit,
            "unit_name": row.unit_name,
            "figure": row.figures.first().map(figures::json),
            "reporting": coverage::reporting_json(row.reporting.as_ref()),
        })
    };
    let mut document = members(definition.json());
    document.extend(members(json!({
        "scope": parts.head.scope,
        "scope_name": parts.head.scope_name,
        "from": parts.head.from,
        "to": parts.head.to,
        "value": figures::json(&parts.value()),
        "parts": if parts.head.by.is_empty() { Vec::new() } else { parts.rows.iter().map(part).collect() },
        "sum": figures::json(&parts.sum),
        "in_transit": figures::json(&parts.in_transit),
        "coverage": coverage::json(&parts.coverage),
    })));
    Value::Object(document)
}
