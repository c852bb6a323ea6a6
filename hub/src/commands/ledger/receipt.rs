//! What a node answers to a write.

use std::io;

use serde::Serialize;
use wuji_proto::v1::Receipt;

use crate::output::json::serialize_time;
use crate::output::{Cell, Column, Output, Sheet};

#[derive(Serialize)]
struct Document<'a> {
    ledger: &'a str,
    id: String,
    revision: u32,
    sequence: u64,
    #[serde(serialize_with = "serialize_time")]
    recorded_at: i64,
    repeated: bool,
}

/// Prints the receipt; `verb` says what was done.
pub fn print(output: Output, ledger: &str, verb: &str, receipt: Receipt) -> io::Result<()> {
    let Receipt { id, revision, sequence, recorded_at_ms, repeated } = receipt;
    let document = Document { ledger, id, revision, sequence, recorded_at: recorded_at_ms, repeated };
    output.document(&document, sheet, |it, _| {
        let verb = if it.repeated { format!("had been {verb} before") } else { verb.to_owned() };
        format!("{verb}: {} {} revision {}\n", it.ledger, it.id, it.revision)
    })
}

fn sheet(it: &Document) -> Sheet {
    Sheet {
        columns: vec![
            Column::text("ledger"),
            Column::text("id"),
            Column::number("revision"),
            Column::number("sequence"),
            Column::text("recorded_at"),
            Column::text("repeated"),
        ],
        rows: vec![vec![
            Cell::text(it.ledger),
            Cell::text(&it.id),
            Cell::count(it.revision.into()),
            Cell::count(it.sequence),
            Cell::Time(it.recorded_at),
            Cell::text(if it.repeated { "true" } else { "false" }),
        ]],
        totals: None,
    }
}
