//! Submissions, amendments and voidings of records.

use wuji_proto::stored::{Amended, RecordHead, Submitted, Voided};
use wuji_proto::{RecordId, stored};

use super::{Fold, FoldError, misfit, own_cell};
use crate::feed::group::Group;
use crate::index::{IndexError, keys};
use crate::journal::Position;
use crate::statistics::rollup;

impl Fold<'_> {
    pub(super) fn submitted(
        &mut self,
        group: &mut Group<'_>,
        at: Position,
        at_ms: i64,
        submitted: &Submitted,
    ) -> Result<(), FoldError> {
        let id = record_id(at, &submitted.id)?;
        let head = RecordHead {
            revision: 1,
            voided: false,
            event_date: submitted.event_date,
            segment: at.segment,
            offset: at.offset,
            sequence: at.sequence,
            values_segment: at.segment,
            values_offset: at.offset,
            first_at_ms: at_ms,
            at_ms,
            content: submitted.content.clone(),
            facts: self.facts(&submitted.ledger, &submitted.values),
            unique: submitted.unique.clone(),
        };
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
        let head = RecordHead {
            revision: amended.revision,
            voided: false,
            event_date: amended.event_date,
            segment: at.segment,
            offset: at.offset,
            sequence: at.sequence,
            values_segment: at.segment,
            values_offset: at.offset,
            first_at_ms: before.first_at_ms,
            at_ms,
            content: amended.content.clone(),
            facts: self.facts(&amended.ledger, &amended.values),
            unique: amended.unique.clone(),
        };
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

    fn facts(
        &self,
        ledger: &str,
        values: &std::collections::BTreeMap<String, wuji_proto::v1::Value>,
    ) -> std::collections::BTreeMap<String, wuji_proto::v1::Value> {
        // A ledger that the catalogue has dropped is kept and counts no more.
        self.catalogue.ledger(ledger).map(|ledger| ledger.facts(values)).unwrap_or_default()
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
        self.count(group, ledger, &head, -1)?;
        Ok(head)
    }

    fn count(&mut self, group: &mut Group<'_>, ledger: &str, head: &RecordHead, sign: i64) -> Result<(), FoldError> {
        *self.days.entry(head.event_date).or_default() += sign;
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
