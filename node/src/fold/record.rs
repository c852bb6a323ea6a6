//! Submissions, amendments and voidings of records.

use wuji_proto::stored::{Amended, RecordHead, Submitted, Voided};
use wuji_proto::{RecordId, stored};

use super::{Fold, FoldError, misfit, own_cell};
use crate::catalogue::Values;
use crate::feed::group::Group;
use crate::index::{IndexError, keys};
use crate::journal::Position;
use crate::mistake::{Mistake, made};
use crate::statistics::rollup;

/// What submissions and amendments have in common.
struct Written<'e> {
    at: Position,
    at_ms: i64,
    ledger: &'e str,
    event_date: i32,
    values: &'e Values,
    content: &'e [u8],
    unique: &'e [Vec<u8>],
}

impl Fold<'_> {
    pub(super) fn submitted(
        &mut self,
        group: &mut Group<'_>,
        at: Position,
        at_ms: i64,
        submitted: &Submitted,
    ) -> Result<(), FoldError> {
        let id = record_id(at, &submitted.id)?;
        let entry = Written {
            at,
            at_ms,
            ledger: &submitted.ledger,
            event_date: submitted.event_date,
            values: &submitted.values,
            content: &submitted.content,
            unique: &submitted.unique,
        };
        let head = self.head(&entry, 1, at_ms);
        self.enter(group, &submitted.ledger, id, &head)
    }

    pub(super) fn amended(
        &mut self,
        group: &mut Group<'_>,
        at: Position,
        at_ms: i64,
        amended: &Amended,
    ) -> Result<(), FoldError> {
        let id = record_id(at, &amended.id)?;
        let before = self.leave(group, at, &amended.ledger, id)?;
        let entry = Written {
            at,
            at_ms,
            ledger: &amended.ledger,
            event_date: amended.event_date,
            values: &amended.values,
            content: &amended.content,
            unique: &amended.unique,
        };
        let head = self.head(&entry, amended.revision, before.first_at_ms);
        self.enter(group, &amended.ledger, id, &head)
    }

    pub(super) fn voided(
        &mut self,
        group: &mut Group<'_>,
        at: Position,
        at_ms: i64,
        voided: &Voided,
    ) -> Result<(), FoldError> {
        let id = record_id(at, &voided.id)?;
        let before = self.leave(group, at, &voided.ledger, id)?;
        let head = RecordHead {
            revision: voided.revision,
            voided: true,
            segment: at.segment,
            offset: at.offset,
            sequence: at.sequence,
            at_ms,
            ..before
        };
        put(group, &voided.ledger, id, &head);
        Ok(())
    }

    /// The state that an entry with values gives its record.
    fn head(&self, entry: &Written<'_>, revision: u32, first_at_ms: i64) -> RecordHead {
        // A ledger that the catalogue has dropped is kept and counts no more.
        let facts = self.catalogue.ledger(entry.ledger).map(|ledger| ledger.facts(entry.values)).unwrap_or_default();
        RecordHead {
            revision,
            voided: false,
            event_date: entry.event_date,
            segment: entry.at.segment,
            offset: entry.at.offset,
            sequence: entry.at.sequence,
            values_segment: entry.at.segment,
            values_offset: entry.at.offset,
            first_at_ms,
            at_ms: entry.at_ms,
            content: entry.content.to_vec(),
            facts,
            unique: entry.unique.to_vec(),
        }
    }

    /// A live record begins to count.
    fn enter(&mut self, group: &mut Group<'_>, ledger: &str, id: RecordId, head: &RecordHead) -> Result<(), FoldError> {
        for key in &head.unique {
            group.draft.put(keys::unique(ledger, key), id.to_bytes().to_vec());
        }
        put(group, ledger, id, head);
        self.count(group, ledger, head, 1)
    }

    /// A live record ceases to count.
    fn leave(
        &mut self,
        group: &mut Group<'_>,
        at: Position,
        ledger: &str,
        id: RecordId,
    ) -> Result<RecordHead, FoldError> {
        let head = read(group, ledger, id)?.filter(|head| !head.voided);
        let head = head.ok_or_else(|| misfit(at, format!("there is no live record {id} in {ledger}")))?;
        for key in &head.unique {
            group.draft.remove(keys::unique(ledger, key));
        }
        if !made(Mistake::KeepAmended) {
            self.count(group, ledger, &head, -1)?;
        }
        Ok(head)
    }

    fn count(&mut self, group: &mut Group<'_>, ledger: &str, head: &RecordHead, sign: i64) -> Result<(), FoldError> {
        self.days.live(head.event_date, sign);
        self.conditions_touched |= self.catalogue.condition_ledgers().contains(ledger);
        add_contributions(group, self.catalogue, ledger, head, sign, |_| true)?;
        Ok(())
    }
}

/// Adds what a record contributes to the measures that `wanted` picks, `sign` times.
pub fn add_contributions(
    group: &mut Group<'_>,
    catalogue: &crate::catalogue::Catalogue,
    ledger: &str,
    head: &RecordHead,
    sign: i64,
    wanted: impl Fn(wuji_proto::MeasureId) -> bool,
) -> Result<(), IndexError> {
    let mut result = Ok(());
    catalogue.contributions(ledger, &head.facts, head.event_date, &mut |part| {
        if result.is_ok() && wanted(part.measure) {
            let cell = own_cell(group, part.measure, part.day, part.part);
            result = rollup::add_own(group, &cell, part.amount.saturating_mul(sign));
        }
    });
    result
}

/// A record's newest state.
pub fn read(group: &Group<'_>, ledger: &str, id: RecordId) -> Result<Option<RecordHead>, IndexError> {
    group.draft.message::<stored::RecordHead>("a record", &keys::record(ledger, id))
}

fn put(group: &mut Group<'_>, ledger: &str, id: RecordId, head: &RecordHead) {
    group.draft.put(keys::record(ledger, id), prost::Message::encode_to_vec(head));
}

fn record_id(at: Position, bytes: &[u8]) -> Result<RecordId, FoldError> {
    bytes.try_into().map(RecordId::from_bytes).map_err(|_| misfit(at, "a record's id has not 16 bytes"))
}
