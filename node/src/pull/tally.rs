use std::time::Duration;

use tonic::{Code, Status};
use wuji_proto::{DivisionCode, v1};

use crate::statistics::directory::Directory;

/// Units that are named in one confirmation; the others are counted.
/// With the longest names and reasons they fit into one part of an answer.
pub const UNITS_NAMED_MAX: usize = 500;

/// The longest reason that is passed on, in characters.
const REASON_CHARACTERS_MAX: usize = 150;

/// The words for how an unconfirmed unit stands; see `AbsentUnit`.
const STATES: [&str; 8] = ["planned", "absent", "held", "catching-up", "re-syncing", "unknown", "late", "not-reported"];

/// Why a unit is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// As in `AbsentUnit`.
    pub state: &'static str,
    /// Since when, milliseconds since 1970; 0: not known.
    pub since_ms: i64,
    /// In words.
    pub words: String,
}

impl Reason {
    /// Since no known time.
    pub fn new(state: &'static str, words: &str) -> Self {
        Self { state, since_ms: 0, words: words.chars().take(REASON_CHARACTERS_MAX).collect() }
    }

    /// Why a call failed.
    pub fn of(status: &Status) -> Self {
        match status.code() {
            Code::DeadlineExceeded => Self::new("late", "it did not answer in time"),
            Code::Unavailable => Self::new("absent", "its line ended before it answered"),
            Code::Unimplemented => Self::new("unknown", "its program is too old to be asked: update it"),
            _ => Self::new("unknown", &format!("it answered: {}", status.message())),
        }
    }

    /// What a child told of itself. It is not trusted with more than words.
    pub fn told(child: DivisionCode, units: &v1::Confirmation) -> Self {
        let code = child.to_string();
        match units.unconfirmed.iter().find(|unit| unit.code == code) {
            Some(unit) => Self::new(state(&unit.state), &unit.reason),
            None => Self::new("late", "it gave no reason for not showing its newest figures"),
        }
    }
}

/// What is known to be one of the words, or unknown.
fn state(told: &str) -> &'static str {
    STATES.into_iter().find(|state| *state == told).unwrap_or("unknown")
}

/// Units that confirmed and those that did not. Every unit of the scope that this node knows
/// is one or the other.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    confirmed: u64,
    unconfirmed: Vec<v1::AbsentUnit>,
    unconfirmed_count: u64,
}

impl Tally {
    /// Nothing is known but that a unit did not confirm.
    pub fn of_one(unit: DivisionCode, reason: Reason) -> Self {
        let mut tally = Self::default();
        tally.unit(&Directory::default(), unit, Some(reason));
        tally
    }

    /// The question could not be put.
    pub fn of_none(scope: DivisionCode, why: &str) -> Self {
        Self::of_one(scope, Reason::new("unknown", why))
    }

    /// Adds one unit; unconfirmed if there is a reason.
    pub fn unit(&mut self, directory: &Directory, code: DivisionCode, reason: Option<Reason>) {
        let Some(reason) = reason else {
            self.confirmed += 1;
            return;
        };
        self.unconfirmed_count += 1;
        if self.unconfirmed.len() < UNITS_NAMED_MAX {
            self.unconfirmed.push(v1::AbsentUnit {
                code: code.to_string(),
                name: directory.name(code),
                state: reason.state.to_owned(),
                since_ms: reason.since_ms,
                reason: reason.words,
            });
        }
    }

    /// A child is not confirmed, and so nobody below it is.
    pub fn lost(&mut self, directory: &Directory, child: DivisionCode, scope: DivisionCode, reason: &Reason) {
        for (code, entry) in concerned(directory, child, scope) {
            let why = if code == child {
                reason.clone()
            } else if entry.planned {
                Reason::new("planned", "it has never connected")
            } else {
                Reason::new("unknown", &format!("it lies below {}: {}", directory.name(child), reason.words))
            };
            self.unit(directory, code, Some(why));
        }
    }

    /// A child's figures are here, with what it says of those below it. It is believed as far
    /// as it speaks of units that it has: at most these are confirmed, and only these named.
    pub fn confirmed_by(
        &mut self,
        directory: &Directory,
        child: DivisionCode,
        scope: DivisionCode,
        units: &v1::Confirmation,
    ) {
        let known = concerned(directory, child, scope).count() as u64;
        let confirmed = units.confirmed.min(known);
        self.confirmed += confirmed;
        let mut named = 0;
        for unit in units.unconfirmed.iter().take(UNITS_NAMED_MAX) {
            let Ok(code) = unit.code.parse() else { continue };
            if named < known - confirmed && directory.lies_under(code, child) && directory.lies_under(code, scope) {
                named += 1;
                let reason = Reason { since_ms: unit.since_ms, ..Reason::new(state(&unit.state), &unit.reason) };
                self.unit(directory, code, Some(reason));
            }
        }
        self.unconfirmed_count += known - confirmed - named;
    }

    /// As it is told.
    pub fn confirmation(self, took: Duration) -> v1::Confirmation {
        let mut unconfirmed = self.unconfirmed;
        unconfirmed.sort_by(|a, b| a.code.cmp(&b.code));
        v1::Confirmation {
            confirmed: self.confirmed,
            unconfirmed,
            unconfirmed_count: self.unconfirmed_count,
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        }
    }
}

/// The units below a child, and itself, that lie in the scope.
fn concerned(
    directory: &Directory,
    child: DivisionCode,
    scope: DivisionCode,
) -> impl Iterator<Item = (DivisionCode, &v1::UnitEntry)> {
    let inside = move |code| directory.lies_under(code, child) && directory.lies_under(code, scope);
    directory.units().filter(move |(code, entry)| !entry.retired && inside(*code))
}
