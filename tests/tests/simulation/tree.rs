//! The shape of a federation.

use wuji_proto::DivisionCode;

/// A unit's code, and its parent's place in the list.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub code: DivisionCode,
    pub parent: Option<usize>,
}

/// Parents come before their children.
pub struct Tree(pub Vec<Place>);

impl Tree {
    /// Five tiers, each unit with two below: 1, 2, 4, 8 and 16.
    pub fn full() -> Self {
        Self::of(&["37", "3711", "371122", "371122101", "371122101201"], 5)
    }

    /// Three tiers: 1, 2 and 4.
    pub fn small() -> Self {
        Self::of(&["371122", "371122101", "371122101201"], 3)
    }

    fn of(first: &[&str], tiers: usize) -> Self {
        let mut places = vec![Place { code: first[0].parse().unwrap(), parent: None }];
        let mut above = 0..1;
        for tier in 1..tiers {
            let digits = first[tier].len() - first[tier - 1].len();
            let base: u32 = first[tier][first[tier - 1].len()..].parse().unwrap();
            for parent in above.clone() {
                for child in 0..2 {
                    let code = format!("{}{:0digits$}", places[parent].code, base + child);
                    places.push(Place { code: code.parse().unwrap(), parent: Some(parent) });
                }
            }
            above = above.end..places.len();
        }
        Self(places)
    }

    pub fn leaves(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|unit| self.children(*unit).is_empty()).collect()
    }

    pub fn children(&self, unit: usize) -> Vec<usize> {
        (0..self.0.len()).filter(|other| self.0[*other].parent == Some(unit)).collect()
    }

    /// The units of each tier, the highest first.
    pub fn tiers(&self) -> Vec<Vec<usize>> {
        let mut tiers: Vec<Vec<usize>> = Vec::new();
        for unit in 0..self.0.len() {
            let above = std::iter::successors(self.0[unit].parent, |at| self.0[*at].parent).count();
            tiers.resize_with(tiers.len().max(above + 1), Vec::new);
            tiers[above].push(unit);
        }
        tiers
    }

    /// The units from `unit` down to `leaf`; none if the leaf is not below.
    pub fn between(&self, unit: usize, leaf: usize) -> Vec<usize> {
        let (mut path, mut at) = (vec![leaf], leaf);
        while at != unit {
            let Some(parent) = self.0[at].parent else { return Vec::new() };
            path.push(parent);
            at = parent;
        }
        path
    }
}
