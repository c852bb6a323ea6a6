//! The catalogue 目录 (六统一): the province's versioned standard of ledgers, measures and
//! indicators. Nothing else in the program knows what a mediation is.
//!
//! * [`Catalogue::embedded`], [`Catalogue::load`]: read its files, check everything in them
//!   and tell all problems at once.
//! * [`Ledger`], [`Field`]: forms. [`Ledger::check`] reads values as people write them and
//!   says what is wrong in words a clerk understands; [`Columns`] does so for a file's header.
//! * [`Measure`]: what is counted. [`Catalogue::contributions`] says what a record adds,
//!   [`Catalogue::conditions`] what holds for a unit as a whole.
//! * [`Indicator`]: exact ratios of sums of measures.
//! * [`Reporting`]: what makes a workroom's day a reported one, and until when it is in time.

mod builtin;
mod ceiling;
mod columns;
mod condition;
mod document;
mod form;
mod indicator;
mod ledger;
mod load;
mod measure;
mod measuring;
mod problem;
pub mod reading;
mod reporting;
mod suggest;
mod term;
mod violation;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wuji_proto::MeasureId;

pub use builtin::{KNOWN, UNKNOWN};
pub use columns::{COLUMNS_MAX, Columns, REMARK};
pub use form::{CheckedRecord, RECORD_BYTES_MAX};
pub use indicator::{Indicator, IndicatorTerm, Show};
pub use ledger::{
    CLASS_SEALED_MIN, Field, FieldKind, LIST_ROWS_MAX, Ledger, TEXT_CHARACTERS_MAX, TextForm, Title, UniqueRule, Values,
};
pub use measure::{
    ADOPTED, CELLS_PER_UNIT_MONTH_MAX, ENTRIES, EXPECTED, Measure, MeasureKind, RECEIVED, RECEIVED_MONTHS, REPORTED,
    RESERVED_NUMBERS_MAX, SPLIT_COMBINATIONS_MAX, SPLITS_MAX, Split, UNSETTLED, UNSETTLED_AMOUNTS,
};
pub use measuring::Contribution;
pub use problem::{CatalogueError, Problem};
pub use reporting::{DAYS_ALLOWED_MAX, LATE, ON_TIME, Reporting, VIA_CONNECTION, VIA_REPORT};
pub use violation::{Refusal, Violation};

use document::Source;
use measuring::Plan;

/// The shipped catalogue: file names and texts.
const EMBEDDED: [(&str, &str); 14] = [
    ("catalogue.toml", include_str!("../../config/catalogue/catalogue.toml")),
    ("conditions.toml", include_str!("../../config/catalogue/conditions.toml")),
    ("funding.toml", include_str!("../../config/catalogue/funding.toml")),
    ("governance.toml", include_str!("../../config/catalogue/governance.toml")),
    ("indicators.toml", include_str!("../../config/catalogue/indicators.toml")),
    ("legal_aid.toml", include_str!("../../config/catalogue/legal_aid.toml")),
    ("mediation.toml", include_str!("../../config/catalogue/mediation.toml")),
    ("publicity.toml", include_str!("../../config/catalogue/publicity.toml")),
    ("screening.toml", include_str!("../../config/catalogue/screening.toml")),
    ("service.toml", include_str!("../../config/catalogue/service.toml")),
    ("special.toml", include_str!("../../config/catalogue/special.toml")),
    ("staff.toml", include_str!("../../config/catalogue/staff.toml")),
    ("subsidy.toml", include_str!("../../config/catalogue/subsidy.toml")),
    ("workroom.toml", include_str!("../../config/catalogue/workroom.toml")),
];

/// A catalogue that has been checked as a whole.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    version: String,
    title: Title,
    hash: [u8; 32],
    duties: Vec<Duty>,
    reporting: Reporting,
    ledger_order: Vec<String>,
    ledgers: Vec<Ledger>,
    measures: Vec<Measure>,
    numbers: BTreeMap<MeasureId, usize>,
    indicators: Vec<Indicator>,
    plans: BTreeMap<String, Plan>,
    condition_ledgers: BTreeSet<String>,
}

/// One of a workroom's six duties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// The name on screen.
    pub title: Title,
    /// The ledgers that it keeps.
    pub ledgers: Vec<String>,
}

impl Catalogue {
    /// The catalogue that is part of the program.
    pub fn embedded() -> Result<Self, CatalogueError> {
        load::load(EMBEDDED.iter().map(|(name, text)| Source::new(name, text)).collect())
    }

    /// Reads the `*.toml` files of a directory.
    pub fn load(directory: &Path) -> Result<Self, CatalogueError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |source| CatalogueError::Read { path, source }
        };
        let mut sources = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(unreadable(directory))? {
            let path = entry.map_err(unreadable(directory))?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str())
                && path.extension().is_some_and(|extension| extension == "toml")
            {
                sources.push(Source::new(name, &std::fs::read_to_string(&path).map_err(unreadable(&path))?));
            }
        }
        load::load(sources)
    }

    /// The version, such as `2026.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The name on screen.
    pub const fn title(&self) -> &Title {
        &self.title
    }

    /// BLAKE3 of the content; comments, spaces and the order of keys do not change it.
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The duties of a workroom.
    pub fn duties(&self) -> &[Duty] {
        &self.duties
    }

    /// What makes a workroom's day a reported one.
    pub const fn reporting(&self) -> Reporting {
        self.reporting
    }

    /// The ledgers, in the order to show.
    pub fn ledgers(&self) -> &[Ledger] {
        &self.ledgers
    }

    /// The ledger of this id.
    pub fn ledger(&self, id: &str) -> Option<&Ledger> {
        self.ledgers.iter().find(|ledger| ledger.id == id)
    }

    /// All measures in all revisions, the built-in ones first.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// The measure of this id in its newest revision; `id@2` for an explicit one.
    pub fn measure(&self, id: &str) -> Option<&Measure> {
        let (id, revision) = split_revision(id)?;
        self.measures
            .iter()
            .filter(|measure| measure.id == id && revision.is_none_or(|revision| measure.key.revision == revision))
            .max_by_key(|measure| measure.key.revision)
    }

    /// The measure of this number and revision.
    pub fn measure_numbered(&self, key: MeasureId) -> Option<&Measure> {
        self.numbers.get(&key).and_then(|at| self.measures.get(*at))
    }

    /// The indicators.
    pub fn indicators(&self) -> &[Indicator] {
        &self.indicators
    }

    /// The indicator of this id.
    pub fn indicator(&self, id: &str) -> Option<&Indicator> {
        self.indicators.iter().find(|indicator| indicator.id == id)
    }

    /// The ledgers that conditions read: [`conditions`](Self::conditions) is to be asked again
    /// when a record of one of them changes.
    pub const fn condition_ledgers(&self) -> &BTreeSet<String> {
        &self.condition_ledgers
    }
}

/// `id@2` as id and revision.
fn split_revision(id: &str) -> Option<(&str, Option<u16>)> {
    match id.split_once('@') {
        None => Some((id, None)),
        Some((id, revision)) => revision.parse().ok().map(|revision| (id, Some(revision))),
    }
}

#[cfg(test)]
mod tests;
