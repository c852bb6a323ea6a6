//! A ranking on stdout.

use std::fmt::Write as _;
use std::io;

use serde_json::{Value, json};
use wuji_proto::v1::{RankReply, RankRow};

use crate::commands::stats;
use crate::coverage;
use crate::figures::{self, Look};
use crate::output::json::text;
use crate::output::{Cell, Column, Kind, Output, Sheet, harmless, number, table};

/// Marks the row of the unit that was asked for.
const OWN: &str = "→";

/// Prints it.
pub fn all(reply: &RankReply, look: &Look, all_units: bool, output: Output) -> io::Result<()> {
    let document = document(reply);
    output.document(&document, |_| csv(reply, look), |_, output| screen(reply, look, all_units, output.colour))
}

fn screen(reply: &RankReply, look: &Look, all_units: bool, colour: bool) -> String {
    let time = figures::span(&reply.from, &reply.to);
    let against = figures::span(&reply.against_from, &reply.against_to);
    let (name, scope, tier) = (&reply.scope_name, &reply.scope, &reply.tier);
    let mut said = harmless(&format!("{name} {scope} · {tier} · {} · {time} · against {against}", look.title));
    let placed = number::grouped(reply.placed.into());
    let _ = write!(said, "\n\n{}\n", table::render(&places(reply, look), colour));
    if let Some(own) = reply.own.as_ref().filter(|own| !listed(reply, own)) {
        let _ = write!(said, "{OWN} {}\n\n", own_line(own, look, &placed));
    }
    if let [first, second, third] = reply.quartiles.as_slice() {
        let [first, second, third] = [first, second, third].map(|it| look.cell(it).shown());
        let _ =
            writeln!(said, "quartiles: the best quarter to {first}, the half to {second}, three quarters to {third}");
    }
    let total = reply.total.as_ref().map(|total| look.in_full(total)).unwrap_or_default();
    let _ = writeln!(said, "合计: {total}; {placed} placed, {} not placed", number::grouped(reply.unplaced.into()));
    said += &unplaced(reply, look);
    match &reply.coverage {
        Some(coverage) => said + &coverage::shown(coverage, all_units),
        None => said,
    }
}

fn is_own(reply: &RankReply, row: &RankRow) -> bool {
    reply.own.as_ref().is_some_and(|own| own.unit == row.unit)
}

fn listed(reply: &RankReply, own: &RankRow) -> bool {
    own.place == 0 || reply.rows.iter().any(|row| row.unit == own.unit)
}

/// The units that have a place.
fn places(reply: &RankReply, look: &Look) -> Sheet {
    let mut columns = vec![
        Column::text(""),
        Column::new("place", "名次", Kind::Number),
        Column::new("unit", "unit", Kind::Text),
        Column::new("unit_name", "", Kind::Text),
        look.column(),
    ];
    let ratio = reply.total.as_ref().is_some_and(|total| total.denominator().is_some());
    if ratio {
        columns.extend(["分子", "分母"].map(|title| Column::new("", title, Kind::Number)));
    }
    columns.extend(["升降", "四分位"].map(|title| Column::new("", title, Kind::Number)));
    let row = |row: &RankRow| {
        let mut cells = vec![
            Cell::text(if is_own(reply, row) { OWN } else { "" }),
            Cell::Text(place(row)),
            Cell::text(&row.unit),
            Cell::text(&row.unit_name),
            row.figure.as_ref().map_or(Cell::Empty, |figure| look.cell(figure)),
        ];
        if let Some(figure) = row.figure.as_ref().filter(|_| ratio) {
            cells.push(Cell::Integer(figure.numerator().into()));
            cells.push(figure.denominator().map_or(Cell::Empty, |below| Cell::Integer(below.into())));
        }
        cells.extend([Cell::Text(moved(row)), Cell::count(row.quartile.into())]);
        cells
    };
    Sheet { columns, rows: reply.rows.iter().filter(|row| row.place > 0).map(row).collect(), totals: None }
}

/// `3`, or `3 并列` where others have it too.
fn place(row: &RankRow) -> String {
    let place = number::grouped(row.place.into());
    if row.tied > 1 { format!("{place} 并列") } else { place }
}

/// `↑2`, `↓1`, `–` for the same place, `新` for one that had none.
fn moved(row: &RankRow) -> String {
    match (row.place, row.former_place) {
        (0, _) => String::new(),
        (_, 0) => "新".to_owned(),
        (now, then) if now < then => format!("↑{}", then - now),
        (now, then) if now > then => format!("↓{}", now - then),
        _ => "–".to_owned(),
    }
}

fn own_line(own: &RankRow, look: &Look, placed: &str) -> String {
    let figure = own.figure.as_ref().map(|figure| look.in_full(figure)).unwrap_or_default();
    let (unit, name, place, moved) = (&own.unit, &own.unit_name, place(own), moved(own));
    harmless(&format!("{unit} {name}: {place} of {placed}, {figure}, {moved}, quartile {}", own.quartile))
}

/// The units that have no place, by why.
fn unplaced(reply: &RankReply, look: &Look) -> String {
    let own = reply.own.iter().filter(|own| !reply.rows.iter().any(|row| row.unit == own.unit));
    let rows = || reply.rows.iter().chain(own.clone()).filter(|row| row.place == 0);
    let mut whys: Vec<&str> = rows().map(|row| row.unplaced.as_str()).collect();
    whys.sort_unstable();
    whys.dedup();
    let one = |row: &RankRow| {
        let mark = if is_own(reply, row) { format!("{OWN} ") } else { String::new() };
        let figure = match &row.figure {
            Some(figure) if row.unplaced == "denominator" => format!(" {}", look.in_full(figure)),
            _ => String::new(),
        };
        harmless(&format!("{mark}{} {}{figure}", row.unit, row.unit_name))
    };
    let line = |why: &&str| {
        let named: Vec<String> = rows().filter(|row| row.unplaced == **why).map(one).collect();
        let why = match *why {
            "denominator" => "too few to be compared (--min-denominator)".to_owned(),
            "not-reported" => "未报 not reported".to_owned(),
            "not-expected" => "不在册 not expected".to_owned(),
            other => harmless(other),
        };
        format!("not placed, {why}: {}\n", named.join(", "))
    };
    whys.iter().map(line).collect()
}

fn csv(reply: &RankReply, look: &Look) -> Sheet {
    let column = look.column();
    let former = Column { name: format!("{}.former", column.name), ..column.clone() };
    let mut columns = ["place", "tied", "unit", "unit_name"].map(Column::text).to_vec();
    columns.extend([column, former]);
    columns.extend(["former_place", "quartile", "unplaced", "own"].map(Column::text));
    let row = |row: &RankRow| {
        let figure = |figure: &Option<_>| figure.as_ref().map_or(Cell::Empty, |figure| look.cell(figure));
        let count = |count: u64| if count == 0 { Cell::Empty } else { Cell::Text(count.to_string()) };
        vec![
            count(row.place),
            count(row.tied),
            Cell::text(&row.unit),
            Cell::text(&row.unit_name),
            figure(&row.figure),
            figure(&row.former),
            count(row.former_place),
            count(row.quartile.into()),
            Cell::text(&row.unplaced),
            Cell::text(if is_own(reply, row) { "true" } else { "false" }),
        ]
    };
    let own = reply.own.iter().filter(|own| !reply.rows.iter().any(|row| row.unit == own.unit));
    Sheet { columns, rows: reply.rows.iter().chain(own).map(row).collect(), totals: None }
}

fn document(reply: &RankReply) -> Value {
    json!({
        "scope": reply.scope,
        "scope_name": reply.scope_name,
        "tier": reply.tier,
        "from": reply.from,
        "to": reply.to,
        "against": {"from": reply.against_from, "to": reply.against_to},
        "column": reply.column.as_ref().map(stats::column_json),
        "rows": reply.rows.iter().map(row_json).collect::<Vec<_>>(),
        "own": reply.own.as_ref().map(row_json),
        "quartiles": reply.quartiles.iter().map(figures::json).collect::<Vec<_>>(),
        "placed": reply.placed,
        "unplaced": reply.unplaced,
        "total": reply.total.as_ref().map(figures::json),
        "coverage": reply.coverage.as_ref().map(coverage::json),
    })
}

fn row_json(row: &RankRow) -> Value {
    let some = |number: u64| Some(number).filter(|number| *number > 0);
    json!({
        "place": some(row.place),
        "tied": row.tied,
        "unit": row.unit,
        "unit_name": row.unit_name,
        "figure": row.figure.as_ref().map(figures::json),
        "former_place": some(row.former_place),
        "former": row.former.as_ref().map(figures::json),
        "quartile": some(row.quartile.into()),
        "unplaced": text(&row.unplaced),
    })
}
