//! The records of the index against the journal: every entry is in the index at its revision or
//! a later one, and every record of the index is an entry of the journal, at the place it names.

use std::ops::ControlFlow;

use wuji_proto::RecordId;
use wuji_proto::stored::entry::Event;
use wuji_proto::stored::{Entry, RecordHead};

use super::Check;
use crate::index::{Index, IndexError, Pair, keys, values};
use crate::journal::{JournalReader, Position};

/// Records that are compared in one step.
pub const STEP_RECORDS: usize = 1_000;

/// What of an entry is in the index: a record's ledger, id and revision.
fn record_of(entry: &Entry) -> Option<(&str, RecordId, u32)> {
    let (ledger, id, revision) = match entry.event.as_ref()? {
        Event::Submitted(it) => (&it.ledger, &it.id, 1),
        Event::Amended(it) => (&it.ledger, &it.id, it.revision),
        Event::Voided(it) => (&it.ledger, &it.id, it.revision),
        _ => return None,
    };
    Some((ledger, RecordId::from_bytes(id.as_slice().try_into().ok()?), revision))
}

/// Whether the index shows an entry up to which it is folded.
pub fn entry(index: &dyn Index, at: Position, entry: &Entry, check: &mut Check) -> Result<(), IndexError> {
    let Some((ledger, id, revision)) = record_of(entry) else { return Ok(()) };
    let head = index.get(&keys::record(ledger, id))?;
    let head: Option<RecordHead> = head.map(|bytes| values::decode("a record", &bytes)).transpose()?;
    let place = format!("{ledger} {id}, entry {} (segment {}, byte {})", at.sequence, at.segment, at.offset);
    match head {
        None => check.differs(format!("{place}: the index does not have this record")),
        Some(head) if head.revision < revision => {
            check.differs(format!("{place}: revision {revision}, the index has {}", head.revision));
        }
        Some(head) if head.revision == revision && head.sequence != at.sequence => {
            check.differs(format!("{place}: the index takes it from entry {}", head.sequence));
        }
        Some(_) => {}
    }
    Ok(())
}

/// The next records from a key on; where to go on, `None`: that was all.
pub fn page(index: &dyn Index, from: &[u8]) -> Result<(Vec<Pair>, Option<Vec<u8>>), IndexError> {
    let (mut records, mut next) = (Vec::new(), None);
    let end = keys::after(&keys::all_records());
    index.scan(from, end.as_deref(), &mut |key, value| {
        if records.len() == STEP_RECORDS {
            next = Some(key.to_vec());
            return Ok(ControlFlow::Break(()));
        }
        records.push((key.to_vec(), value.to_vec()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((records, next))
}

/// Whether records of the index are entries of the journal.
pub fn records(journal: &JournalReader, records: &[Pair], check: &mut Check) -> Result<(), IndexError> {
    for (key, bytes) in records {
        let Some((ledger, id)) = keys::parse_record(key) else { continue };
        let head: RecordHead = values::decode("a record", bytes)?;
        check.compared(1);
        let place = format!("{ledger} {id}, segment {}, byte {}", head.segment, head.offset);
        match journal.read(head.segment, head.offset) {
            Err(error) => check.differs(format!("{place}: {error}")),
            Ok(frame) if record_of(&frame.entry) != Some((ledger, id, head.revision)) => {
                check.differs(format!("{place}: the journal has another entry there"));
            }
            Ok(frame) if matches!(frame.entry.event, Some(Event::Voided(_))) != head.voided => {
                check.differs(format!("{place}: voided in one of index and journal only"));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}
