//! What the index has from the journal alone, against the journal: records, unique keys, and what
//! decisions about children came to. Nothing beside these in the index says what they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use wuji_proto::stored::RecordHead;
use wuji_proto::stored::entry::Event;
use wuji_proto::{DivisionCode, Incarnation, ItemKey, RecordId, stored};

use super::found::Found;
use super::{AuditError, Auditor};
use crate::catalogue::Catalogue;
use crate::feed::group::{FeedHead, Group};
use crate::feed::item::ItemHasher;
use crate::fold::{Committed, Fold};
use crate::index::keys::{self, Link};
use crate::index::memory::MemoryIndex;
use crate::index::values::HeldItem;
use crate::index::{Index, IndexError, page, values};
use crate::journal::{Entries, Frame, JournalReader};
use crate::store::Store;

/// Records that are looked into at most in one pass; of more, the next pass finds the rest.
const SUSPECTS_MAX: usize = 10_000;

/// A record: its ledger and id.
type Record = (String, RecordId);

/// A part of the journal, folded into an index of its own.
struct Shadow {
    index: MemoryIndex,
    head: FeedHead,
    own: DivisionCode,
    hasher: ItemHasher,
    catalogue: Arc<Catalogue>,
}

impl Shadow {
    fn new(own: DivisionCode, life: Incarnation, catalogue: &Arc<Catalogue>) -> Self {
        let (index, head, hasher) = (MemoryIndex::default(), FeedHead::default(), ItemHasher::new(own, life));
        Self { index, head, own, hasher, catalogue: Arc::clone(catalogue) }
    }

    fn fold(&mut self, entries: &[Committed]) -> Result<(), AuditError> {
        let mut group = Group::new(&self.index, self.own, self.head, &self.hasher);
        let mut fold = Fold::new(&self.catalogue, true);
        entries.iter().try_for_each(|entry| fold.entry(&mut group, entry))?;
        fold.finish(&mut group)?;
        self.head = group.settle();
        Ok(self.index.apply(&group.finish().0)?)
    }
}

/// Reads the journal, some entries at a time.
pub struct Reading {
    entries: Entries,
    /// Entries read so far.
    pub upto: u64,
}

impl Reading {
    /// From the first entry on.
    pub fn new(journal: &JournalReader) -> Self {
        Self { entries: journal.entries_from(1), upto: 0 }
    }

    /// The next entries; none: there are no more.
    fn next(&mut self, most: usize) -> Result<Vec<Frame>, AuditError> {
        let frames: Vec<Frame> = self.entries.by_ref().take(most).collect::<Result<_, _>>()?;
        self.upto = frames.last().map_or(self.upto, |frame| frame.position.sequence);
        Ok(frames)
    }
}

/// The record that an entry is about.
fn record_of(entry: &stored::Entry) -> Option<Record> {
    let (ledger, id) = match entry.event.as_ref()? {
        Event::Submitted(it) => (&it.ledger, &it.id),
        Event::Amended(it) => (&it.ledger, &it.id),
        Event::Voided(it) => (&it.ledger, &it.id),
        _ => return None,
    };
    Some((ledger.clone(), RecordId::from_bytes(id.as_slice().try_into().ok()?)))
}

/// Whether an entry decides about children, or states something of them.
const fn is_decision(event: &Event) -> bool {
    matches!(
        event,
        Event::ChildRegistered(_)
            | Event::ChildAccepted(_)
            | Event::ChildReleased(_)
            | Event::ChildRetired(_)
            | Event::ChildSettled(_)
            | Event::CellsHeld(_)
            | Event::AmountsUnsettled(_)
            | Event::DaysReceived(_)
    )
}

/// The audit of a node's index against its journal, in steps.
pub struct Against {
    journal: JournalReader,
    reading: Reading,
    decisions: Shadow,
    suspects: BTreeSet<Record>,
}

impl Against {
    /// Begins: nothing is compared yet.
    pub fn new(auditor: &Auditor) -> Self {
        let store = &auditor.store;
        Self {
            journal: auditor.journal.clone(),
            reading: Reading::new(&auditor.journal),
            decisions: Shadow::new(store.own, store.incarnation, &auditor.catalogue),
            suspects: BTreeSet::new(),
        }
    }

    /// How many entries there are to read.
    pub fn work(&self) -> u64 {
        self.journal.tail().sequence
    }

    /// Reads entries: the index must know each record at least in the revision that they make.
    /// How many were read; 0: all are.
    pub fn read(&mut self, store: &Store, most: usize) -> Result<u64, AuditError> {
        let frames = self.reading.next(most)?;
        let view = store.view();
        let mut decisions = Vec::new();
        for frame in &frames {
            let sequence = frame.position.sequence;
            match record_of(&frame.entry) {
                Some(record) if sequence <= view.state.applied => {
                    let head = read_head(view.index, &record)?;
                    if head.is_none_or(|head| head.sequence < sequence) {
                        self.suspect(record);
                    }
                }
                Some(_) => {}
                None => decisions.extend(
                    frame
                        .entry
                        .event
                        .as_ref()
                        .filter(|event| is_decision(event))
                        .map(|_| Committed { position: frame.position, entry: frame.entry.clone() }),
                ),
            }
        }
        drop(view);
        self.decisions.fold(&decisions)?;
        Ok(frames.len() as u64)
    }

    fn suspect(&mut self, record: Record) {
        if self.suspects.len() < SUSPECTS_MAX {
            self.suspects.insert(record);
        }
    }

    /// Compares records with the entries that they point to, and unique keys with their records.
    /// Where to go on; `None`: all are compared.
    pub fn records(
        &mut self,
        store: &Store,
        catalogue: &Catalogue,
        from: &[u8],
        most: usize,
        found: &mut Vec<Found>,
    ) -> Result<(u64, Option<Vec<u8>>), AuditError> {
        let view = store.view();
        let (pairs, next) = page(view.index, from, keys::after(&keys::all_unique()).as_deref(), most)?;
        for (key, value) in &pairs {
            if let Some((ledger, id)) = keys::parse_record(key) {
                let head: RecordHead = values::decode("a record", value)?;
                if !self.is_right(catalogue, (ledger, id), &head) {
                    self.suspect((ledger.to_owned(), id));
                    continue; // nor are its unique values to be trusted
                }
                for unique in head.unique.iter().filter(|_| !head.voided) {
                    let key = keys::unique(ledger, unique);
                    let stored = view.index.get(&key)?;
                    if stored.as_deref() != Some(&id.to_bytes()) {
                        found.push(Found::Unique { key, stored, right: Some(id.to_bytes().to_vec()) });
                    }
                }
            } else if !self.names_suspect(key, value) && !has_record(view.index, key, value)? {
                found.push(Found::Unique { key: key.clone(), stored: Some(value.clone()), right: None });
            }
        }
        Ok((pairs.len() as u64, next))
    }

    /// Whether a unique value names a record that is not right: it may be right itself.
    fn names_suspect(&self, key: &[u8], id: &[u8]) -> bool {
        let id = id.try_into().map(RecordId::from_bytes);
        let record = keys::parse_unique(key).zip(id.ok()).map(|((ledger, _), id)| (ledger.to_owned(), id));
        record.is_some_and(|record| self.suspects.contains(&record))
    }

    /// Whether a record is what the entry that it points to makes it.
    fn is_right(&self, catalogue: &Catalogue, (ledger, id): (&str, RecordId), head: &RecordHead) -> bool {
        let read = |segment, offset| self.journal.read(segment, offset).ok();
        let Some(frame) = read(head.segment, head.offset) else { return false };
        let Some(values) = read(head.values_segment, head.values_offset) else { return false };
        let of =
            |frame: &Frame| record_of(&frame.entry).is_some_and(|(other, of)| (other.as_str(), of) == (ledger, id));
        if !of(&frame) || !of(&values) || frame.position.sequence != head.sequence {
            return false;
        }
        let (event_date, public, content, unique, version) = match values.entry.event {
            Some(Event::Submitted(it)) => (it.event_date, it.values, it.content, it.unique, it.catalogue_version),
            Some(Event::Amended(it)) => (it.event_date, it.values, it.content, it.unique, it.catalogue_version),
            _ => return false,
        };
        let (revision, voided) = match frame.entry.event {
            Some(Event::Submitted(_)) => (1, false),
            Some(Event::Amended(it)) => (it.revision, false),
            Some(Event::Voided(it)) => (it.revision, true),
            _ => return false,
        };
        let same_entry = voided || (head.segment, head.offset) == (head.values_segment, head.values_offset);
        let facts = catalogue.ledger(ledger).map(|ledger| ledger.facts(&public)).unwrap_or_default();
        // Another catalogue may have read other fields of it.
        let known = head.facts.iter().all(|(field, value)| public.get(field) == Some(value));
        let right_facts = head.facts == facts || known && version != catalogue.version();
        same_entry
            && right_facts
            && (head.revision, head.voided, head.event_date) == (revision, voided, event_date)
            && (&head.content, &head.unique, head.at_ms) == (&content, &unique, frame.entry.at_ms)
    }

    /// Reads the journal once more for the records that are not right: what they should be.
    pub fn look_into(&mut self, store: &Store) -> Result<Vec<Found>, AuditError> {
        if self.suspects.is_empty() {
            return Ok(Vec::new());
        }
        let mut shadow = Shadow::new(store.own, store.incarnation, &self.decisions.catalogue);
        let mut reading = Reading::new(&self.journal);
        loop {
            let frames = reading.next(usize::from(u16::MAX))?;
            if frames.is_empty() {
                break;
            }
            let theirs = frames
                .into_iter()
                .filter(|frame| record_of(&frame.entry).is_some_and(|record| self.suspects.contains(&record)));
            let theirs: Vec<_> =
                theirs.map(|frame| Committed { position: frame.position, entry: frame.entry }).collect();
            shadow.fold(&theirs)?;
        }
        let view = store.view();
        let mut found = Vec::new();
        for (ledger, id) in std::mem::take(&mut self.suspects) {
            let key = keys::record(&ledger, id);
            let (stored, right) = (view.index.get(&key)?, shadow.index.get(&key)?);
            let newest = |bytes: &Option<Vec<u8>>| {
                let head = bytes.as_deref().map(|bytes| values::decode::<RecordHead>("a record", bytes));
                head.transpose().map(|head| head.map_or(0, |head| head.sequence))
            };
            // It may have been written since, or not be in the index yet.
            let present = newest(&stored)? <= reading.upto && newest(&right)? <= view.state.applied;
            if stored != right && present {
                found.push(Found::Head { ledger, id, stored, right });
            }
        }
        Ok(found)
    }

    /// Compares what decisions came to: the registry's parts, kept cells, unsettled amounts. The
    /// comparison is of one view, with what was decided up to it.
    pub fn decisions(&mut self, store: &Store) -> Result<Vec<Found>, AuditError> {
        let view = store.view();
        let mut rest = Vec::new();
        for frame in self.journal.entries_from(self.reading.upto + 1) {
            let frame = frame?;
            if frame.position.sequence > view.state.applied {
                break;
            }
            self.reading.upto = frame.position.sequence;
            if frame.entry.event.as_ref().is_some_and(is_decision) {
                rest.push(Committed { position: frame.position, entry: frame.entry });
            }
        }
        self.decisions.fold(&rest)?;
        let mut found = Vec::new();
        for prefix in [keys::held_by(Link::Registry), keys::all_kept(), keys::all_unsettled()] {
            let stored = amounts(view.index, &prefix)?;
            let right = amounts(&self.decisions.index, &prefix)?;
            for key in stored.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                let of = |amounts: &BTreeMap<Vec<u8>, i64>| amounts.get(key).copied().unwrap_or_default();
                let item = keys::parse_held(key).or_else(|| keys::parse_of_child(key)).map(ItemKey::from_bytes);
                if let (true, Some(Ok(ItemKey::Cell(cell)))) = (of(&stored) != of(&right), item) {
                    found.push(Found::Part { key: key.clone(), cell, stored: of(&stored), right: of(&right) });
                }
            }
        }
        Ok(found)
    }
}

fn read_head(index: &dyn Index, (ledger, id): &Record) -> Result<Option<RecordHead>, IndexError> {
    index.get(&keys::record(ledger, *id))?.map(|bytes| values::decode("a record", &bytes)).transpose()
}

/// Whether the record that a unique key names is live and has it.
fn has_record(index: &dyn Index, key: &[u8], id: &[u8]) -> Result<bool, IndexError> {
    let Some((ledger, unique)) = keys::parse_unique(key) else { return Ok(false) };
    let Ok(id) = id.try_into().map(RecordId::from_bytes) else { return Ok(false) };
    let head = read_head(index, &(ledger.to_owned(), id))?;
    Ok(head.is_some_and(|head| !head.voided && head.unique.iter().any(|has| has == unique)))
}

fn amounts(index: &dyn Index, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, i64>, IndexError> {
    let mut amounts = BTreeMap::new();
    index.scan(prefix, keys::after(prefix).as_deref(), &mut |key, value| {
        amounts.insert(key.to_vec(), HeldItem::from_bytes(value)?.amount());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(amounts)
}
