//! What an audit finds, and how it is told.

use std::collections::BTreeSet;

use wuji_proto::{CellKey, Digest, DivisionCode, ItemKey, MeasureId, Period, RecordId, period, v1};

use crate::catalogue::{Catalogue, REPORTED};
use crate::feed::item::ItemValue;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};
use crate::statistics::directory::Directory;

/// A difference, located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A stored total is not the sum of its parts.
    Total {
        /// Whose.
        cell: CellKey,
        /// As stored.
        stored: i64,
        /// As its parts add up.
        parts: i64,
    },
    /// What own entries contribute is not the recount of the records.
    Record {
        /// To which cell.
        cell: CellKey,
        /// As stored.
        stored: i64,
        /// As counted.
        counted: i64,
    },
    /// The count of a day's live records is wrong.
    Day {
        /// Days since 1900-01-01.
        day: i32,
        /// As stored.
        stored: i64,
        /// As counted.
        counted: i64,
    },
    /// What a condition of the unit as a whole is noted to contribute is not what it does.
    Condition {
        /// Its measure.
        measure: MeasureId,
        /// Days since 1900-01-01.
        day: i32,
        /// As noted.
        stored: i64,
        /// As evaluated.
        counted: i64,
    },
    /// A directory entry is not the one that the only child which brings it has told.
    Directory {
        /// Whose.
        unit: DivisionCode,
        /// Who told it.
        child: DivisionCode,
    },
    /// A record of the index is not what the journal makes it.
    Head {
        /// Its ledger.
        ledger: String,
        /// Its id.
        id: RecordId,
        /// As stored; `None`: it is not.
        stored: Option<Vec<u8>>,
        /// As it should be; `None`: the journal has no such record.
        right: Option<Vec<u8>>,
    },
    /// A unique value names another record than the live one that has it.
    Unique {
        /// Its key in the index.
        key: Vec<u8>,
        /// As stored; `None`: it is not.
        stored: Option<Vec<u8>>,
        /// As it should be; `None`: no live record has the value.
        right: Option<Vec<u8>>,
    },
    /// What the registry, or a child's former life, adds is not what the journal makes it.
    Part {
        /// Its key in the index.
        key: Vec<u8>,
        /// The cell.
        cell: CellKey,
        /// As stored.
        stored: i64,
        /// As folded from the journal.
        right: i64,
    },
    /// The own feed's digest is not that of its items.
    Feed {
        /// As stored.
        stored: Digest,
        /// As counted.
        counted: Digest,
    },
    /// The digest of what is held of a child is not that of the items.
    Held {
        /// Whose.
        child: DivisionCode,
        /// As stored.
        stored: Digest,
        /// As counted.
        counted: Digest,
    },
}

/// How far a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Told, and left as it is.
    Found,
    /// Put right.
    Repaired,
    /// The child sends what is held of it again.
    Resyncing,
}

impl Progress {
    /// As transmitted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Repaired => "repaired",
            Self::Resyncing => "re-syncing",
        }
    }
}

impl Found {
    /// The unit whose figures differ; of digests, of the feed's node.
    pub fn unit(&self, own: DivisionCode) -> DivisionCode {
        match self {
            Self::Total { cell, .. } | Self::Record { cell, .. } | Self::Part { cell, .. } => cell.scope,
            Self::Directory { unit, .. } => *unit,
            Self::Held { child, .. } => *child,
            Self::Day { .. } | Self::Condition { .. } | Self::Head { .. } | Self::Unique { .. } | Self::Feed { .. } => {
                own
            }
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Total { .. } => "total",
            Self::Record { .. } | Self::Day { .. } | Self::Condition { .. } => "record",
            Self::Directory { .. } => "directory",
            Self::Head { .. } | Self::Unique { .. } | Self::Part { .. } => "journal",
            Self::Feed { .. } | Self::Held { .. } => "digest",
        }
    }

    /// As it is told; the unit's name is filled in by whoever has it.
    pub fn told(&self, own: DivisionCode, catalogue: &Catalogue, progress: Progress) -> v1::AuditDifference {
        let (measure, period, words) = match self {
            Self::Total { cell, .. } | Self::Record { cell, .. } | Self::Part { cell, .. } => {
                (Some(cell.measure), Some(cell.period), cell.part.words.clone())
            }
            Self::Day { day, .. } => (Some(REPORTED), Some(Period::day(period::date(*day))), Vec::new()),
            Self::Condition { measure, day, .. } => (Some(*measure), Some(Period::day(period::date(*day))), Vec::new()),
            Self::Head { ledger, id, .. } => (None, None, vec![ledger.clone(), id.to_string()]),
            Self::Unique { key, .. } => {
                (None, None, keys::parse_unique(key).map(|(ledger, _)| ledger.to_owned()).into_iter().collect())
            }
            Self::Directory { .. } | Self::Feed { .. } | Self::Held { .. } => (None, None, Vec::new()),
        };
        let count = |digest: &Digest| i64::try_from(digest.count).unwrap_or(i64::MAX);
        let (stored, parts) = match self {
            Self::Total { stored, parts, .. } => (*stored, *parts),
            Self::Record { stored, counted, .. }
            | Self::Day { stored, counted, .. }
            | Self::Condition { stored, counted, .. } => (*stored, *counted),
            Self::Part { stored, right, .. } => (*stored, *right),
            Self::Head { stored, right, .. } | Self::Unique { stored, right, .. } => {
                (stored.is_some().into(), right.is_some().into())
            }
            Self::Directory { .. } => (0, 1),
            Self::Feed { stored, counted } | Self::Held { stored, counted, .. } => (count(stored), count(counted)),
        };
        let named = |id: MeasureId| {
            catalogue.measure_numbered(id).map_or_else(|| id.to_string(), |measure| measure.id().to_owned())
        };
        v1::AuditDifference {
            node: own.to_string(),
            kind: self.kind().to_owned(),
            unit: self.unit(own).to_string(),
            unit_name: String::new(),
            measure: measure.map(named).unwrap_or_default(),
            period: period.map(|period| period.to_string()).unwrap_or_default(),
            words,
            stored,
            parts,
            state: progress.name().to_owned(),
        }
    }
}

/// The units that an audit is about.
#[derive(Clone, Debug, Default)]
pub struct Scope(Option<BTreeSet<DivisionCode>>);

impl Scope {
    /// `scope` and those below it by the directory; `None`: all.
    pub fn read(index: &dyn Index, scope: Option<DivisionCode>) -> Result<Self, IndexError> {
        let Some(scope) = scope else { return Ok(Self(None)) };
        let directory = Directory::read(index)?;
        let under = directory.units().map(|(code, _)| code).filter(|code| directory.lies_under(*code, scope));
        Ok(Self(Some(under.chain([scope]).collect())))
    }

    /// Just these units.
    pub const fn of(units: BTreeSet<DivisionCode>) -> Self {
        Self(Some(units))
    }

    /// Whether it is about a unit.
    pub fn has(&self, unit: DivisionCode) -> bool {
        self.0.as_ref().is_none_or(|units| units.contains(&unit))
    }

    /// The units, unless it is about all.
    pub fn units(&self) -> Option<impl Iterator<Item = DivisionCode>> {
        self.0.as_ref().map(|units| units.iter().copied())
    }
}

/// What a unit is called, as the own directory has it; empty if it has no entry.
pub fn unit_name(index: &dyn Index, unit: DivisionCode) -> Result<String, IndexError> {
    let stored = index.get(&keys::item(&ItemKey::Unit(unit).to_bytes()))?;
    Ok(match stored.map(|bytes| OwnItem::from_bytes(&bytes)).transpose()?.map(|item| item.value) {
        Some(ItemValue::Unit(entry)) => entry.name,
        _ => String::new(),
    })
}
