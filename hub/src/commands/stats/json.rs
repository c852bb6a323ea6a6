//! An answer as JSON (docs/cli-json.md).

use serde_json::{Map, Value, json};
use wuji_proto::Grain;
use wuji_proto::v1::{Adjustment, Column, Comparison, QueryEnd, QueryHead, QueryRow};

use super::layout::Layout;
use crate::coverage;
use crate::figures;
use crate::output::json::{members, text, time};

/// A column.
pub fn column(it: &Column) -> Value {
    json!({
        "id": it.id, "title_zh": it.title_zh, "title_en": it.title_en,
        "unit": it.unit, "kind": it.kind, "revision": it.revision,
    })
}

/// What stands before the rows.
pub fn head(head: &QueryHead) -> Map<String, Value> {
    members(json!({
        "scope": head.scope,
        "scope_name": head.scope_name,
        "from": head.from,
        "to": head.to,
        "grain": head.grain.parse::<Grain>().ok().map(Grain::name),
        "by": head.by,
        "compare": head.compare,
        "columns": head.columns.iter().map(column).collect::<Vec<_>>(),
        "catalogue_version": head.catalogue_version,
        "relayed": head.relayed,
    }))
}

/// A row.
pub fn row(head: &QueryHead, layout: &Layout, row: &QueryRow) -> Value {
    let words: Map<String, Value> =
        layout.words.iter().zip(&row.words).map(|(field, word)| (field.clone(), json!(word))).collect();
    json!({
        "period": text(&row.period),
        "unit": text(&row.unit),
        "unit_name": text(&row.unit_name),
        "words": words,
        "figures": figures::json_by_id(&head.columns, &row.figures),
        "comparisons": comparisons(head, &row.comparisons),
        "reporting": coverage::reporting_json(row.reporting.as_ref()),
    })
}

fn comparisons(head: &QueryHead, comparisons: &[Comparison]) -> Value {
    let one = |(compare, it): (&String, &Comparison)| {
        json!({
            "compare": compare,
            "period": text(&it.period),
            "figures": figures::json_by_id(&head.columns, &it.figures),
        })
    };
    head.compare.iter().zip(comparisons).map(one).collect()
}

fn adjustment(it: &Adjustment) -> Value {
    json!({
        "report": it.report,
        "issued_at": time(it.issued_at_ms),
        "column": it.column,
        "issued": it.issued.as_ref().map(figures::json),
        "now": it.now.as_ref().map(figures::json),
    })
}

/// What stands behind the rows.
pub fn end(head: &QueryHead, end: &QueryEnd) -> Map<String, Value> {
    let rest = (end.left_out > 0).then(|| figures::json_by_id(&head.columns, &end.rest));
    members(json!({
        "totals": figures::json_by_id(&head.columns, &end.totals),
        "comparisons": comparisons(head, &end.comparisons),
        "rest": rest,
        "left_out": end.left_out,
        "in_transit": figures::json_by_id(&head.columns, &end.in_transit),
        "adjustments": end.adjustments.iter().map(adjustment).collect::<Vec<_>>(),
        "coverage": end.coverage.as_ref().map(coverage::json),
    }))
}
