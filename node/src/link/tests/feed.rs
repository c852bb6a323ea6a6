//! A feed of amounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use wuji_proto::{Digest, DivisionCode, Incarnation, Sequence, Watermark};

use crate::env::Env;
use crate::feed::exchange::{Anchor, FeedRead, FeedReadError, FeedSource, FeedStart, RangeRead};
use crate::feed::item::{FeedItem, ItemHasher, ItemValue};

pub struct FakeFeed {
    code: DivisionCode,
    changes: watch::Sender<u64>,
    state: Mutex<State>,
}

struct State {
    items: BTreeMap<Vec<u8>, (Watermark, i64)>,
    head: Watermark,
    known: BTreeSet<Watermark>,
    complete: bool,
    holding: Option<String>,
    /// Without it, the feed cannot list changes: it must be walked.
    listed: bool,
    journal: u64,
    parent_ms: i64,
}

pub fn key(number: u32) -> Vec<u8> {
    format!("cell/{number:08}").into_bytes()
}

pub fn digest_of<'a>(code: DivisionCode, items: impl Iterator<Item = (&'a Vec<u8>, i64)>) -> Digest {
    let hasher = ItemHasher::new(code, incarnation());
    items
        .fold(Digest::default(), |sum, (key, amount)| sum.with(hasher.hash(key, &ItemValue::Amount(amount).to_bytes())))
}

pub fn incarnation() -> Incarnation {
    Incarnation::from_random([7; 16])
}

pub fn anchor(sequence: u64) -> Anchor {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&sequence.to_le_bytes());
    Anchor { sequence, hash }
}

impl FakeFeed {
    pub fn new(code: &str) -> Arc<Self> {
        let state = State {
            items: BTreeMap::new(),
            head: Watermark::ZERO,
            known: BTreeSet::from([Watermark::ZERO]),
            complete: true,
            holding: None,
            listed: true,
            journal: 0,
            parent_ms: 0,
        };
        Arc::new(Self { code: code.parse().unwrap(), changes: watch::channel(0).0, state: Mutex::new(state) })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changes.send_modify(|count| *count += 1);
    }

    /// Sets an amount.
    pub fn set(&self, number: u32, amount: i64) {
        self.set_many([(number, amount)]);
    }

    pub fn set_many(&self, amounts: impl IntoIterator<Item = (u32, i64)>) {
        self.change(|state| {
            for (number, amount) in amounts {
                state.journal += 1;
                let next = state.head.at.number + 1;
                state.head = Watermark { at: Sequence { start: 1, number: next }, epoch: 99 };
                state.known.insert(state.head);
                state.items.insert(key(number), (state.head, amount));
            }
        });
    }

    pub fn set_complete(&self, complete: bool) {
        self.change(|state| state.complete = complete);
    }

    pub fn set_holding(&self, holding: Option<&str>) {
        self.change(|state| state.holding = holding.map(str::to_owned));
    }

    pub fn set_listed(&self, listed: bool) {
        self.change(|state| state.listed = listed);
    }

    /// As after a crash that lost these sequences.
    pub fn forget(&self, mark: Watermark) {
        self.change(|state| {
            state.known.remove(&mark);
        });
    }

    /// As after a disk image was put back.
    pub fn roll_journal_back(&self, sequence: u64) {
        self.change(|state| state.journal = sequence);
    }

    pub fn amounts(&self) -> BTreeMap<Vec<u8>, i64> {
        self.state.lock().items.iter().map(|(key, (_, amount))| (key.clone(), *amount)).collect()
    }

    pub fn parent_ms(&self) -> i64 {
        self.state.lock().parent_ms
    }
}

impl State {
    fn item(key: &[u8], amount: i64) -> FeedItem {
        FeedItem { key: key.to_vec(), value: ItemValue::Amount(amount) }
    }
}

impl FeedSource for FakeFeed {
    fn code(&self) -> DivisionCode {
        self.code
    }

    fn incarnation(&self) -> Incarnation {
        incarnation()
    }

    fn starts(&self) -> Vec<FeedStart> {
        // More than an opening may name.
        (1..=5_000).map(|number| FeedStart { number, epoch: 99, sequence: number.into() }).collect()
    }

    fn head(&self) -> Watermark {
        self.state.lock().head
    }

    fn knows(&self, mark: Watermark) -> bool {
        self.state.lock().known.contains(&mark)
    }

    fn holds(&self, anchor: Anchor) -> Result<bool, FeedReadError> {
        Ok(anchor.sequence <= self.state.lock().journal)
    }

    fn read_since(&self, after: Watermark, items_max: usize, _: usize) -> Result<Option<FeedRead>, FeedReadError> {
        let state = self.state.lock();
        if !state.listed {
            return Ok(None);
        }
        let mut changed: Vec<_> = state
            .items
            .iter()
            .filter(|(_, (at, _))| *at > after)
            .map(|(key, (at, amount))| (*at, key, *amount))
            .collect();
        changed.sort_unstable();
        let remaining = changed.len().saturating_sub(items_max);
        changed.truncate(items_max);
        let upto = if remaining == 0 { state.head.max(after) } else { changed.last().unwrap().0 };
        let digest = || digest_of(self.code, state.items.iter().map(|(key, (_, amount))| (key, *amount)));
        Ok(Some(FeedRead {
            items: changed.iter().map(|(_, key, amount)| State::item(key, *amount)).collect(),
            upto,
            view: state.head,
            remaining: remaining as u64,
            complete: (remaining == 0 && state.complete).then(digest),
            anchor: anchor(state.journal),
        }))
    }

    fn read_range(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        items_max: usize,
        _: usize,
    ) -> Result<RangeRead, FeedReadError> {
        let state = self.state.lock();
        let end = to.map(<[u8]>::to_vec);
        // Small ranges, so that a walk has many.
        let items_max = items_max.min(10);
        let inside = |key: &Vec<u8>| end.as_ref().is_none_or(|end| key < end);
        let rest = state.items.range(from.to_vec()..).take_while(|(key, _)| inside(key));
        let rest: Vec<_> = rest.map(|(key, (_, amount))| (key, *amount)).collect();
        let part = &rest[..rest.len().min(items_max)];
        Ok(RangeRead {
            items: part.iter().map(|(key, amount)| State::item(key, *amount)).collect(),
            to: rest.get(items_max).map(|(key, _)| (*key).clone()).or(end.clone()),
            view: state.head,
            digest: digest_of(self.code, part.iter().map(|(key, amount)| (*key, *amount))),
            anchor: anchor(state.journal),
            progress_permille: 500,
        })
    }

    fn recount(&self, _: u64) -> Result<Vec<FeedItem>, FeedReadError> {
        Err(FeedReadError("this feed has no journal".to_owned()))
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn holding(&self) -> Option<String> {
        self.state.lock().holding.clone()
    }

    fn observe_parent_time(&self, parent_ms: i64) {
        self.state.lock().parent_ms = parent_ms;
    }

    fn now_ms(&self) -> i64 {
        Env::production().clock.now_ms()
    }
}
