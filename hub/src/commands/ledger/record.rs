//! A record as JSON, and as a row.

use serde_json::{Value as Json, json};
use wuji_proto::period;
use wuji_proto::v1::{FieldDefinition, LedgerDefinition, Record, RecordState};

use crate::clock;
use crate::names;
use crate::output::json::text;
use crate::output::{Cell, Column, Kind, Sheet, Tone, table};
use crate::values;

/// The word for a record's state.
pub fn state(record: &Record) -> &'static str {
    match record.state() {
        RecordState::Live => "live",
        RecordState::Voided => "voided",
        RecordState::Unspecified => "unknown",
    }
}

/// The record as docs/cli-json.md describes it.
pub fn json(record: &Record) -> Json {
    json!({
        "ledger": record.ledger,
        "id": record.id,
        "revision": record.revision,
        "state": state(record),
        "event_date": period::date(record.event_date).to_string(),
        "unit": record.unit,
        "author": text(&record.author),
        "first_recorded_at": clock::rfc3339(record.first_recorded_at_ms),
        "recorded_at": clock::rfc3339(record.recorded_at_ms),
        "sequence": record.sequence,
        "void_reason": text(&record.void_reason),
        "values": values::to_json(&record.values),
    })
}

/// The columns of some fields, after those that every record has. In a file those are marked:
/// on import no field takes them, and `#id` says which entry a row is.
pub fn columns(fields: &[&FieldDefinition]) -> Vec<Column> {
    let own = [
        Column::new("#id", "id", Kind::Text),
        Column::new("#revision", "revision", Kind::Number),
        Column::new("#state", "state", Kind::Text),
        Column::new("#event_date", "event_date", Kind::Text),
    ];
    own.into_iter().chain(fields.iter().map(|field| values::column(field))).collect()
}

/// The row under [`columns`].
pub fn row(fields: &[&FieldDefinition], record: &Record) -> Vec<Cell> {
    let tone = if record.state() == RecordState::Live { Tone::Good } else { Tone::Waiting };
    let own = [
        Cell::text(&record.id),
        Cell::count(record.revision.into()),
        Cell::State(state(record).to_owned(), tone),
        Cell::Date(period::date(record.event_date)),
    ];
    own.into_iter().chain(fields.iter().map(|field| values::cell(field, record.values.get(&field.name)))).collect()
}

/// All of one record as one row.
pub fn sheet(ledger: &LedgerDefinition, record: &Record) -> Sheet {
    let fields: Vec<&FieldDefinition> = ledger.fields.iter().collect();
    Sheet { columns: columns(&fields), rows: vec![row(&fields, record)], totals: None }
}

/// One record for people: a line a field.
pub fn screen(ledger: &LedgerDefinition, record: &Record, colour: bool) -> String {
    let mut lines: Vec<(String, Cell)> = Vec::new();
    for field in &ledger.fields {
        let cell = values::cell(field, record.values.get(&field.name));
        if cell != Cell::Empty {
            let unit = if values::column(field).kind == Kind::Money { "(元)" } else { "" };
            lines.push((format!("{}{unit}", names::title(field.title.as_ref(), &field.name)), cell));
        }
    }
    let times = format!(
        "recorded {} · changed {}\n",
        clock::shown(record.first_recorded_at_ms),
        clock::shown(record.recorded_at_ms)
    );
    let voided = if record.void_reason.is_empty() { String::new() } else { format!(": {}", record.void_reason) };
    format!(
        "{} {} · revision {} · {}{voided}\nunit {} · by {} · {times}\n{}",
        names::title(ledger.title.as_ref(), &ledger.id),
        record.id,
        record.revision,
        state(record),
        record.unit,
        record.author,
        table::pairs(&lines, colour),
    )
}
