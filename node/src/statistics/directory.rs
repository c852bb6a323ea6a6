//! The subtree as the own feed's directory entries tell it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use wuji_proto::{DivisionCode, ItemKey, v1};

use crate::feed::item::ItemValue;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};

/// Units by code; units lie under the parent that their entry names, which their code need not.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    units: BTreeMap<DivisionCode, v1::UnitEntry>,
}

impl Directory {
    /// Reads every entry that is not void.
    pub fn read(index: &dyn Index) -> Result<Self, IndexError> {
        let mut units = BTreeMap::new();
        // Directory entries come before all cells.
        let (first, end) = (keys::items(), keys::item(&wuji_proto::CellKey::first_key()));
        index.scan(&first, Some(&end), &mut |key, value| {
            let item = keys::parse_item(key).map(ItemKey::from_bytes);
            if let Some(Ok(ItemKey::Unit(code))) = item
                && let ItemValue::Unit(entry) = OwnItem::from_bytes(value)?.value
                && !entry.name.is_empty()
            {
                units.insert(code, entry);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Self { units })
    }

    /// The entry of a unit.
    pub fn get(&self, code: DivisionCode) -> Option<&v1::UnitEntry> {
        self.units.get(&code)
    }

    /// The name of a unit; its code if it is not known.
    pub fn name(&self, code: DivisionCode) -> String {
        self.get(code).map_or_else(|| code.to_string(), |entry| entry.name.clone())
    }

    /// All units in the order of codes.
    pub fn units(&self) -> impl Iterator<Item = (DivisionCode, &v1::UnitEntry)> {
        self.units.iter().map(|(code, entry)| (*code, entry))
    }

    /// Whether `unit` is `scope` or lies under it.
    pub fn lies_under(&self, unit: DivisionCode, scope: DivisionCode) -> bool {
        // Parents are of higher tiers: at most five steps.
        let mut at = Some(unit);
        for _ in 0..=wuji_proto::Tier::ALL.len() {
            match at {
                Some(code) if code == scope => return true,
                Some(code) => at = self.parent(code),
                None => return false,
            }
        }
        false
    }

    /// The parent that a unit's entry names.
    pub fn parent(&self, code: DivisionCode) -> Option<DivisionCode> {
        self.get(code).and_then(|entry| entry.parent.parse().ok())
    }

    /// The direct children of a unit.
    pub fn children(&self, scope: DivisionCode) -> Vec<DivisionCode> {
        self.units().map(|(code, _)| code).filter(|code| self.parent(*code) == Some(scope)).collect()
    }
}
