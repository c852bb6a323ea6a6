//! The own feed as the pushing end of a link reads it.

use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::watch;
use wuji_proto::{Digest, DivisionCode, Incarnation, Sequence, Watermark};

use super::changes::{CHANGES_MAX, Changes};
use super::exchange::{Anchor, FeedRead, FeedReadError, FeedSource, FeedStart, RangeRead};
use super::item::FeedItem;
use crate::catalogue::Catalogue;
use crate::fold::recount::recount;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};
use crate::journal::JournalReader;
use crate::mistake::{Mistake, made};
use crate::store::{Store, View};
use crate::time::NodeTime;

/// Reads the feed from the store's views.
pub struct StoreFeed {
    store: Arc<Store>,
    journal: JournalReader,
    catalogue: Arc<Catalogue>,
    time: NodeTime,
}

impl StoreFeed {
    /// Over a store, the journal it is folded from, and the catalogue by which it is.
    pub fn new(store: Arc<Store>, journal: JournalReader, catalogue: Arc<Catalogue>, time: NodeTime) -> Self {
        Self { store, journal, catalogue, time }
    }

    /// Makes the list of changes reach back to `after` by one pass over the items; false if
    /// too many have changed. The writer waits meanwhile: a change made behind the pass
    /// would be missing from the list.
    fn reach_back(&self, after: Sequence) -> Result<bool, IndexError> {
        self.store.exclusively(|index, state| {
            let (mut changes, mut count) = (Changes::after(after), 0);
            let prefix = keys::items();
            index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
                let (sequence, _) = OwnItem::split(value)?;
                if sequence > after
                    && let Some(item) = keys::parse_item(key)
                {
                    changes.moved(item.to_vec(), None, sequence);
                    count += 1;
                }
                Ok(if count > CHANGES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            let listed = count <= CHANGES_MAX;
            if listed {
                state.changes = changes;
            }
            Ok(listed)
        })
    }

    fn read(&self, after: Watermark, items_max: usize, bytes_max: usize) -> Result<Option<FeedRead>, IndexError> {
        if self.store.view().state.changes.since(after.at).is_none() && !self.reach_back(after.at)? {
            return Ok(None);
        }
        let view = self.store.view();
        let Some(mut list) = view.state.changes.since(after.at) else { return Ok(None) };
        let (mut items, mut bytes, mut upto) = (Vec::new(), 0, after.at);
        for (sequence, key) in list.by_ref() {
            let item = read_item(view.index, key)?;
            bytes += item.key.len() + 8;
            items.push(item);
            upto = sequence;
            if items.len() >= items_max || bytes >= bytes_max {
                break;
            }
        }
        let remaining = list.count() as u64;
        Ok(Some(self.finish(&view, items, upto, remaining)))
    }

    fn finish(&self, view: &View<'_>, items: Vec<FeedItem>, upto: Sequence, remaining: u64) -> FeedRead {
        let state = &view.state;
        let at_head = remaining == 0;
        let upto = if at_head { state.head.at } else { upto };
        FeedRead {
            items,
            upto: state.history.mark(upto),
            view: state.history.mark(state.head.at),
            remaining,
            complete: (at_head && !state.catching_up || made(Mistake::CompareAnywhere)).then_some(state.head.digest),
            anchor: self.journal.tail(),
        }
    }

    fn range(
        &self,
        from: &[u8],
        end: Option<&[u8]>,
        items_max: usize,
        bytes_max: usize,
    ) -> Result<RangeRead, IndexError> {
        let view = self.store.view();
        let (mut items, mut bytes, mut digest) = (Vec::new(), 0, Digest::default());
        let mut to = end.map(<[u8]>::to_vec);
        let last = end.map(keys::item).or_else(|| keys::after(&keys::items()));
        view.index.scan(&keys::item(from), last.as_deref(), &mut |key, value| {
            let Some(item) = keys::parse_item(key) else { return Ok(ControlFlow::Continue(())) };
            if items.len() >= items_max || bytes >= bytes_max {
                to = Some(item.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            let own = OwnItem::from_bytes(value)?;
            digest = digest.with(self.store.hasher.hash(item, &own.value.to_bytes()));
            bytes += item.len() + 8;
            items.push(FeedItem { key: item.to_vec(), value: own.value });
            Ok(ControlFlow::Continue(()))
        })?;
        let progress_permille = to.as_deref().map_or(1_000, progress);
        let mark = view.state.history.mark(view.state.head.at);
        Ok(RangeRead { items, to, view: mark, digest, anchor: self.journal.tail(), progress_permille })
    }
}

/// How far into the space of keys a key lies, in 1/1,000: by its scope's code, roughly.
fn progress(key: &[u8]) -> u32 {
    let high = key.iter().skip(2).take(2).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    high * 999 / 0xffff
}

fn read_item(index: &dyn Index, key: &[u8]) -> Result<FeedItem, IndexError> {
    let stored = index.get(&keys::item(key))?;
    let stored = stored.ok_or_else(|| IndexError::Damaged("a changed item is not there".to_owned()))?;
    Ok(FeedItem { key: key.to_vec(), value: OwnItem::from_bytes(&stored)?.value })
}

fn failed(error: impl std::fmt::Display) -> FeedReadError {
    FeedReadError(error.to_string())
}

impl FeedSource for StoreFeed {
    fn code(&self) -> DivisionCode {
        self.store.own
    }

    fn incarnation(&self) -> Incarnation {
        self.store.incarnation
    }

    fn starts(&self) -> Vec<FeedStart> {
        self.store.view().state.history.starts()
    }

    fn head(&self) -> Watermark {
        let view = self.store.view();
        view.state.history.mark(view.state.head.at)
    }

    fn knows(&self, mark: Watermark) -> bool {
        let view = self.store.view();
        view.state.history.knows(mark, view.state.head.at)
    }

    fn holds(&self, anchor: Anchor) -> Result<bool, FeedReadError> {
        self.journal.holds(anchor).map_err(failed)
    }

    fn read_since(
        &self,
        after: Watermark,
        items_max: usize,
        bytes_max: usize,
    ) -> Result<Option<FeedRead>, FeedReadError> {
        self.read(after, items_max, bytes_max).map_err(failed)
    }

    fn read_range(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        items_max: usize,
        bytes_max: usize,
    ) -> Result<RangeRead, FeedReadError> {
        self.range(from, to, items_max, bytes_max).map_err(failed)
    }

    fn recount(&self, upto: u64) -> Result<Vec<FeedItem>, FeedReadError> {
        recount(&self.journal, &self.catalogue, self.store.own, self.store.incarnation, upto).map_err(failed)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.store.changed()
    }

    fn holding(&self) -> Option<String> {
        self.store.view().state.holding.clone()
    }

    fn observe_parent_time(&self, parent_ms: i64) {
        self.time.observe(parent_ms);
    }

    fn now_ms(&self) -> i64 {
        self.time.now_ms()
    }
}
