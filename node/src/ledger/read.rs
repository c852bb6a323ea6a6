//! Reading records: their state from the index, their values from the journal.

use std::ops::ControlFlow;

use wuji_proto::stored::RecordHead;
use wuji_proto::stored::entry::Event;
use wuji_proto::{RecordId, v1};

use super::{LedgerError, Ledgers};
use crate::catalogue::Values;
use crate::index::{keys, values};

/// Records that a page holds at most.
pub const PAGE_MAX: usize = 1_000;

/// Which records of a ledger are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Event dates from, days since 1900-01-01.
    pub from: Option<i32>,
    /// Up to and including.
    pub to: Option<i32>,
    /// Voided or live ones; `None`: both.
    pub voided: Option<bool>,
}

impl Filter {
    fn takes(&self, head: &RecordHead) -> bool {
        self.from.is_none_or(|from| head.event_date >= from)
            && self.to.is_none_or(|to| head.event_date <= to)
            && self.voided.is_none_or(|voided| head.voided == voided)
    }
}

impl Ledgers {
    /// One record. Blocks briefly.
    pub fn get(&self, ledger: &str, id: RecordId) -> Result<Option<v1::Record>, LedgerError> {
        let stored = self.store.index().get(&keys::record(ledger, id))?;
        stored.map(|bytes| self.record(ledger, id, &values::decode("a record", &bytes)?)).transpose()
    }

    /// A record whose ledger is not known.
    pub fn find(&self, id: RecordId) -> Result<Option<v1::Record>, LedgerError> {
        for ledger in self.catalogue.ledgers() {
            if let Some(record) = self.get(ledger.id(), id)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Records of a ledger after the id `after`, at most `count`, in the order of ids; and
    /// whether there are more. Blocks.
    pub fn page(
        &self,
        ledger: &str,
        filter: &Filter,
        after: Option<RecordId>,
        count: usize,
    ) -> Result<(Vec<v1::Record>, bool), LedgerError> {
        let prefix = keys::records(ledger);
        let from = after.map_or_else(
            || prefix.clone(),
            |after| {
                let mut key = keys::record(ledger, after);
                key.push(0);
                key
            },
        );
        let (mut heads, mut more) = (Vec::new(), false);
        let view = self.store.view();
        view.index.scan(&from, keys::after(&prefix).as_deref(), &mut |key, bytes| {
            let head: RecordHead = values::decode("a record", bytes)?;
            if let Some((_, id)) = keys::parse_record(key).filter(|_| filter.takes(&head)) {
                if heads.len() == count.min(PAGE_MAX) {
                    more = true;
                    return Ok(ControlFlow::Break(()));
                }
                heads.push((id, head));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        drop(view);
        let records = heads.iter().map(|(id, head)| self.record(ledger, *id, head)).collect::<Result<_, _>>()?;
        Ok((records, more))
    }

    /// Puts a record together from its entries.
    fn record(&self, ledger: &str, id: RecordId, head: &RecordHead) -> Result<v1::Record, LedgerError> {
        let newest = self.journal.read(head.segment, head.offset)?;
        let void_reason = match &newest.entry.event {
            Some(Event::Voided(voided)) => voided.reason.clone(),
            _ => String::new(),
        };
        let author = newest.entry.actor.clone();
        let frame = if head.voided { self.journal.read(head.values_segment, head.values_offset)? } else { newest };
        let mut record_values: Values = match &frame.entry.event {
            Some(Event::Submitted(submitted)) => submitted.values.clone(),
            Some(Event::Amended(amended)) => amended.values.clone(),
            _ => return Err(LedgerError::Misplaced(id)),
        };
        if let Some(sealed) = self.journal.unseal(&frame)? {
            record_values.extend(sealed.values);
        }
        let state = if head.voided { v1::RecordState::Voided } else { v1::RecordState::Live };
        Ok(v1::Record {
            ledger: ledger.to_owned(),
            id: id.to_string(),
            revision: head.revision,
            state: state.into(),
            event_date: head.event_date,
            values: record_values,
            author,
            first_recorded_at_ms: head.first_at_ms,
            recorded_at_ms: head.at_ms,
            sequence: head.sequence,
            void_reason,
            unit: self.own.to_string(),
        })
    }
}
