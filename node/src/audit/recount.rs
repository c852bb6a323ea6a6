//! A recount of the own records, and the digests of what is stored, made in bounded steps and
//! yet exact: what the walk has covered follows every batch that the writer applies, so that at
//! its end the counts are those of the present state, not of many former ones.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;
use wuji_proto::stored::RecordHead;
use wuji_proto::{CellKey, Digest, DivisionCode, Incarnation, Period, period};

use crate::catalogue::Catalogue;
use crate::feed::child::Child;
use crate::feed::item::ItemHasher;
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError, Writes, keys, values};
use crate::store::{Follower, Store};

/// A recount that follows the writer for as long as somebody keeps it.
pub type SharedRecount = Arc<Mutex<Recount>>;

/// Counts of everything that the walk has covered, as it is now.
pub struct Recount {
    own: DivisionCode,
    catalogue: Arc<Catalogue>,
    hasher: ItemHasher,
    hashers: BTreeMap<DivisionCode, (Incarnation, ItemHasher)>,
    /// The first key of the index that is not covered; `None`: all are.
    next: Option<Vec<u8>>,
    cells: BTreeMap<Vec<u8>, i64>,
    days: BTreeMap<i32, i64>,
    feed: Digest,
    held: BTreeMap<DivisionCode, Digest>,
    failed: Option<IndexError>,
}

impl Recount {
    /// Begins one; nothing is covered yet.
    pub fn begin(store: &Store, catalogue: &Arc<Catalogue>) -> Result<SharedRecount, IndexError> {
        let view = store.view();
        let recount = Arc::new(Mutex::new(Self {
            own: store.own,
            catalogue: Arc::clone(catalogue),
            hasher: store.hasher.clone(),
            hashers: hashers(view.index)?,
            next: Some(keys::all_records()),
            cells: BTreeMap::new(),
            days: BTreeMap::new(),
            feed: Digest::default(),
            held: BTreeMap::new(),
            failed: None,
        }));
        store.follow(&recount);
        Ok(recount)
    }

    /// Covers up to `keys_max` more keys; how many it was, and whether all are covered now.
    /// The index must be that of a view which the caller keeps meanwhile.
    pub fn step(&mut self, index: &dyn Index, keys_max: u64) -> Result<(u64, bool), IndexError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(from) = self.next.take() else { return Ok((0, true)) };
        let (mut covered, mut next) = (0, None);
        index.scan(&from, keys::after(&keys::all_held()).as_deref(), &mut |key, value| {
            if covered == keys_max {
                next = Some(key.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            covered += 1;
            self.add(key, value, 1)?;
            Ok(ControlFlow::Continue(()))
        })?;
        self.next = next;
        Ok((covered, self.next.is_none()))
    }

    /// What the own records add to a cell of the own scope: `None` for conditions, which are
    /// true of the unit as a whole and evaluated apart.
    pub fn cell(&self, cell: &[u8]) -> i64 {
        self.cells.get(cell).copied().unwrap_or_default()
    }

    /// The cells of a range of item keys that own records add to.
    pub fn cells_between(&self, from: &[u8], to: Option<&[u8]>) -> impl Iterator<Item = &Vec<u8>> {
        let inside = move |cell: &&Vec<u8>| to.is_none_or(|to| cell.as_slice() < to);
        let from = (std::ops::Bound::Included(from), std::ops::Bound::Unbounded);
        self.cells.range::<[u8], _>(from).map(|(cell, _)| cell).take_while(inside)
    }

    /// Live records of an event date, days since 1900-01-01.
    pub fn day(&self, day: i32) -> i64 {
        self.days.get(&day).copied().unwrap_or_default()
    }

    /// Every day that has had a live record.
    pub fn days(&self) -> impl Iterator<Item = i32> {
        self.days.keys().copied()
    }

    /// Digest of the own items.
    pub fn feed(&self) -> Digest {
        self.feed
    }

    /// Digest of what is held of a child in this life of its journal; `None`: it was not
    /// counted, since the child came, or changed, after the walk began.
    pub fn held(&self, child: DivisionCode, life: Incarnation) -> Option<Digest> {
        let (known, _) = self.hashers.get(&child)?;
        (*known == life).then(|| self.held.get(&child).copied().unwrap_or_default())
    }

    /// Counts a stored value `sign` times.
    fn add(&mut self, key: &[u8], value: &[u8], sign: i64) -> Result<(), IndexError> {
        if let Some((ledger, _)) = keys::parse_record(key) {
            let head: RecordHead = values::decode("a record", value)?;
            if !head.voided {
                self.record(ledger, &head, sign);
            }
        } else if let Some(item) = keys::parse_item(key) {
            let hash = self.hasher.hash(item, OwnItem::split(value)?.1);
            self.feed = signed(self.feed, hash, sign);
        } else if let (Some(item), Some(child)) = (keys::parse_held(key), keys::parse_held_by(key))
            && let Some((_, hasher)) = self.hashers.get(&child)
        {
            let hash = hasher.hash(item, HeldItem::value_bytes(value));
            let digest = self.held.entry(child).or_default();
            *digest = signed(*digest, hash, sign);
        }
        Ok(())
    }

    fn record(&mut self, ledger: &str, head: &RecordHead, sign: i64) {
        *self.days.entry(head.event_date).or_default() += sign;
        let (own, cells) = (self.own, &mut self.cells);
        self.catalogue.contributions(ledger, &head.facts, head.event_date, &mut |part| {
            let period = Period::day(period::date(part.day));
            let cell = CellKey { scope: own, measure: part.measure, period, part: part.part };
            let sum = cells.entry(cell.to_bytes()).or_default();
            *sum = sum.saturating_add(part.amount.saturating_mul(sign));
        });
    }

    fn take(&mut self, index: &dyn Index, key: &[u8], now: Option<&[u8]>) -> Result<(), IndexError> {
        if let Some(before) = index.get(key)? {
            self.add(key, &before, -1)?;
        }
        now.map_or(Ok(()), |now| self.add(key, now, 1))
    }
}

impl Follower for Recount {
    fn follow(&mut self, index: &dyn Index, writes: &Writes) {
        let (first, end) = (keys::all_records(), self.next.clone().or_else(|| keys::after(&keys::all_held())));
        let covered = |key: &[u8]| end.as_deref().is_none_or(|end| key < end);
        let from = (std::ops::Bound::Included(first.as_slice()), std::ops::Bound::Unbounded);
        for (key, now) in writes.range::<[u8], _>(from).take_while(|(key, _)| covered(key)) {
            if let Err(error) = self.take(index, key, now.as_deref()) {
                // The writer goes on; who counts is told at the next step.
                self.failed = Some(error);
                return;
            }
        }
    }
}

fn signed(digest: Digest, hash: u128, sign: i64) -> Digest {
    if sign < 0 { digest.without(hash) } else { digest.with(hash) }
}

/// Of every child that ever connected.
fn hashers(index: &dyn Index) -> Result<BTreeMap<DivisionCode, (Incarnation, ItemHasher)>, IndexError> {
    let mut hashers = BTreeMap::new();
    let prefix = keys::children();
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        if let (Some(code), Some(life)) = (keys::parse_child(key), Child::from_bytes(value)?.incarnation) {
            hashers.insert(code, (life, ItemHasher::new(code, life)));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(hashers)
}
