//! How the units of a scope stand: who is connected, since when not, how old what they sent
//! is, and which catalogue they have.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use wuji_proto::{DivisionCode, v1};

use super::Figures;
use super::directory::Directory;
use crate::env::SECOND_MS;
use crate::feed::child::Child;
use crate::feed::heard::Standing;
use crate::index::IndexError;
use crate::index::draft::Draft;

/// Scopes whose summaries are kept: those that people look at again and again.
const SUMMARIES_MAX: usize = 256;

/// Why a direct child's figures may be incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// absent, held or planned.
    pub state: &'static str,
    /// Milliseconds since 1970; 0: not known.
    pub since_ms: i64,
    /// In words; may be empty.
    pub reason: String,
}

/// What the links know of the units below.
pub trait Standings: Send + Sync {
    /// Why a direct child may be behind; `None`: it is connected.
    fn absence(&self, child: DivisionCode) -> Option<Absence>;
    /// What a unit's parent told of it: when it was last complete (seconds since 1970; 0:
    /// never), and how it stood.
    fn heard(&self, unit: DivisionCode) -> Option<(u32, Standing)>;
    /// Changes whenever what was heard has changed.
    fn heard_version(&self) -> u64;
}

/// The standings of a state that is looked at without its links: every child counts as
/// connected, and nothing was heard.
pub struct Unlinked;

impl Standings for Unlinked {
    fn absence(&self, _: DivisionCode) -> Option<Absence> {
        None
    }

    fn heard(&self, _: DivisionCode) -> Option<(u32, Standing)> {
        None
    }

    fn heard_version(&self) -> u64 {
        0
    }
}

/// How a scope stands: its direct children as they are now, the others as they were told of.
pub struct Stand {
    /// The node's own children.
    pub direct: Summary,
    /// Units below them.
    pub deeper: Arc<Summary>,
}

impl Stand {
    /// The oldest complete mark, milliseconds since 1970; 0: one that has connected has none.
    pub fn as_of_ms(&self) -> i64 {
        self.direct.as_of_ms.min(self.deeper.as_of_ms)
    }

    /// Those that are not connected, or may not have told all.
    pub fn absent(&self) -> impl Iterator<Item = &v1::AbsentUnit> {
        self.direct.absent.iter().chain(&self.deeper.absent)
    }

    /// Those for which an operator must decide.
    pub fn unsettled(&self) -> impl Iterator<Item = &v1::AbsentUnit> {
        self.direct.unsettled.iter().chain(&self.deeper.unsettled)
    }
}

/// What is told of some units.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Those that are not connected, or may not have told all.
    pub absent: Vec<v1::AbsentUnit>,
    /// Those for which an operator must decide.
    pub unsettled: Vec<v1::AbsentUnit>,
    /// The oldest complete mark, milliseconds since 1970; 0: one that has connected has none.
    pub as_of_ms: i64,
    /// Units by the version of their catalogue.
    pub catalogues: BTreeMap<String, u64>,
}

/// What was summed up of scopes, with the version of what was heard.
#[derive(Default)]
pub struct Summaries(Mutex<HashMap<DivisionCode, (u64, Arc<Summary>)>>);

impl Summaries {
    /// The units below the direct children, as they were told of.
    fn deeper(&self, scope: DivisionCode, standings: &dyn Standings, make: impl FnOnce() -> Summary) -> Arc<Summary> {
        let version = standings.heard_version();
        if let Some((of, summary)) = self.0.lock().get(&scope)
            && *of == version
        {
            return Arc::clone(summary);
        }
        let summary = Arc::new(make());
        let mut kept = self.0.lock();
        if kept.len() >= SUMMARIES_MAX {
            kept.clear();
        }
        kept.insert(scope, (version, Arc::clone(&summary)));
        summary
    }
}

/// How the units of `scope` stand at `now_ms`.
pub fn stand(
    figures: &Figures<'_>,
    directory: &Directory,
    scope: DivisionCode,
    now_ms: i64,
    standings: &dyn Standings,
) -> Result<Stand, IndexError> {
    let deeper = figures.memory.summaries().deeper(scope, standings, || {
        let mut summary = Summary::new();
        directory.visit(scope, &mut |unit| summary.add_deeper(unit, figures.own, directory, standings));
        summary
    });
    let mut summary = Summary::new();
    let draft = Draft::new(figures.index);
    for code in directory.children(figures.own) {
        let concerned = directory.lies_under(*code, scope) || directory.lies_under(scope, *code);
        if let Some(child) = Child::read(&draft, *code)?.filter(|child| concerned && child.retired_from.is_none()) {
            summary.add_child(*code, &child, directory, standings.absence(*code));
        }
    }
    // What is this node's own is as of now.
    summary.as_of_ms = summary.as_of_ms.min(now_ms);
    Ok(Stand { direct: summary, deeper })
}

impl Summary {
    fn new() -> Self {
        Self { absent: Vec::new(), unsettled: Vec::new(), as_of_ms: i64::MAX, catalogues: BTreeMap::new() }
    }

    fn add_deeper(&mut self, unit: DivisionCode, own: DivisionCode, directory: &Directory, standings: &dyn Standings) {
        if directory.has_ended(unit) {
            return; // it has ended
        }
        let version = directory.get(unit).map(|entry| entry.catalogue_version.clone()).unwrap_or_default();
        *self.catalogues.entry(version).or_default() += 1;
        if unit == own || directory.parent(unit) == Some(own) {
            return;
        }
        let planned = directory.get(unit).is_some_and(|entry| entry.planned);
        let (state, at_ms) = match standings.heard(unit) {
            _ if planned => (Standing::Planned.name(), 0),
            // Its parent has not told of it since this node started.
            None => ("unknown", 0),
            Some((at, standing)) => (standing.name(), i64::from(at).saturating_mul(SECOND_MS)),
        };
        if standings.heard(unit).is_some() && !planned {
            self.as_of_ms = self.as_of_ms.min(at_ms);
        }
        if state != Standing::Connected.name() {
            let absence = Absence { state, since_ms: at_ms, reason: String::new() };
            self.name(unit, directory, absence);
        }
    }

    fn add_child(&mut self, code: DivisionCode, child: &Child, directory: &Directory, absence: Option<Absence>) {
        let since_ms = child.complete_at_ms;
        let incomplete = |state| Some(Absence { state, since_ms, reason: String::new() });
        let absence = match absence {
            absence if child.incarnation.is_none() => {
                let reason = absence.map(|absence| absence.reason).unwrap_or_default();
                self.name(code, directory, Absence { state: Standing::Planned.name(), since_ms: 0, reason });
                return;
            }
            Some(absence) => Some(absence),
            None if child.walk.is_some() => incomplete("re-syncing"),
            None if child.catching_up || since_ms == 0 => incomplete("catching-up"),
            None => None,
        };
        self.as_of_ms = self.as_of_ms.min(since_ms);
        if let Some(absence) = absence {
            self.name(code, directory, absence);
        }
    }

    fn name(&mut self, code: DivisionCode, directory: &Directory, absence: Absence) {
        let unit = v1::AbsentUnit {
            code: code.to_string(),
            name: directory.name(code),
            state: absence.state.to_owned(),
            since_ms: absence.since_ms,
            reason: absence.reason,
        };
        if absence.state == Standing::Held.name() {
            self.unsettled.push(unit.clone());
        }
        self.absent.push(unit);
    }
}
