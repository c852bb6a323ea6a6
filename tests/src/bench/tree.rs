//! Which units the province has: the published ones of 山东省, and as many of the published
//! villages as there are to be workrooms, spread evenly over the townships.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use wuji_node::division::{Directory, Division};
use wuji_proto::{DivisionCode, Tier};

use crate::federation::PROVINCE;

/// A province's units.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The province.
    pub province: DivisionCode,
    units: BTreeMap<DivisionCode, Division>,
    children: BTreeMap<DivisionCode, Vec<DivisionCode>>,
}

impl Tree {
    /// With so many workrooms. The same number always gives the same units.
    pub fn shandong(workrooms: usize) -> anyhow::Result<Self> {
        let directory = Directory::embedded()?;
        let province: DivisionCode = PROVINCE.parse()?;
        let townships = below(&directory, &[province], Tier::Township);
        let chosen = spread(&directory, &townships, workrooms);
        ensure!(!chosen.is_empty(), "a province without workrooms has nothing to count: --workrooms 1 or more");
        let mut codes: BTreeSet<DivisionCode> = chosen.iter().copied().collect();
        if workrooms >= townships.len() {
            codes.extend(townships);
        }
        let paths = codes.iter().flat_map(|code| directory.path(*code));
        let units: BTreeMap<_, _> = paths.map(|division| (division.code, division)).collect();
        let mut children = BTreeMap::<_, Vec<_>>::new();
        for unit in units.values() {
            children.extend(unit.parent.filter(|parent| !children.contains_key(parent)).map(|parent| (parent, vec![])));
            if let Some(siblings) = unit.parent.and_then(|parent| children.get_mut(&parent)) {
                siblings.push(unit.code);
            }
        }
        Ok(Self { province, units, children })
    }

    /// The units of a tier.
    pub fn of_tier(&self, tier: Tier) -> impl Iterator<Item = &Division> {
        self.units.values().filter(move |unit| unit.code.tier() == tier)
    }

    /// How many units a tier has.
    pub fn count(&self, tier: Tier) -> usize {
        self.of_tier(tier).count()
    }

    /// A unit's children, in the order of codes.
    pub fn children(&self, code: DivisionCode) -> &[DivisionCode] {
        self.children.get(&code).map_or(&[], Vec::as_slice)
    }

    /// A unit and those below it, in the order of codes.
    pub fn subtree(&self, code: DivisionCode) -> impl Iterator<Item = &Division> {
        self.units.range(code..).map(|(_, unit)| unit).take_while(move |unit| code.contains(unit.code))
    }
}

/// All units of a tier below these.
fn below(directory: &Directory, from: &[DivisionCode], tier: Tier) -> Vec<DivisionCode> {
    let mut level = from.to_vec();
    while level.first().is_some_and(|code| code.tier() < tier) {
        level = level.iter().flat_map(|code| directory.children(*code)).map(|unit| unit.code).collect();
    }
    level
}

/// Each township's first village, then each one's second, and so on; of fewer villages than
/// townships, those of townships that lie evenly among all.
fn spread(directory: &Directory, townships: &[DivisionCode], workrooms: usize) -> Vec<DivisionCode> {
    let taken = workrooms.min(townships.len());
    let evenly = (0..taken).filter_map(|at| townships.get(at * townships.len() / taken));
    let villages: Vec<Vec<Division>> = evenly.map(|code| directory.children(*code)).collect();
    let deepest = villages.iter().map(Vec::len).max().unwrap_or(0);
    let rounds = (0..deepest).flat_map(|at| villages.iter().filter_map(move |of_one| of_one.get(at)));
    rounds.take(workrooms).map(|village| village.code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_province_has_the_published_units_and_as_many_workrooms_as_asked_for() {
        let tree = Tree::shandong(12_000).unwrap();
        assert_eq!(Tier::ALL.map(|tier| tree.count(tier)), [1, 16, 151, 1_853, 12_000]);
        assert!(tree.of_tier(Tier::Township).all(|township| !tree.children(township.code).is_empty()));
        assert_eq!(tree.subtree(tree.province).count(), 1 + 16 + 151 + 1_853 + 12_000);
    }

    #[test]
    fn a_small_one_has_units_of_more_than_one_city_and_only_those_it_needs() {
        let tree = Tree::shandong(24).unwrap();
        assert_eq!(tree.count(Tier::Workroom), 24);
        assert!(tree.count(Tier::City) > 12 && tree.count(Tier::Township) == 24);
        let childless = |unit: &&Division| unit.code.tier().has_children() && tree.children(unit.code).is_empty();
        assert_eq!(tree.subtree(tree.province).filter(childless).count(), 0);
    }
}
