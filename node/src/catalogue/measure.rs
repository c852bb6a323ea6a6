//! What a measure 指标项 is: an additive integer fold over records, divided by listed splits.

use wuji_proto::MeasureId;

use super::ledger::Title;
use super::measuring::Rule;

/// The most splits of a measure.
pub const SPLITS_MAX: usize = 6;
/// The most combinations of words of one split.
pub const SPLIT_COMBINATIONS_MAX: usize = 512;
/// The most cells that one unit could make in one month, if every word occurred. A month of
/// a real workroom makes under a hundred; beyond this a catalogue is a mistake.
pub const CELLS_PER_UNIT_MONTH_MAX: usize = 2_000;
/// Numbers up to this are of the built-in measures.
pub const RESERVED_NUMBERS_MAX: u16 = 15;
/// The longest delay of a stock, in days.
pub const PLUS_DAYS_MAX: i32 = 36_500;

/// The built-in measure `entries`: live records by event date, split by ledger.
pub const ENTRIES: MeasureId = MeasureId { number: 1, revision: 1 };
/// The built-in measure `reported`: 1 for a unit and day with at least one live record or a
/// zero report.
pub const REPORTED: MeasureId = MeasureId { number: 2, revision: 1 };
/// The built-in measure `expected`: planned units, a stock, split by tier; a parent folds it
/// from its registry, so that units that never joined count as missing.
pub const EXPECTED: MeasureId = MeasureId { number: 3, revision: 1 };
/// The built-in measure `received`: 1 for a workroom and day, from when the first node above
/// states that the day is reported; split by how, and whether in time. Never taken back.
pub const RECEIVED: MeasureId = MeasureId { number: 4, revision: 1 };
/// The built-in measure `received.months`: 1 on the first day that is received of a workroom's
/// month, so that the months in which units reported add up.
pub const RECEIVED_MONTHS: MeasureId = MeasureId { number: 5, revision: 1 };
/// The built-in measure `adopted`: nodes that count by a measure's revision above the first, a
/// stock, split by `NUMBER.REVISION`.
pub const ADOPTED: MeasureId = MeasureId { number: 6, revision: 1 };
/// The built-in measure `unsettled`: units that went back in time and whose lost amounts wait
/// for an operator, a stock, split by whether the amounts are known.
pub const UNSETTLED: MeasureId = MeasureId { number: 7, revision: 1 };
/// What of each measure is unsettled, by `NUMBER.REVISION`, on the days of its cells. Not listed:
/// coverage reads it, and a sum over several measures means nothing.
pub const UNSETTLED_AMOUNTS: MeasureId = MeasureId { number: 8, revision: 1 };

/// How a measure adds up over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureKind {
    /// Summed over a period.
    Flow,
    /// A value at a date: the sum of all dated deltas up to it.
    Stock,
}

impl MeasureKind {
    /// The English word, as in catalogue files and replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Stock => "stock",
        }
    }
}

/// A measure in one revision.
#[derive(Clone, Debug)]
pub struct Measure {
    pub(super) id: String,
    pub(super) key: MeasureId,
    pub(super) kind: MeasureKind,
    pub(super) ledger: String,
    pub(super) unit: String,
    pub(super) title: Title,
    pub(super) splits: Vec<Split>,
    pub(super) definition: String,
    pub(super) hash: [u8; 32],
    pub(super) rule: Rule,
}

/// A listed set of code fields 分组 by which a measure is divided.
#[derive(Clone, Debug)]
pub struct Split {
    pub(super) fields: Vec<String>,
    pub(super) combinations: usize,
    /// Where the fields stand among the ledger's facts.
    pub(super) slots: Vec<usize>,
}

impl Split {
    /// The code fields, in the order of a part's words.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// How many combinations of words there can be, the empty word included.
    pub const fn combinations(&self) -> usize {
        self.combinations
    }
}

impl Measure {
    /// The name in requests, such as `mediation.accepted`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Number and revision, as in the keys of cells.
    pub const fn key(&self) -> MeasureId {
        self.key
    }

    /// Flow or stock.
    pub const fn kind(&self) -> MeasureKind {
        self.kind
    }

    /// The ledger that it reads, or for a condition is named after; empty for the built-ins.
    pub fn ledger(&self) -> &str {
        &self.ledger
    }

    /// What it counts: 件, 人, 分, 个, 天.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// The name on screen.
    pub const fn title(&self) -> &Title {
        &self.title
    }

    /// The splits; the first is number 1 in keys.
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// The split of this number in keys; `None` for 0, the undivided measure, and unknown numbers.
    pub fn split(&self, number: u8) -> Option<&Split> {
        usize::from(number).checked_sub(1).and_then(|at| self.splits.get(at))
    }

    /// The whole definition in one canonical line, without titles.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// BLAKE3 of the [definition](Self::definition). A revision's definition never changes:
    /// two catalogues that give one number and revision different hashes contradict each other.
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The number of the split with the fewest combinations that has all of `fields`; with no
    /// fields, of any. The total is the sum of the parts of any one split, so this is the
    /// cheapest to add up. 0 is the undivided measure, of a measure that has no splits;
    /// `None`: no split has all of these fields.
    pub fn covering_split(&self, fields: &[&str]) -> Option<u8> {
        if self.splits.is_empty() {
            return fields.is_empty().then_some(0);
        }
        let covers = |split: &Split| fields.iter().all(|field| split.fields.iter().any(|own| own == field));
        (1..=u8::MAX)
            .zip(&self.splits)
            .filter(|(_, split)| covers(split))
            .min_by_key(|(_, split)| split.combinations)
            .map(|(number, _)| number)
    }
}
