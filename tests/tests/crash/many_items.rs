//! The feed of a city with a great many cells, each made from its number: nothing of it is kept.

use std::sync::Arc;

use tokio::sync::watch;
use wuji_node::env::{Clock, Env};
use wuji_node::feed::exchange::{Anchor, FeedRead, FeedReadError, FeedSource, FeedStart, RangeRead};
use wuji_node::feed::item::{FeedItem, ItemHasher, ItemValue};
use wuji_proto::{CellKey, Digest, DivisionCode, Incarnation, MeasureId, Part, Period, Sequence, Watermark};
use wuji_tests::CITY;

/// Of the one start.
const EPOCH: u64 = 0x00c0_ffee;
const ANCHOR: Anchor = Anchor { sequence: 1, hash: [7; 32] };
/// Cells of a workroom: months times measures.
const MONTHS: u64 = 12;
const MEASURES: u64 = 20;
/// Workrooms of a township.
const WORKROOMS: u64 = 100;

/// The feed.
pub struct ManyItems {
    code: DivisionCode,
    items: u64,
    digest: Digest,
    clock: Arc<dyn Clock>,
    changed: watch::Sender<u64>,
}

impl ManyItems {
    pub fn new(items: u64) -> anyhow::Result<Self> {
        let code = CITY.parse()?;
        let hasher = ItemHasher::new(code, incarnation());
        let mut digest = Digest::default();
        for number in 0..items {
            let item = item(number)?;
            digest = digest.with(hasher.hash(&item.key, &item.value.to_bytes()));
        }
        Ok(Self { code, items, digest, clock: Env::production().clock, changed: watch::Sender::new(0) })
    }

    fn at(number: u64) -> Watermark {
        Watermark { at: Sequence { start: 1, number }, epoch: EPOCH }
    }
}

fn incarnation() -> Incarnation {
    Incarnation::from_random([3; 16])
}

/// A workroom's cell of a measure and month; no two numbers make the same.
fn item(number: u64) -> anyhow::Result<FeedItem> {
    let (measure, rest) = (number % MEASURES, number / MEASURES);
    let (month, workroom) = (rest % MONTHS, rest / MONTHS);
    let scope = format!("371122{:03}{:03}", 100 + workroom / WORKROOMS, 1 + workroom % WORKROOMS);
    let key = CellKey {
        scope: scope.parse()?,
        measure: MeasureId { number: 1_000 + u16::try_from(measure)?, revision: 1 },
        period: format!("2025-{:02}", month + 1).parse::<Period>()?,
        part: Part::default(),
    };
    Ok(FeedItem { key: key.to_bytes(), value: ItemValue::Amount(i64::try_from(number)? + 1) })
}

fn failed(error: impl std::fmt::Display) -> FeedReadError {
    FeedReadError(error.to_string())
}

impl FeedSource for ManyItems {
    fn code(&self) -> DivisionCode {
        self.code
    }

    fn incarnation(&self) -> Incarnation {
        incarnation()
    }

    fn starts(&self) -> Vec<FeedStart> {
        vec![FeedStart { number: 1, epoch: EPOCH, sequence: ANCHOR.sequence }]
    }

    fn head(&self) -> Watermark {
        Self::at(self.items)
    }

    fn knows(&self, mark: Watermark) -> bool {
        mark == Watermark::ZERO || mark.epoch == EPOCH && mark.at.number <= self.items
    }

    fn holds(&self, anchor: Anchor) -> Result<bool, FeedReadError> {
        Ok(anchor == ANCHOR)
    }

    fn read_since(
        &self,
        after: Watermark,
        items_max: usize,
        bytes_max: usize,
    ) -> Result<Option<FeedRead>, FeedReadError> {
        let (mut items, mut bytes, mut upto) = (Vec::new(), 0, after.at.number);
        while upto < self.items && items.len() < items_max && bytes < bytes_max {
            let item = item(upto).map_err(failed)?;
            bytes += item.key.len() + 8;
            items.push(item);
            upto += 1;
        }
        Ok(Some(FeedRead {
            items,
            upto: Self::at(upto),
            view: Self::at(self.items),
            remaining: self.items - upto,
            complete: (upto == self.items).then_some(self.digest),
            anchor: ANCHOR,
        }))
    }

    fn read_range(
        &self,
        _from: &[u8],
        _to: Option<&[u8]>,
        _items_max: usize,
        _bytes_max: usize,
    ) -> Result<RangeRead, FeedReadError> {
        Err(failed("this feed is only read in the order of changes"))
    }

    fn recount(&self, _upto: u64) -> Result<Vec<FeedItem>, FeedReadError> {
        Err(failed("this feed never went back in time"))
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn holding(&self) -> Option<String> {
        None
    }

    fn observe_parent_time(&self, _parent_ms: i64) {}

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
