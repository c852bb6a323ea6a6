//! Who could not be asked, and what that leaves out of an answer.

use std::collections::BTreeSet;

use wuji_proto::{DivisionCode, v1};

use super::RelayError;
use crate::statistics::directory::Directory;

/// Units that one answer names as unreached at most; how many more there are is said too.
pub const UNREACHED_MAX: usize = 1_000;

/// The state of a unit that did not answer.
const STATE: &str = "unreached";

/// The units that are missing in an answer, as they are found.
#[derive(Debug, Default)]
pub(super) struct Unreached {
    units: Vec<v1::AbsentUnit>,
    more: u64,
}

impl Unreached {
    /// A child that did not answer. `rows`: those of it that are in the answer all the same.
    pub(super) fn child(&mut self, child: DivisionCode, why: &RelayError, rows: u64, directory: &Directory) {
        let below = directory.units().filter(|(code, _)| *code != child && directory.lies_under(*code, child)).count();
        let came = (rows > 0).then(|| format!("{rows} rows of it came before that and are in the answer"));
        let with_it = (below > 0).then(|| format!("with it, {below} units below it are not asked"));
        let reason = [Some(why.to_string()), came, with_it].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let (code, name) = (child.to_string(), directory.name(child));
        self.push(v1::AbsentUnit { code, name, state: STATE.to_owned(), reason, ..v1::AbsentUnit::default() });
    }

    /// Those that a child could not reach.
    pub(super) fn below(&mut self, units: Vec<v1::AbsentUnit>) {
        for unit in units {
            self.push(unit);
        }
    }

    fn push(&mut self, unit: v1::AbsentUnit) {
        if self.units.len() < UNREACHED_MAX { self.units.push(unit) } else { self.more += 1 }
    }

    /// Puts them into a coverage, with what is known of them there: by code, each once.
    pub(super) fn into_coverage(mut self, coverage: &mut v1::Coverage) {
        for unit in &mut self.units {
            if let Some(known) = coverage.absent.iter().find(|known| known.code == unit.code) {
                unit.state.clone_from(&known.state);
                unit.since_ms = known.since_ms;
            }
        }
        let mut seen = BTreeSet::new();
        self.units.retain(|unit| seen.insert(unit.code.clone()));
        self.units.sort_by(|a, b| a.code.cmp(&b.code));
        if self.more > 0 {
            let reason = format!("and {} units more", self.more);
            self.units.push(v1::AbsentUnit { state: STATE.to_owned(), reason, ..v1::AbsentUnit::default() });
        }
        coverage.unreached = self.units;
    }
}
