//! What has been written, as those who wrote it know it: every acknowledged entry, every entry
//! whose answer is awaited, and so for every cell of every workroom the amounts that it can have
//! had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wuji_node::catalogue::Catalogue;
use wuji_proto::{MeasureId, Part, RecordId};

use crate::clerk::{Errand, Outcome, Request};
use crate::entries::{self, Content, Parts};

/// All workrooms.
pub struct Truth {
    leaves: BTreeMap<usize, Leaf>,
    awaited: BTreeMap<u64, Awaited>,
    /// What counts on of a workroom's former lives, at the units above it.
    kept: BTreeMap<usize, Parts>,
    /// Of these it may not have come to all of them yet.
    kept_lately: BTreeSet<usize>,
}

/// What a cell can be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// By what was acknowledged.
    pub certain: i64,
    /// The least since the last quiet.
    pub low: i64,
    /// The most.
    pub high: i64,
}

/// One workroom.
#[derive(Clone)]
pub struct Leaf {
    /// What it counts by.
    catalogue: Arc<Catalogue>,
    pub records: BTreeMap<RecordId, Record>,
    spans: BTreeMap<(MeasureId, i32, Part), Span>,
}

/// A record as it was last acknowledged.
#[derive(Clone, Debug)]
pub struct Record {
    pub revision: u32,
    /// `None`: it is voided.
    pub content: Option<Content>,
    /// An answer about it is awaited.
    pub busy: bool,
    pub ledger: &'static str,
}

struct Awaited {
    errand: Errand,
    change: Parts,
}

/// What is known of a cell: its amount by what was acknowledged, what awaited answers may add
/// and take, and the extremes that it can have had since the last time of quiet.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    certain: i64,
    more: i64,
    less: i64,
    low: i64,
    high: i64,
}

impl Span {
    fn widen(&mut self) {
        self.low = self.low.min(self.certain + self.less);
        self.high = self.high.max(self.certain + self.more);
    }

    fn await_change(&mut self, amount: i64, times: i64) {
        if amount > 0 {
            self.more += amount * times;
        } else {
            self.less += amount * times;
        }
        self.widen();
    }
}

impl Truth {
    pub fn new(catalogue: &Arc<Catalogue>, leaves: &[usize]) -> Self {
        let leaves = leaves.iter().map(|leaf| (*leaf, Leaf::new(catalogue))).collect();
        Self { leaves, awaited: BTreeMap::new(), kept: BTreeMap::new(), kept_lately: BTreeSet::new() }
    }

    pub fn leaf(&self, leaf: usize) -> &Leaf {
        &self.leaves[&leaf]
    }

    /// Whether no answer of a workroom is awaited.
    pub fn idle(&self, leaf: usize) -> bool {
        self.awaited.values().all(|awaited| awaited.errand.unit != leaf)
    }

    /// Somebody is about to write.
    pub fn begin(&mut self, errand: &Errand) {
        let Some(leaf) = self.leaves.get_mut(&errand.unit) else { return };
        let mut change = Parts::new();
        match &errand.request {
            Request::Submit(_, content) => entries::add(&mut change, &entries::parts(&leaf.catalogue, content), 1),
            Request::Import(rows) => {
                for content in rows {
                    entries::add(&mut change, &entries::parts(&leaf.catalogue, content), 1);
                }
            }
            Request::Amend(id, content, _) => {
                let record = leaf.records.get_mut(id).unwrap();
                record.busy = true;
                entries::add(&mut change, &entries::parts(&leaf.catalogue, record.content.as_ref().unwrap()), -1);
                entries::add(&mut change, &entries::parts(&leaf.catalogue, content), 1);
            }
            Request::Void(id, ..) => {
                let record = leaf.records.get_mut(id).unwrap();
                record.busy = true;
                entries::add(&mut change, &entries::parts(&leaf.catalogue, record.content.as_ref().unwrap()), -1);
            }
            Request::Register(_) | Request::Adopt(..) | Request::Settle(_) | Request::Retire(_) => {}
        }
        for (key, amount) in &change {
            leaf.spans.entry(key.clone()).or_default().await_change(*amount, 1);
        }
        self.awaited.insert(errand.number, Awaited { errand: errand.clone(), change });
    }

    /// The answer has come.
    pub fn finish(&mut self, number: u64, outcome: &Outcome) {
        let Some(Awaited { errand, change }) = self.awaited.remove(&number) else { return };
        let leaf = self.leaves.get_mut(&errand.unit).unwrap();
        let done = matches!(outcome, Outcome::Done(_));
        for (key, amount) in &change {
            let span = leaf.spans.entry(key.clone()).or_default();
            span.await_change(*amount, -1);
            if done {
                span.certain += amount;
            }
            span.widen();
        }
        leaf.note(errand.request, outcome);
    }

    /// What is known of a workroom; to be brought back with an image of its disk.
    pub fn keep(&self, leaf: usize) -> Option<Leaf> {
        self.leaves.get(&leaf).cloned()
    }

    /// The workroom has gone back to this, or has nothing. What was known meanwhile stays possible.
    pub fn bring_back(&mut self, leaf: usize, kept: Option<&Leaf>) {
        let now = self.leaves.get_mut(&leaf).unwrap();
        now.records = kept.map(|kept| kept.records.clone()).unwrap_or_default();
        now.recount();
    }

    /// The workroom counts by another catalogue.
    pub fn adopt_catalogue(&mut self, leaf: usize, catalogue: &Arc<Catalogue>) {
        let now = self.leaves.get_mut(&leaf).unwrap();
        now.catalogue = Arc::clone(catalogue);
        now.recount();
    }

    /// All is quiet: every cell has been seen to be what it is by what was acknowledged.
    pub fn quiet(&mut self) {
        self.kept_lately.clear();
        for span in self.leaves.values_mut().flat_map(|leaf| leaf.spans.values_mut()) {
            (span.low, span.high) = (span.certain, span.certain);
            span.widen();
        }
    }

    /// What the former life of a workroom added counts on above it.
    pub fn keep_history(&mut self, leaf: usize, history: &Parts) {
        entries::add(self.kept.entry(leaf).or_default(), history, 1);
        self.kept_lately.insert(leaf);
    }

    /// Whether a former life of a workroom counts on above it.
    pub fn has_history(&self, leaf: usize) -> bool {
        self.kept.contains_key(&leaf)
    }

    /// What each cell of a workroom can be, at its own node or at a unit above it.
    pub fn ranges(&self, leaf: usize, above: bool) -> BTreeMap<&(MeasureId, i32, Part), Range> {
        let spans = self.leaves[&leaf].spans.iter();
        let mut ranges: BTreeMap<_, _> =
            spans.map(|(key, span)| (key, Range { certain: span.certain, low: span.low, high: span.high })).collect();
        for (key, amount) in self.kept.get(&leaf).iter().filter(|_| above).flat_map(|kept| kept.iter()) {
            let range = ranges.entry(key).or_default();
            let lately = self.kept_lately.contains(&leaf);
            let (low, high) = if lately { ((*amount).min(0), (*amount).max(0)) } else { (*amount, *amount) };
            *range = Range { certain: range.certain + amount, low: range.low + low, high: range.high + high };
        }
        ranges
    }
}

impl Leaf {
    fn new(catalogue: &Arc<Catalogue>) -> Self {
        Self { catalogue: Arc::clone(catalogue), records: BTreeMap::new(), spans: BTreeMap::new() }
    }

    /// What its records add up to by its catalogue.
    fn recount(&mut self) {
        let mut certain = Parts::new();
        for content in self.records.values().filter_map(|record| record.content.as_ref()) {
            entries::add(&mut certain, &entries::parts(&self.catalogue, content), 1);
        }
        for key in certain.keys() {
            self.spans.entry(key.clone()).or_default();
        }
        for (key, span) in &mut self.spans {
            span.certain = certain.get(key).copied().unwrap_or_default();
            span.widen();
        }
    }

    fn note(&mut self, request: Request, outcome: &Outcome) {
        match (request, outcome) {
            (Request::Submit(id, content), Outcome::Done(_)) => {
                let ledger = content.ledger;
                self.records.insert(id, Record { revision: 1, content: Some(content), busy: false, ledger });
            }
            (Request::Import(rows), Outcome::Done(ids)) => {
                for (id, content) in ids.iter().zip(rows) {
                    let ledger = content.ledger;
                    self.records.insert(*id, Record { revision: 1, content: Some(content), busy: false, ledger });
                }
            }
            (Request::Amend(id, content, base), Outcome::Done(_)) => {
                let ledger = content.ledger;
                let record = Record { revision: base + 1, content: Some(content), busy: false, ledger };
                self.records.insert(id, record);
            }
            (Request::Void(id, ledger, base), Outcome::Done(_)) => {
                self.records.insert(id, Record { revision: base + 1, content: None, busy: false, ledger });
            }
            (Request::Amend(id, ..) | Request::Void(id, ..), Outcome::Refused(_)) => {
                self.records.get_mut(&id).unwrap().busy = false;
            }
            _ => {}
        }
    }
}
