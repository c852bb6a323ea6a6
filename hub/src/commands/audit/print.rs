//! An audit as a table, a sheet and a JSON document (docs/cli-json.md).

use std::fmt::Write;

use serde::Serialize;
use wuji_proto::v1::{AbsentUnit, AuditDifference, AuditEnd};

use crate::output::number::grouped;
use crate::output::{Cell, Column, Kind, Sheet, Tone, table};

#[derive(Serialize)]
pub struct Audit {
    node: String,
    totals: u64,
    records: u64,
    copies: u64,
    differences: u64,
    repaired: u64,
    took_ms: u32,
    found: Vec<Difference>,
    unreached: Vec<Unreached>,
}

#[derive(Serialize)]
struct Difference {
    node: String,
    kind: String,
    unit: String,
    unit_name: String,
    /// Null of a copy, a digest, a directory entry and a record.
    measure: Option<String>,
    period: Option<String>,
    words: Vec<String>,
    stored: i64,
    parts: i64,
    state: String,
}

#[derive(Serialize)]
struct Unreached {
    code: String,
    name: String,
    state: String,
    reason: String,
}

impl Audit {
    pub fn new(found: Vec<AuditDifference>, end: AuditEnd) -> Self {
        Self {
            node: end.node,
            totals: end.totals,
            records: end.records,
            copies: end.copies,
            differences: end.differences,
            repaired: end.repaired,
            took_ms: end.took_ms,
            found: found.into_iter().map(Difference::from).collect(),
            unreached: end.unreached.into_iter().map(Unreached::from).collect(),
        }
    }
}

impl From<AuditDifference> for Difference {
    fn from(it: AuditDifference) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            node: it.node,
            kind: it.kind,
            unit: it.unit,
            unit_name: it.unit_name,
            measure: some(it.measure),
            period: some(it.period),
            words: it.words,
            stored: it.stored,
            parts: it.parts,
            state: it.state,
        }
    }
}

impl From<AbsentUnit> for Unreached {
    fn from(it: AbsentUnit) -> Self {
        Self { code: it.code, name: it.name, state: it.state, reason: it.reason }
    }
}

/// The differences.
pub fn sheet(audit: &Audit) -> Sheet {
    let row = |it: &Difference| {
        let tone = if it.state == "found" { Tone::Bad } else { Tone::Waiting };
        vec![
            Cell::text(&it.node),
            Cell::text(&it.kind),
            Cell::text(&it.unit),
            Cell::text(&it.unit_name),
            Cell::text(it.measure.as_deref().unwrap_or_default()),
            Cell::text(it.period.as_deref().unwrap_or_default()),
            Cell::text(&it.words.join("/")),
            Cell::Integer(it.stored.into()),
            Cell::Integer(it.parts.into()),
            Cell::State(it.state.clone(), tone),
        ]
    };
    let columns = [
        ("node", Kind::Text),
        ("kind", Kind::Text),
        ("unit", Kind::Text),
        ("unit_name", Kind::Text),
        ("measure", Kind::Text),
        ("period", Kind::Text),
        ("words", Kind::Text),
        ("stored", Kind::Number),
        ("parts", Kind::Number),
        ("state", Kind::Text),
    ];
    Sheet {
        columns: columns.map(|(name, kind)| Column::new(name, name, kind)).into(),
        rows: audit.found.iter().map(row).collect(),
        totals: None,
    }
}

/// The differences, who was not asked, and the sum of it.
pub fn text(audit: &Audit, colour: bool) -> String {
    let mut text = if audit.found.is_empty() { String::new() } else { table::render(&sheet(audit), colour) + "\n" };
    for unit in &audit.unreached {
        let why = if unit.reason.is_empty() { String::new() } else { format!(": {}", unit.reason) };
        let line = format!("not asked: {} {} ({}){why}", unit.code, unit.name, unit.state);
        let _ = writeln!(text, "{}", table::toned(&line, Tone::Waiting, colour));
    }
    let copies =
        if audit.copies > 0 { format!(", {} copies of units", grouped(audit.copies.into())) } else { String::new() };
    let verdict = match (audit.differences, audit.repaired) {
        (0, _) => table::toned("no differences", Tone::Good, colour),
        (found, repaired) => {
            let tone = if found == repaired { Tone::Waiting } else { Tone::Bad };
            table::toned(
                &format!("{} differences, {} put right", grouped(found.into()), grouped(repaired.into())),
                tone,
                colour,
            )
        }
    };
    let (totals, records) = (grouped(audit.totals.into()), grouped(audit.records.into()));
    let _ = writeln!(text, "{}: {totals} totals, {records} records compared{copies}: {verdict}", audit.node);
    text
}
