//! Digests of a feed unit by unit, at both ends of a link; each in bounded steps, and of one
//! state: where it moves meanwhile, it is begun again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use wuji_proto::{CellKey, Digest, DivisionCode, ItemKey, Watermark};

use super::found::Scope;
use super::{AuditError, Auditor};
use crate::feed::child::Child;
use crate::feed::item::ItemHasher;
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError};

/// What a feed has about each unit.
pub type Units = BTreeMap<DivisionCode, Digest>;

/// Items that one step reads.
const STEP_ITEMS: usize = 8_192;

/// How often steps are tried over a moving feed before it is read in one.
const STEPWISE_TRIES: usize = 3;

/// The unit that an item is about.
pub fn unit_of(item: &[u8]) -> Option<DivisionCode> {
    item.get(1..)?.first_chunk().copied().and_then(DivisionCode::from_key)
}

/// The ranges of item keys that are about a unit: its directory entry, and its cells.
pub fn ranges_of(unit: DivisionCode) -> [(Vec<u8>, Option<Vec<u8>>); 2] {
    [ItemKey::Unit(unit).to_bytes(), CellKey::scope_prefix(unit)].map(|from| {
        let to = keys::after(&from);
        (from, to)
    })
}

/// The unit and the hash of a stored item, from its key and its value; `None`: it is about none.
type ReadItem<'a> = dyn Fn(&[u8], &[u8]) -> Result<Option<(DivisionCode, u128)>, IndexError> + 'a;

/// One side's items being read.
struct Reading {
    units: Units,
    next: Option<Vec<u8>>,
}

impl Reading {
    fn from(first: Vec<u8>) -> Self {
        Self { units: Units::new(), next: Some(first) }
    }

    fn step(
        &mut self,
        index: &dyn Index,
        prefix: &[u8],
        items_max: usize,
        item: &ReadItem<'_>,
    ) -> Result<(), IndexError> {
        let Some(from) = self.next.take() else { return Ok(()) };
        let mut read = 0;
        index.scan(&from, keys::after(prefix).as_deref(), &mut |key, value| {
            if read == items_max {
                self.next = Some(key.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            read += 1;
            if let Some((unit, hash)) = item(key, value)? {
                let digest = self.units.entry(unit).or_default();
                *digest = digest.with(hash);
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}

/// The digests of the own feed, and the head that they are of.
pub async fn of_own(auditor: &Auditor, scope: Option<DivisionCode>) -> Result<(Watermark, Units), AuditError> {
    let scope = auditor.blocking(move |store| Scope::read(store.view().index, scope)).await?;
    let mut tries = 0;
    let units = loop {
        tries += 1;
        let items_max = if tries > STEPWISE_TRIES { usize::MAX } else { STEP_ITEMS };
        if let Some(read) = own_once(auditor, items_max).await? {
            break read;
        }
    };
    let (head, mut units) = units;
    units.retain(|unit, _| scope.has(*unit));
    Ok((head, units))
}

async fn own_once(auditor: &Auditor, items_max: usize) -> Result<Option<(Watermark, Units)>, AuditError> {
    let mut reading = Reading::from(keys::items());
    let mut head = None;
    while reading.next.is_some() {
        let now;
        (reading, now) = auditor
            .blocking(move |store| {
                let view = store.view();
                reading.step(view.index, &keys::items(), items_max, &|key, value| {
                    let item = keys::parse_item(key).unwrap_or_default();
                    let value = OwnItem::split(value)?.1;
                    Ok(unit_of(item).map(|unit| (unit, store.hasher.hash(item, value))))
                })?;
                Ok((reading, view.state.history.mark(view.state.head.at)))
            })
            .await?;
        if *head.get_or_insert(now) != now {
            return Ok(None);
        }
    }
    Ok(Some((head.unwrap_or_default(), reading.units)))
}

/// What is held of a child.
pub struct HeldUnits {
    /// Unit by unit.
    pub units: Units,
    /// The watermark before the first step and after the last.
    pub marks: (Watermark, Watermark),
}

/// The digests of what is held of a child; `None`: nothing is accepted of it, or a walk is
/// under way that replaces it anyway.
pub async fn of_held(auditor: &Auditor, child: DivisionCode) -> Result<Option<HeldUnits>, AuditError> {
    let mut reading = Reading::from(keys::held_by(Link::Unit(child)));
    let mut marks = None;
    while reading.next.is_some() {
        let mark;
        (reading, mark) = auditor
            .blocking(move |store| {
                let view = store.view();
                let mark = held_step(view.index, child, &mut reading)?;
                Ok((reading, mark))
            })
            .await?;
        let Some(mark) = mark else { return Ok(None) };
        let (first, _) = marks.unwrap_or((mark, mark));
        marks = Some((first, mark));
    }
    Ok(marks.map(|marks| HeldUnits { units: reading.units, marks }))
}

/// A step; the child's watermark while it was read.
fn held_step(index: &dyn Index, code: DivisionCode, reading: &mut Reading) -> Result<Option<Watermark>, IndexError> {
    let child = Child::read(&Draft::new(index), code)?.filter(|child| child.walk.is_none());
    let Some((life, low)) = child.and_then(|child| Some((child.incarnation?, child.low))) else { return Ok(None) };
    let hasher = ItemHasher::new(code, life);
    reading.step(index, &keys::held_by(Link::Unit(code)), STEP_ITEMS, &|key, value| {
        let item = keys::parse_held(key).unwrap_or_default();
        Ok(unit_of(item).map(|unit| (unit, hasher.hash(item, HeldItem::value_bytes(value)))))
    })?;
    Ok(Some(low))
}
