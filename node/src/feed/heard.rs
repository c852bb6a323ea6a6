//! When the units below were last known to be complete, and how they stood: told upward
//! each minute, outside feed and digest, and kept in memory only.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use wuji_proto::DivisionCode;

/// How a unit stands with its parent, as in `HeardUnit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It had connected, and is not connected now.
    #[default]
    Absent,
    /// Its stream is open.
    Connected,
    /// An operator must decide.
    Held,
    /// It is planned and never connected.
    Planned,
    /// It has ended.
    Retired,
}

impl Standing {
    const ALL: [Self; 5] = [Self::Absent, Self::Connected, Self::Held, Self::Planned, Self::Retired];

    /// As transmitted.
    pub const fn number(self) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Connected => 1,
            Self::Held => 2,
            Self::Planned => 3,
            Self::Retired => 4,
        }
    }

    /// As transmitted; what is not known reads as absent.
    pub fn from_number(number: u32) -> Self {
        Self::ALL.into_iter().find(|standing| standing.number() == number).unwrap_or_default()
    }

    /// The word in statuses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Connected => "connected",
            Self::Held => "held",
            Self::Planned => "planned",
            Self::Retired => "retired",
        }
    }
}

/// Units that are remembered at most: more than any province has.
const UNITS_MAX: usize = 100_000;

/// What was heard of the units below the children.
#[derive(Default)]
pub struct Heard {
    units: Mutex<BTreeMap<DivisionCode, (u32, Standing)>>,
    version: AtomicU64,
}

impl Heard {
    /// Takes what a child tells: times in seconds since 1970.
    pub fn tell(&self, units: &[(DivisionCode, u32, u32)]) {
        let mut heard = self.units.lock();
        for (code, at, state) in units {
            if heard.len() < UNITS_MAX || heard.contains_key(code) {
                heard.insert(*code, (*at, Standing::from_number(*state)));
            }
        }
        self.version.fetch_add(1, Ordering::Release);
    }

    /// What is known of a unit.
    pub fn of(&self, code: DivisionCode) -> Option<(u32, Standing)> {
        self.units.lock().get(&code).copied()
    }

    /// Changes whenever something was heard.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Everything, to be told further up.
    pub fn all(&self) -> Vec<(DivisionCode, u32, u32)> {
        self.units.lock().iter().map(|(code, (at, standing))| (*code, *at, standing.number())).collect()
    }
}
