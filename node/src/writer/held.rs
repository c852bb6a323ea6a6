//! A child that comes with another journal than the accepted one: what is known of both, and
//! what the child tells.

use wuji_proto::{CellKey, DivisionCode, Incarnation, ItemKey, period, stored};

use crate::catalogue::EXPECTED;
use crate::feed::child::{Child, Waiting};
use crate::feed::exchange::{ChildOpening, FeedStart, FormerChild};
use crate::feed::group::Group;
use crate::feed::item::{FeedItem, ItemValue};
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{IndexError, keys};
use crate::statistics::directory::Directory;

/// Children that a child is told of at most.
pub const FORMER_CHILDREN_MAX: usize = 4_096;

/// The children that a child had, as it told; those that have ended are left out.
pub fn former_children(group: &Group<'_>, code: DivisionCode) -> Result<Vec<FormerChild>, IndexError> {
    let directory = Directory::read(group.draft.index())?;
    let mut children = Vec::new();
    for child in directory.children(code).iter().take(FORMER_CHILDREN_MAX) {
        let Some(entry) = directory.get(*child).filter(|entry| !entry.retired) else { continue };
        let prefix = keys::item(&CellKey::measure_prefix(*child, EXPECTED));
        let mut expected_from = None;
        for (key, value) in group.draft.range(&prefix, keys::after(&prefix).as_deref())? {
            let Some(Ok(ItemKey::Cell(cell))) = keys::parse_item(&key).map(ItemKey::from_bytes) else { continue };
            if expected_from.is_none() && matches!(OwnItem::from_bytes(&value)?.value, ItemValue::Amount(1..)) {
                expected_from = Some(period::days(cell.period.first_day()));
            }
        }
        let Some(expected_from) = expected_from else { continue };
        children.push(FormerChild { code: *child, name: entry.name.clone(), expected_from });
    }
    Ok(children)
}

/// Why a child is held, and what to do.
pub fn held_reason(own: DivisionCode, code: DivisionCode, known: Incarnation, waiting: &Waiting) -> String {
    let other = format!("{code} comes with another journal ({}) than the one accepted ({known})", waiting.incarnation);
    let (why, choice) = match waiting.restored_at {
        Some(at) => (
            format!("it went back in time, to its entry {at}; what it had sent since will count on, unsettled"),
            "--replace",
        ),
        None if code.tier().has_children() => {
            ("was it replaced?".to_owned(), "--replace (what it has replaces what is held)")
        }
        None => (
            "was it replaced?".to_owned(),
            "--keep-history (it came back empty, and goes on) or --replace (what it has replaces what is held)",
        ),
    };
    format!(
        "{other}: {why}. Nothing is taken from it until an operator of {own} decides: wuji child adopt {code} -c {own} \
         {choice}"
    )
}

/// A part of what a child that went back in time had at the restored point. False: it is not
/// the one that waits.
pub fn tell(
    group: &mut Group<'_>,
    code: DivisionCode,
    life: (Incarnation, u64),
    items: &[FeedItem],
    (first, last): (bool, bool),
) -> Result<bool, IndexError> {
    let child = Child::read(&group.draft, code)?;
    let waits = |waiting: &Waiting| (Some(waiting.incarnation), waiting.restored_at) == (Some(life.0), Some(life.1));
    let Some((mut child, waiting)) =
        child.and_then(|child| Some((child.waiting.filter(waits)?, child))).map(|(w, c)| (c, w))
    else {
        return Ok(false);
    };
    let prefix = keys::told(code, &[]);
    if first {
        for (key, _) in group.draft.range(&prefix, keys::after(&prefix).as_deref())? {
            group.draft.remove(key);
        }
    }
    for item in items {
        group.draft.put(keys::told(code, &item.key), HeldItem { aside: false, value: item.value.clone() }.to_bytes());
    }
    child.waiting = Some(Waiting { told: last, ..waiting });
    child.write(&mut group.draft, code);
    Ok(true)
}

/// The last entry of a child's journal that the accepted life of it had too: the one before
/// its first start that this node does not know; 0 where this node has lost what it knew of the
/// starts. `None`: they have no start in common.
pub fn restored_point(group: &Group<'_>, child: &Child, opening: &ChildOpening) -> Result<Option<u64>, IndexError> {
    let mut shares = false;
    for start in &opening.starts {
        let key = keys::child_start(opening.code, start.number);
        let known: Option<stored::Start> = group.draft.message("a child's start", &key)?;
        if known.is_some_and(|known| known.epoch == start.epoch) {
            shares = true;
        } else if shares {
            return Ok(Some(start.sequence.saturating_sub(1)));
        }
    }
    let first = first_epoch(opening);
    Ok((first.is_some() && first == child.first_epoch).then_some(0))
}

/// The epoch of the first start that a child tells of.
pub fn first_epoch(opening: &ChildOpening) -> Option<u64> {
    opening.starts.first().map(|start| start.epoch)
}

/// Keeps the child's starts: a restored child is recognised by them.
pub fn store_starts(group: &mut Group<'_>, code: DivisionCode, starts: &[FeedStart]) -> Result<(), IndexError> {
    for start in starts {
        let key = keys::child_start(code, start.number);
        let value = stored::Start { number: start.number, epoch: start.epoch, sequence: start.sequence };
        let bytes = prost::Message::encode_to_vec(&value);
        if group.draft.get(&key)?.as_ref() != Some(&bytes) {
            group.draft.put(key, bytes);
        }
    }
    Ok(())
}
