//! Roll-up: what links contribute to the node's own totals. Pure over a [`Group`]; it never
//! asks the catalogue, so unknown measures are summed and passed on.
//!
//! A child's own scope comes by day: each such cell adds to this unit's day, and to the
//! child's month. Deeper scopes come by month and are summed over the links that bring
//! them, so that a unit that moved is not erased by its old parent.
//!
//! That a unit is expected, and when its days were received, the first node above it states: of
//! its own scope a unit sends of these measures only the sums of those below it.

use std::collections::{BTreeMap, BTreeSet};

use wuji_proto::{AMOUNT_MAX, CellKey, Digest, DivisionCode, Grain, ItemKey, Period, Tier, v1};

use crate::catalogue::{EXPECTED, RECEIVED, RECEIVED_MONTHS, UNSETTLED, UNSETTLED_AMOUNTS};
use crate::feed::group::Group;
use crate::feed::item::{FeedItem, ItemHasher, ItemValue};
use crate::index::keys::{self, Link};
use crate::index::values::HeldItem;
use crate::index::{IndexError, Pair};
use crate::mistake::{Mistake, made};

/// The own totals that a cell on the link of `child` adds to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// This unit's own day; only cells of the child's own scope add to it.
    pub own_day: Option<CellKey>,
    /// The cell's scope by month.
    pub month: CellKey,
}

impl Targets {
    /// `None` if the cell has no business on this link: this unit's own scope, the child's
    /// by month, or a deeper unit's by day.
    pub fn of(own: DivisionCode, child: DivisionCode, cell: &CellKey) -> Option<Self> {
        let of_child = cell.scope == child;
        let wanted = if of_child { Grain::Day } else { Grain::Month };
        if cell.scope == own || cell.period.grain() != wanted {
            return None;
        }
        Some(Self {
            own_day: of_child.then(|| CellKey { scope: own, ..cell.clone() }),
            month: CellKey { period: cell.period.within(Grain::Month), ..cell.clone() },
        })
    }

    /// Both.
    pub fn each(&self) -> impl Iterator<Item = &CellKey> {
        self.own_day.iter().chain([&self.month])
    }
}

/// Adds what the node itself counts, from its own entries.
pub fn add_own(group: &mut Group<'_>, cell: &CellKey, amount: i64) -> Result<(), IndexError> {
    if group.own.tier().has_children() {
        // Kept apart from the children's, so that the total can be recomputed from its parts.
        let key = keys::held(Link::Unit(group.own), &cell.to_bytes());
        let sum = contributed(group, &key)?.saturating_add(amount);
        group.draft.put(key, HeldItem { aside: false, value: ItemValue::Amount(sum) }.to_bytes());
    }
    group.add(cell, amount)
}

/// Adds to a cell that the node's registry contributes for a planned child.
pub fn add_registry(group: &mut Group<'_>, cell: &CellKey, amount: i64) -> Result<(), IndexError> {
    let key = keys::held(Link::Registry, &cell.to_bytes());
    let sum = contributed(group, &key)?.saturating_add(amount);
    group.draft.put(key, HeldItem { aside: false, value: ItemValue::Amount(sum) }.to_bytes());
    add_to_targets(group, cell.scope, cell, amount)
}

/// Takes what a child's link contributed by a cell out of the own totals.
pub fn take_from_totals(
    group: &mut Group<'_>,
    child: DivisionCode,
    cell: &CellKey,
    amount: i64,
) -> Result<(), IndexError> {
    add_to_targets(group, child, cell, amount.saturating_neg())
}

fn add_to_targets(group: &mut Group<'_>, child: DivisionCode, cell: &CellKey, amount: i64) -> Result<(), IndexError> {
    match Targets::of(group.own, child, cell) {
        Some(targets) => targets.each().try_for_each(|target| group.add(target, amount)),
        None => Ok(()),
    }
}

/// What a link's items add up to, apart from their amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Digest of all items of the link.
    pub digest: Digest,
    /// Items set aside as malformed, ever.
    pub malformed: u64,
}

/// A child's link being changed in a group.
pub struct Intake<'g, 'a> {
    group: &'g mut Group<'a>,
    child: DivisionCode,
    hasher: &'g ItemHasher,
    holding: Holding,
}

/// A range of item keys: from the first up to and without the second, `None` being the end.
pub type KeyRange<'r> = (&'r [u8], Option<&'r [u8]>);

impl<'g, 'a> Intake<'g, 'a> {
    /// `holding` is what the link adds up to before.
    pub fn new(group: &'g mut Group<'a>, child: DivisionCode, hasher: &'g ItemHasher, holding: Holding) -> Self {
        Self { group, child, hasher, holding }
    }

    /// What the link adds up to now.
    pub fn holding(&self) -> Holding {
        self.holding
    }

    /// Takes items of the child's feed: each replaces what the link held, and the totals
    /// move by the difference in the same batch.
    pub fn take(&mut self, items: Vec<FeedItem>) -> Result<(), IndexError> {
        for item in items {
            let key = self.key(&item.key);
            let before = self.group.draft.get(&key)?;
            let former = before.as_deref().map(HeldItem::from_bytes).transpose()?.map_or(0, |held| held.amount());
            let parsed = ItemKey::from_bytes(&item.key).ok();
            let now = self.judge(parsed.as_ref(), item.value, former)?;
            self.store(&item.key, before.as_deref(), Some(&now));
            match (parsed, &now.value) {
                (Some(ItemKey::Cell(cell)), _) => {
                    add_to_targets(self.group, self.child, &cell, now.amount().saturating_sub(former))?;
                }
                (Some(ItemKey::Unit(code)), ItemValue::Unit(entry)) if !now.aside => {
                    self.group.publish_unit(code, entry.clone())?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes a range of what the link holds exactly the given items: what they do not name
    /// goes. The totals touched are recomputed as sums of their parts, never by difference:
    /// the walk is the remedy for a difference that went wrong.
    pub fn replace(&mut self, range: KeyRange<'_>, items: Vec<FeedItem>) -> Result<(), IndexError> {
        let mut former: BTreeMap<_, _> = self.held(range)?.into_iter().collect();
        let mut touched = Vec::new();
        for item in items {
            let before = former.remove(&item.key);
            let amount = before.as_deref().map(HeldItem::from_bytes).transpose()?.map_or(0, |held| held.amount());
            let parsed = ItemKey::from_bytes(&item.key).ok();
            let now = self.judge(parsed.as_ref(), item.value, amount)?;
            if before.as_deref() != Some(&now.to_bytes()) {
                self.store(&item.key, before.as_deref(), Some(&now));
                if made(Mistake::DeltaInRepair)
                    && let Some(ItemKey::Cell(cell)) = &parsed
                {
                    add_to_targets(self.group, self.child, cell, now.amount().saturating_sub(amount))?;
                    continue;
                }
                touched.extend(parsed.map(|key| (key, Some(now))));
            }
        }
        for (key, before) in former {
            self.store(&key, Some(&before), None);
            if HeldItem::from_bytes(&before)?.aside {
                continue; // it meant nothing here, and may have named another's
            }
            touched.extend(ItemKey::from_bytes(&key).ok().map(|key| (key, None)));
        }
        self.retotal(touched)
    }

    /// The digest of what the link holds in a range.
    pub fn range_digest(&self, range: KeyRange<'_>) -> Result<Digest, IndexError> {
        let (from, end) = self.bounds(range);
        let mut digest = Digest::default();
        self.group.draft.each(&from, end.as_deref(), &mut |key, value| {
            if let Some(item) = keys::parse_held(key) {
                digest = digest.with(self.hasher.hash(item, HeldItem::value_bytes(value)));
            }
        })?;
        Ok(digest)
    }

    /// Recomputes what the items of a replaced range add to, each total once: the days of a
    /// month share it.
    fn retotal(&mut self, touched: Vec<(ItemKey, Option<HeldItem>)>) -> Result<(), IndexError> {
        let mut totals = BTreeSet::new();
        for (key, now) in touched {
            match (key, now) {
                (ItemKey::Cell(cell), _) => {
                    let targets = Targets::of(self.group.own, self.child, &cell);
                    totals.extend(targets.iter().flat_map(Targets::each).cloned());
                }
                (ItemKey::Unit(_), Some(HeldItem { aside: true, .. })) => {}
                (ItemKey::Unit(code), Some(HeldItem { value: ItemValue::Unit(entry), .. })) => {
                    self.group.publish_unit(code, entry)?;
                }
                (ItemKey::Unit(code), _) => self.group.publish_unit(code, v1::UnitEntry::default())?,
            }
        }
        let children = children(self.group)?;
        totals.iter().try_for_each(|total| {
            let sum = sum_of_parts(self.group, &children, total)?;
            self.group.set(total, sum)
        })
    }

    fn key(&self, item: &[u8]) -> Vec<u8> {
        keys::held(Link::Unit(self.child), item)
    }

    /// Where a range of items lies among the index's keys.
    fn bounds(&self, (from, to): KeyRange<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
        let end = match to {
            Some(to) => Some(self.key(to)),
            None => keys::after(&keys::held_by(Link::Unit(self.child))),
        };
        (self.key(from), end)
    }

    fn held(&self, range: KeyRange<'_>) -> Result<Vec<Pair>, IndexError> {
        let (from, end) = self.bounds(range);
        let pairs = self.group.draft.range(&from, end.as_deref())?;
        Ok(pairs.into_iter().filter_map(|(key, value)| Some((keys::parse_held(&key)?.to_vec(), value))).collect())
    }

    /// What an item is here: taken, or set aside because it makes no sense on this link or
    /// would carry a total out of range.
    fn judge(&mut self, key: Option<&ItemKey>, value: ItemValue, former: i64) -> Result<HeldItem, IndexError> {
        let fits = match (key, &value) {
            (Some(ItemKey::Unit(code)), ItemValue::Unit(_)) => self.may_name(*code)?,
            (Some(ItemKey::Cell(cell)), ItemValue::Amount(amount))
                if self.may_name(cell.scope)? && may_state(self.child, cell) =>
            {
                let difference = amount.saturating_sub(former);
                match Targets::of(self.group.own, self.child, cell) {
                    Some(targets) => targets.each().try_fold(true, |fits, target| {
                        let sum = self.group.total(target)?.saturating_add(difference);
                        Ok::<_, IndexError>(fits && sum.unsigned_abs() <= AMOUNT_MAX.unsigned_abs())
                    })?,
                    None => false,
                }
            }
            _ => false,
        };
        Ok(HeldItem { aside: !fits, value })
    }

    /// A child speaks for itself and those below it, not for this unit or its siblings.
    fn may_name(&self, code: DivisionCode) -> Result<bool, IndexError> {
        let below = self.child.can_parent(code) && self.group.draft.get(&keys::child(code))?.is_none();
        Ok(code == self.child || below)
    }

    fn store(&mut self, item: &[u8], before: Option<&[u8]>, now: Option<&HeldItem>) {
        let digest = &mut self.holding.digest;
        if let Some(before) = before {
            *digest = digest.without(self.hasher.hash(item, HeldItem::value_bytes(before)));
        }
        match now {
            Some(now) => {
                *digest = digest.with(self.hasher.hash(item, &now.value.to_bytes()));
                self.holding.malformed += u64::from(now.aside);
                let key = self.key(item);
                self.group.draft.put(key, now.to_bytes());
            }
            None => self.group.draft.remove(self.key(item)),
        }
    }
}

/// Whether a cell is a child's to state: not what its parent, this unit, states of it.
fn may_state(child: DivisionCode, cell: &CellKey) -> bool {
    match cell.measure {
        _ if cell.scope != child => true,
        EXPECTED => {
            let mut below = Tier::ALL.into_iter().filter(|tier| *tier > child.tier());
            below.any(|tier| cell.part.words == [tier.name()])
        }
        // A workroom has nobody below of whom it could.
        RECEIVED | RECEIVED_MONTHS | UNSETTLED | UNSETTLED_AMOUNTS => child.tier().has_children(),
        _ => true,
    }
}

/// An own total as the sum of what the links of all `children` contribute to it, and the
/// node itself.
pub fn sum_of_parts(group: &Group<'_>, children: &[DivisionCode], total: &CellKey) -> Result<i64, IndexError> {
    if total.scope == group.own {
        let mut sum = contributed(group, &keys::held(Link::Unit(group.own), &total.to_bytes()))?;
        for child in children {
            sum = sum.saturating_add(of_direct_child(group, &CellKey { scope: *child, ..total.clone() })?);
        }
        return Ok(sum);
    }
    let mut sum = 0_i64;
    for child in children {
        if *child != total.scope {
            sum = sum.saturating_add(contributed(group, &keys::held(Link::Unit(*child), &total.to_bytes()))?);
        }
    }
    if children.contains(&total.scope) {
        let mut day = Period::day(total.period.first_day());
        while day.first_day() <= total.period.last_day() {
            sum = sum.saturating_add(of_direct_child(group, &CellKey { period: day, ..total.clone() })?);
            day = day.next();
        }
    }
    Ok(sum)
}

/// A day of a direct child: as it tells, as its former life told, and as the registry adds.
fn of_direct_child(group: &Group<'_>, day: &CellKey) -> Result<i64, IndexError> {
    let item = day.to_bytes();
    let parts =
        [keys::held(Link::Unit(day.scope), &item), keys::kept(day.scope, &item), keys::held(Link::Registry, &item)];
    parts.iter().try_fold(0_i64, |sum, part| Ok(sum.saturating_add(contributed(group, part)?)))
}

/// The planned children.
pub fn children(group: &Group<'_>) -> Result<Vec<DivisionCode>, IndexError> {
    let prefix = keys::children();
    let pairs = group.draft.range(&prefix, keys::after(&prefix).as_deref())?;
    Ok(pairs.iter().filter_map(|(key, _)| keys::parse_child(key)).collect())
}

fn contributed(group: &Group<'_>, key: &[u8]) -> Result<i64, IndexError> {
    Ok(group.draft.get(key)?.map(|bytes| HeldItem::from_bytes(&bytes)).transpose()?.map_or(0, |held| held.amount()))
}

#[cfg(test)]
mod tests;
