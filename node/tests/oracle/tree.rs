//! Random trees: one to five tiers, counties and workrooms right under the province, units
//! that write nothing, and units that never connect.

use super::random::Random;

pub struct Place {
    pub code: String,
    pub parent: Option<usize>,
    pub tier: &'static str,
    /// The day from which its parent expects it.
    pub expected: String,
    /// It has a node; otherwise it was only planned.
    pub connects: bool,
    /// It writes entries of its own.
    pub writes: bool,
}

pub const TIERS: [&str; 5] = ["province", "city", "county", "township", "workroom"];
const DIGITS: [usize; 5] = [2, 4, 6, 9, 12];
const UNITS_MAX: usize = 15;

/// A tree whose root is of some tier; the root comes first and children after their parents.
pub fn tree(random: &mut Random, root: usize) -> Vec<Place> {
    let mut places = vec![place(random, root, &"371122101201"[..DIGITS[root]], None)];
    let mut at = 0;
    while at < places.len() {
        let tier = TIERS.iter().position(|tier| *tier == places[at].tier).unwrap();
        if places[at].connects && tier < 4 {
            let children = if at == 0 { random.between(2, 4) } else { random.between(1, 3) };
            for _ in 0..children {
                // Mostly of the next tier, and now and then of one further down.
                let below = if random.percent(85) { tier + 1 } else { tier + 1 + random.below(4 - tier) };
                if places.len() < UNITS_MAX {
                    let code = code(random, &places, below, &places[at].code);
                    places.push(Place { parent: Some(at), ..place(random, below, &code, Some(at)) });
                }
            }
        }
        at += 1;
    }
    places
}

fn place(random: &mut Random, tier: usize, code: &str, parent: Option<usize>) -> Place {
    Place {
        code: code.to_owned(),
        parent,
        tier: TIERS[tier],
        expected: format!("201{}-0{}-{:02}", random.between(4, 7), random.between(1, 9), random.between(1, 28)),
        connects: parent.is_none() || random.percent(90),
        writes: random.percent(if tier == 4 { 90 } else { 45 }),
    }
}

/// A code that nobody has; mostly one that begins with the parent's.
fn code(random: &mut Random, places: &[Place], tier: usize, parent: &str) -> String {
    let parent = if random.percent(90) { parent } else { "37" };
    loop {
        let (room, most) = (DIGITS[tier] - parent.len(), 10_i64.pow(2));
        let code = format!("{parent}{:0>room$}", random.between(1, most - 1));
        if places.iter().all(|place| place.code != code) {
            return code;
        }
    }
}
