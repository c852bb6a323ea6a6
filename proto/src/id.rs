use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ParseError;

/// The identity of a record: a UUID that the writer chose, so that a retry is the same
/// record. Version 7 (time-ordered) for entries, version 8 for rows of an import, whose
/// id is derived from what the row says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(Uuid);

impl RecordId {
    /// A fresh id for an entry written now.
    pub fn now() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id of an import row, from a digest of what it says.
    pub fn derived(digest: [u8; 16]) -> Self {
        Self(Uuid::new_v8(digest))
    }

    /// The 16 bytes, as stored.
    pub const fn to_bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// From 16 stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}

impl FromStr for RecordId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Uuid::parse_str(text).ok().filter(|uuid| matches!(uuid.get_version_num(), 7 | 8)).map(Self).ok_or_else(|| {
            ParseError::new("record id", text, "write a UUID of version 7, as `wuji ledger add` makes it")
        })
    }
}

/// The identity of an issued report: a UUID of version 7, so that ids order by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId(Uuid);

impl ReportId {
    /// Random bytes that an id takes.
    pub const RANDOM_BYTES: usize = 10;

    /// An id made at a time, milliseconds since 1970 (earlier ones count as 1970).
    pub fn new(at_ms: i64, random: &[u8; Self::RANDOM_BYTES]) -> Self {
        let at_ms = u64::try_from(at_ms).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(at_ms, random).into_uuid())
    }

    /// The 16 bytes, as stored.
    pub const fn to_bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// From 16 stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportId({self})")
    }
}

impl FromStr for ReportId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|_| ParseError::new("report id", text, "write a UUID, as `wuji report list` shows it"))
    }
}

/// The life of one journal 实例号: new when a store is created or restored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(Uuid);

impl Incarnation {
    /// From 16 random bytes.
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The 16 bytes, as stored.
    pub const fn to_bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// From stored or received bytes; `None` unless there are 16.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({self})")
    }
}

/// The number of a measure in the catalogue and its revision. A number is never given
/// twice, a revision never changes: so a cell's key means the same at every tier and
/// for ever, also where the catalogue does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MeasureId {
    /// The measure's number in the catalogue, from 1.
    pub number: u16,
    /// The revision of its definition, from 1.
    pub revision: u16,
}

impl fmt::Display for MeasureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.number, self.revision)
    }
}

/// The identity of a unit. A unit keeps it when its code changes; until succession of
/// codes exists, a unit is named by the code it was first registered under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub crate::DivisionCode);

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
