//! The subtree as the own feed's directory entries tell it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use wuji_proto::{DivisionCode, ItemKey, Tier, v1};

use crate::feed::item::ItemValue;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};

/// Units by code; units lie under the parent that their entry names, which their code need not.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    units: BTreeMap<DivisionCode, Unit>,
    children: BTreeMap<DivisionCode, Vec<DivisionCode>>,
}

#[derive(Clone, Debug)]
struct Unit {
    entry: v1::UnitEntry,
    parent: Option<DivisionCode>,
}

impl Directory {
    /// Reads every entry that is not void.
    pub fn read(index: &dyn Index) -> Result<Self, IndexError> {
        let mut directory = Self::default();
        // Directory entries come before all cells.
        let (first, end) = (keys::items(), keys::item(&wuji_proto::CellKey::first_key()));
        index.scan(&first, Some(&end), &mut |key, value| {
            let item = keys::parse_item(key).map(ItemKey::from_bytes);
            if let Some(Ok(ItemKey::Unit(code))) = item
                && let ItemValue::Unit(entry) = OwnItem::from_bytes(value)?.value
            {
                directory.set(code, entry);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(directory)
    }

    /// Takes an entry in the place of the unit's former one; a void entry removes it.
    pub fn set(&mut self, code: DivisionCode, entry: v1::UnitEntry) {
        if let Some(former) = self.units.remove(&code).and_then(|unit| unit.parent)
            && let Some(siblings) = self.children.get_mut(&former)
        {
            siblings.retain(|sibling| *sibling != code);
        }
        if entry.name.is_empty() {
            return;
        }
        // Parents are of higher tiers, so there are no circles.
        let parent = entry.parent.parse().ok().filter(|parent: &DivisionCode| parent.can_parent(code));
        if let Some(parent) = parent {
            let siblings = self.children.entry(parent).or_default();
            if let Err(place) = siblings.binary_search(&code) {
                siblings.insert(place, code);
            }
        }
        self.units.insert(code, Unit { entry, parent });
    }

    /// The entry of a unit.
    pub fn get(&self, code: DivisionCode) -> Option<&v1::UnitEntry> {
        self.units.get(&code).map(|unit| &unit.entry)
    }

    /// The name of a unit; its code if it is not known.
    pub fn name(&self, code: DivisionCode) -> String {
        self.get(code).map_or_else(|| code.to_string(), |entry| entry.name.clone())
    }

    /// Whether a unit is known to have ended.
    pub fn has_ended(&self, code: DivisionCode) -> bool {
        self.get(code).is_some_and(|entry| entry.retired)
    }

    /// All units in the order of codes.
    pub fn units(&self) -> impl Iterator<Item = (DivisionCode, &v1::UnitEntry)> {
        self.units.iter().map(|(code, unit)| (*code, &unit.entry))
    }

    /// Whether `unit` is `scope` or lies under it.
    pub fn lies_under(&self, unit: DivisionCode, scope: DivisionCode) -> bool {
        self.path(unit).any(|above| above == scope)
    }

    /// The unit, its parent, and so on upward.
    fn path(&self, unit: DivisionCode) -> impl Iterator<Item = DivisionCode> {
        std::iter::successors(Some(unit), |code| self.parent(*code)).take(Tier::ALL.len())
    }

    /// The parent that a unit's entry names.
    pub fn parent(&self, code: DivisionCode) -> Option<DivisionCode> {
        self.units.get(&code).and_then(|unit| unit.parent)
    }

    /// The direct children of a unit, in the order of codes.
    pub fn children(&self, scope: DivisionCode) -> &[DivisionCode] {
        self.children.get(&scope).map_or(&[], Vec::as_slice)
    }

    /// The direct child of `own` under which a unit lies, or which it is.
    pub fn branch(&self, own: DivisionCode, unit: DivisionCode) -> Option<DivisionCode> {
        self.path(unit).find(|above| self.parent(*above) == Some(own))
    }

    /// Visits a unit and all below it, each before its children.
    pub fn visit(&self, scope: DivisionCode, visit: &mut dyn FnMut(DivisionCode)) {
        visit(scope);
        for child in self.children(scope) {
            self.visit(*child, visit);
        }
    }
}
