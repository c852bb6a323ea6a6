//! Repairs, made by the writer inside a batch: every figure is computed there, from its parts
//! or from the recount that follows the index, never from what an auditor saw before.

use std::collections::BTreeMap;

use tokio::sync::oneshot;
use wuji_proto::{CellKey, Digest, DivisionCode, ItemKey};

use super::found::Found;
use super::own::Own;
use super::recount::SharedRecount;
use super::totals::sum;
use crate::catalogue::Catalogue;
use crate::feed::child::Child;
use crate::feed::group::Group;
use crate::feed::item::ItemValue;
use crate::fold::conditions::{self, Deltas};
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::values::HeldItem;
use crate::index::{Index, IndexError};
use crate::statistics::rollup::{Targets, children};
use crate::store::Store;

/// Differences that one batch puts right at most.
pub const BATCH_REPAIRS_MAX: usize = 4_096;

/// What the writer is asked to put right.
pub struct Repair {
    /// The differences; at most [`BATCH_REPAIRS_MAX`].
    pub found: Vec<Found>,
    /// Has covered everything, and follows the index. `None`: only what the journal says is put
    /// right.
    pub recount: Option<SharedRecount>,
    /// Told how many still differed and were put right.
    pub reply: oneshot::Sender<u64>,
}

/// What is right, by the state that the batch is made upon.
struct Truth {
    /// What own entries lack in a cell.
    records: BTreeMap<CellKey, i64>,
    /// What the counts of days lack.
    days: BTreeMap<i32, i64>,
    conditions: Deltas,
    feed: (Digest, Digest),
    held: BTreeMap<DivisionCode, (Digest, Digest)>,
}

/// Puts right what still differs; how much that was.
///
/// Entries before this one in the batch may have moved the same figures: what is missing is
/// added to them, and a total is the sum of its parts with everything that they changed.
pub fn mend(group: &mut Group<'_>, store: &Store, catalogue: &Catalogue, repair: &Repair) -> Result<u64, IndexError> {
    let children = children(group)?;
    let mut mended = 0;
    for found in &repair.found {
        mended += u64::from(mend_by_journal(group, found, &children)?);
    }
    let Some(recount) = &repair.recount else { return Ok(mended) };
    let truth = Truth::read(store, catalogue, &repair.found, recount)?;
    // The records first: totals are recomputed of what they make.
    for found in &repair.found {
        mended += u64::from(truth.mend_own(group, found, &children)?);
    }
    for found in &repair.found {
        mended += u64::from(truth.mend_total(group, found, &children)?);
    }
    // With the items, so that no complete mark shows the one without the other.
    let (stored, counted) = truth.feed;
    group.mend_digest(stored, counted);
    Ok(mended)
}

impl Truth {
    fn read(store: &Store, catalogue: &Catalogue, all: &[Found], recount: &SharedRecount) -> Result<Self, IndexError> {
        let view = store.view();
        let recount = recount.lock();
        let own = Own::new(view.index, store.own, catalogue, &recount)?;
        let (mut records, mut days, mut held) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for found in all {
            match found {
                Found::Record { cell, .. } => {
                    let key = cell.to_bytes();
                    records.insert(cell.clone(), own.wanted(&key).saturating_sub(own.stored(&key)?));
                }
                Found::Day { day, .. } => {
                    days.insert(*day, recount.day(*day).saturating_sub(day_count(&Draft::new(view.index), *day)?));
                }
                Found::Held { child, .. } => {
                    if let Some(digests) = held_digests(view.index, &recount, *child)? {
                        held.insert(*child, digests);
                    }
                }
                _ => {}
            }
        }
        let conditions = own.conditions().clone();
        Ok(Self { records, days, conditions, feed: (view.state.head.digest, recount.feed()), held })
    }

    fn mend_own(&self, group: &mut Group<'_>, found: &Found, children: &[DivisionCode]) -> Result<bool, IndexError> {
        match found {
            Found::Record { cell, .. } => {
                let lacking = self.records.get(cell).copied().unwrap_or_default();
                if lacking == 0 {
                    return Ok(false);
                }
                if group.own.tier().has_children() {
                    let key = keys::held(Link::Unit(group.own), &cell.to_bytes());
                    let held = group.draft.get(&key)?.map(|bytes| HeldItem::from_bytes(&bytes)).transpose()?;
                    let right = held.map_or(0, |held| held.amount()).saturating_add(lacking);
                    group.draft.put(key, HeldItem { aside: false, value: ItemValue::Amount(right) }.to_bytes());
                    let total = sum(group, children, cell)?;
                    group.set(cell, total)?;
                } else {
                    group.add(cell, lacking)?;
                }
                Ok(true)
            }
            Found::Day { day, .. } => {
                let lacking = self.days.get(day).copied().unwrap_or_default();
                let right = day_count(&group.draft, *day)?.saturating_add(lacking);
                group.draft.put(keys::day(*day), right.to_be_bytes().to_vec());
                Ok(lacking != 0)
            }
            Found::Condition { measure, day, .. } => {
                let of = |deltas: &Deltas| deltas.get(&(*measure, *day)).copied().unwrap_or_default();
                let differs = of(&conditions::folded(&group.draft)?) != of(&self.conditions);
                conditions::note(&mut group.draft, &self.conditions);
                Ok(differs)
            }
            _ => Ok(false),
        }
    }

    fn mend_total(&self, group: &mut Group<'_>, found: &Found, children: &[DivisionCode]) -> Result<bool, IndexError> {
        match found {
            Found::Total { cell, .. } => {
                let right = sum(group, children, cell)?;
                let differs = group.total(cell)? != right;
                group.set(cell, right)?;
                Ok(differs)
            }
            Found::Directory { unit, child } => {
                let key = keys::held(Link::Unit(*child), &ItemKey::Unit(*unit).to_bytes());
                let held = group.draft.get(&key)?.map(|bytes| HeldItem::from_bytes(&bytes)).transpose()?;
                let Some(HeldItem { aside: false, value: ItemValue::Unit(entry) }) = held else { return Ok(false) };
                group.publish_unit(*unit, entry)?;
                Ok(true)
            }
            Found::Feed { .. } => Ok(self.feed.0 != self.feed.1),
            Found::Held { child, .. } => self.mend_held(group, *child),
            _ => Ok(false),
        }
    }

    fn mend_held(&self, group: &mut Group<'_>, code: DivisionCode) -> Result<bool, IndexError> {
        let (Some((stored, counted)), Some(mut child)) =
            (self.held.get(&code).copied(), Child::read(&group.draft, code)?)
        else {
            return Ok(false);
        };
        if stored == counted {
            return Ok(false);
        }
        child.holding.digest = child.holding.digest.mended(stored, counted);
        // An item or the digest is wrong: the child alone can say which. Where both ends agree,
        // a walk sends digests only.
        if child.walk.is_none() {
            child.want_walk();
        }
        child.write(&mut group.draft, code);
        Ok(true)
    }
}

fn mend_by_journal(group: &mut Group<'_>, found: &Found, children: &[DivisionCode]) -> Result<bool, IndexError> {
    match found {
        Found::Head { ledger, id, stored, right } => {
            put_right(group, keys::record(ledger, *id), stored.as_ref(), right.as_ref())
        }
        Found::Unique { key, stored, right } => put_right(group, key.clone(), stored.as_ref(), right.as_ref()),
        Found::Part { key, cell, stored, right } => mend_part(group, key, cell, (*stored, *right), children),
        _ => Ok(false),
    }
}

/// Gives a key its right value, unless it was written since it was looked at.
fn put_right(
    group: &mut Group<'_>,
    key: Vec<u8>,
    stored: Option<&Vec<u8>>,
    right: Option<&Vec<u8>>,
) -> Result<bool, IndexError> {
    if group.draft.get(&key)?.as_ref() != stored {
        return Ok(false);
    }
    match right {
        Some(right) => group.draft.put(key, right.clone()),
        None => group.draft.remove(key),
    }
    Ok(true)
}

/// Gives a part of totals its right amount, and the totals theirs; unless it was written since.
fn mend_part(
    group: &mut Group<'_>,
    key: &[u8],
    cell: &CellKey,
    (stored, right): (i64, i64),
    children: &[DivisionCode],
) -> Result<bool, IndexError> {
    let held = group.draft.get(key)?.map(|bytes| HeldItem::from_bytes(&bytes)).transpose()?;
    if held.map_or(0, |held| held.amount()) != stored {
        return Ok(false);
    }
    group.draft.put(key.to_vec(), HeldItem { aside: false, value: ItemValue::Amount(right) }.to_bytes());
    for total in Targets::of(group.own, cell.scope, cell).iter().flat_map(Targets::each) {
        let sum = sum(group, children, total)?;
        group.set(total, sum)?;
    }
    Ok(true)
}

/// The digest of what is held of a child, as stored and as counted; `None`: there is none, or
/// the child has changed its life since the recount began.
pub fn held_digests(
    index: &dyn Index,
    recount: &super::recount::Recount,
    code: DivisionCode,
) -> Result<Option<(Digest, Digest)>, IndexError> {
    let Some(child) = Child::read(&Draft::new(index), code)? else { return Ok(None) };
    let counted = child.incarnation.and_then(|life| recount.held(code, life));
    Ok(counted.map(|counted| (child.holding.digest, counted)))
}

/// Whether what is held of a child is being sent anew, or is to be.
pub fn is_walked(index: &dyn Index, code: DivisionCode) -> Result<bool, IndexError> {
    Ok(Child::read(&Draft::new(index), code)?.is_some_and(|child| child.walk.is_some()))
}

/// How many items are held of a child.
pub fn held_count(index: &dyn Index, code: DivisionCode) -> Result<u64, IndexError> {
    Ok(Child::read(&Draft::new(index), code)?.map_or(0, |child| child.holding.digest.count))
}

fn day_count(draft: &Draft<'_>, day: i32) -> Result<i64, IndexError> {
    Ok(draft.get(&keys::day(day))?.and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes))
}
