//! A report as one JSON document (docs/cli-json.md): every number exact.

use serde_json::{Map, Value, json};
use wuji_proto::v1::{Adjustment, Column, Comparison, QueryRow, Report};

use super::changes::{self, Change};
use super::csv::fields;
use super::section::Section;
use crate::coverage;
use crate::figures::{self, json_by_id};
use crate::output::json::{text, time};

/// The document; with `now`, also the present answers and what has changed.
pub fn document(report: &Report, now: Option<&Report>) -> Value {
    let mut document = of(report);
    if let (Some(now), Value::Object(members)) = (now, &mut document) {
        let changed: Vec<Value> = changes::changes(report, now).iter().map(change).collect();
        members.insert("changes".to_owned(), changed.into());
        members.insert("now".to_owned(), of(now));
    }
    document
}

fn of(report: &Report) -> Value {
    let positions = report.positions.iter().map(|at| {
        json!({
            "unit": at.code,
            "journal": if at.journal == 0 { Value::Null } else { json!(at.journal) },
            "mark": at.mark,
            "complete_at": time(at.complete_at_ms),
        })
    });
    json!({
        "id": text(&report.id),
        "kind": report.kind,
        "scope": report.scope,
        "scope_name": report.scope_name,
        "period": report.period,
        "made_at": time(report.made_at_ms),
        "issued": !report.id.is_empty(),
        "actor": text(&report.actor),
        "catalogue_version": report.catalogue_version,
        "version": report.version,
        "coverage": report.coverage.as_ref().map(coverage::json),
        "positions": positions.collect::<Vec<_>>(),
        "adjustments": changes::adjustments(report).iter().map(adjustment).collect::<Vec<_>>(),
        "sections": report.sections.iter().filter_map(Section::of).map(section).collect::<Vec<_>>(),
    })
}

fn section(section: Section<'_>) -> Value {
    let (head, columns) = (section.head, section.columns());
    let column = |it: &Column| {
        json!({
            "id": it.id, "title_zh": it.title_zh, "title_en": it.title_en,
            "unit": it.unit, "kind": it.kind, "revision": it.revision,
        })
    };
    let end = section.section.end.clone().unwrap_or_default();
    json!({
        "id": section.section.id,
        "title": text(&section.section.title),
        "from": head.from,
        "to": head.to,
        "by": head.by,
        "compare": head.compare,
        "columns": columns.iter().map(column).collect::<Vec<_>>(),
        "rows": section.rows().iter().map(|it| row(section, it)).collect::<Vec<_>>(),
        "totals": json_by_id(columns, &end.totals),
        "comparisons": compared(columns, &end.comparisons),
        "rest": json_by_id(columns, &end.rest),
        "in_transit": json_by_id(columns, &end.in_transit),
    })
}

fn row(section: Section<'_>, row: &QueryRow) -> Value {
    let words: Map<String, Value> =
        fields(section).into_iter().zip(&row.words).map(|(field, word)| (field.to_owned(), json!(word))).collect();
    json!({
        "unit": text(&row.unit),
        "unit_name": text(&row.unit_name),
        "words": words,
        "figures": json_by_id(section.columns(), &row.figures),
        "comparisons": compared(section.columns(), &row.comparisons),
        "reporting": coverage::reporting_json(row.reporting.as_ref()),
    })
}

fn compared(columns: &[Column], comparisons: &[Comparison]) -> Value {
    let one = |it: &Comparison| json!({"period": it.period, "figures": json_by_id(columns, &it.figures)});
    comparisons.iter().map(one).collect()
}

fn adjustment(told: &Adjustment) -> Value {
    json!({
        "report": told.report,
        "issued_at": time(told.issued_at_ms),
        "column": told.column,
        "issued": told.issued.as_ref().map(figures::json),
        "now": told.now.as_ref().map(figures::json),
    })
}

fn change(change: &Change) -> Value {
    json!({
        "section": change.section,
        "period": text(&change.period),
        "unit": text(&change.unit),
        "unit_name": text(&change.unit_name),
        "words": change.words,
        "column": change.column.id,
        "issued": figures::json(&change.issued),
        "now": figures::json(&change.now),
    })
}
