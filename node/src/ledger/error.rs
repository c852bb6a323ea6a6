//! Why a write or a read is refused.

use thiserror::Error;
use wuji_proto::{DivisionCode, RecordId};

use crate::catalogue::{Catalogue, Ledger, Violation};
use crate::index::IndexError;
use crate::journal::JournalError;

/// A refusal, in words for the person who wrote the entry.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// Fields are not as the catalogue wants them.
    #[error("{} field(s) need correction", .0.len())]
    Form(Vec<Violation>),
    /// There is no such ledger.
    #[error("there is no ledger {0:?}{1}")]
    UnknownLedger(String, String),
    /// A code that is none.
    #[error("unit: {0}")]
    Unit(wuji_proto::ParseError),
    /// A page token that no reply had.
    #[error("page_token: {0}")]
    PageToken(wuji_proto::ParseError),
    /// There is no such record.
    #[error("there is no record {id} in ledger {ledger}")]
    UnknownRecord {
        /// The ledger.
        ledger: String,
        /// The id.
        id: RecordId,
    },
    /// The id is taken by other values.
    #[error("record {0} exists with other values: give a new entry its own id, or amend this one")]
    Taken(RecordId),
    /// Another live record has the same unique value.
    #[error("record {0} has the same number: a value that must be unique is there already")]
    NotUnique(RecordId),
    /// The writer saw another revision.
    #[error("record {id} is at revision {current}, not {base}: read it again and repeat your change")]
    Conflict {
        /// The record.
        id: RecordId,
        /// Where it is.
        current: u32,
        /// What the writer saw.
        base: u32,
    },
    /// It counts no more.
    #[error("record {0} is voided and cannot be changed: write a new one")]
    Voided(RecordId),
    /// It counted no more where it comes from.
    #[error("record {0} was voided where the file comes from: leave its row out")]
    VoidedElsewhere(RecordId),
    /// A reason is missing or too long.
    #[error("give a reason of 1 to {max} characters", max = super::REASON_CHARACTERS_MAX)]
    Reason,
    /// The unit cannot be this one's child.
    #[error("{child} cannot be a child of {parent}: a child's tier is lower than its parent's")]
    NotAChild {
        /// The child.
        child: DivisionCode,
        /// This unit.
        parent: DivisionCode,
    },
    /// No decision is open about the child.
    #[error("{0} does not wait for a decision: it is not planned here, or comes with the journal that was accepted")]
    NotWaiting(DivisionCode),
    /// Its history cannot be kept beside what it sends.
    #[error("the history of {code} cannot be kept: {reason}; with --replace, what it has replaces what is held")]
    CannotKeep {
        /// The child.
        code: DivisionCode,
        /// Why.
        reason: &'static str,
    },
    /// It has yet to tell what it had.
    #[error(
        "{0} went back in time and has not told yet what it had then: it does so when it connects, within a minute; try again"
    )]
    NotTold(DivisionCode),
    /// It has no unsettled amounts.
    #[error("nothing of {0} is unsettled")]
    NothingUnsettled(DivisionCode),
    /// Nobody waits for it.
    #[error("nothing waits for {0}: it has shown a complete mark, or was released before")]
    NotAwaited(DivisionCode),
    /// There is no such child.
    #[error("{0} is not planned here: `wuji child list` shows who is")]
    NotPlanned(DivisionCode),
    /// A unit cannot end now.
    #[error("{code} cannot be retired: {reason}")]
    CannotRetire {
        /// The child.
        code: DivisionCode,
        /// Why, and what to do.
        reason: String,
    },
    /// A name is missing or too long.
    #[error("give a unit's name of 1 to 60 characters")]
    Name,
    /// The journal refuses.
    #[error("the entry was not written: {0}")]
    Journal(String),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] JournalError),
    /// The index points at another entry.
    #[error("the index does not point at the values of record {0}: the node rebuilds it at the next start")]
    Misplaced(RecordId),
    /// The node is stopping.
    #[error("the node is stopping: try again when it is back")]
    Stopping,
}

impl LedgerError {
    /// Names the nearest ledger.
    pub fn unknown_ledger(given: &str, catalogue: &Catalogue) -> Self {
        let known = catalogue.ledgers().iter().map(Ledger::id);
        let near = known
            .clone()
            .map(|known| (strsim::damerau_levenshtein(known, given), known))
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, known)| format!(": did you mean {known:?}?"));
        let advice = near.unwrap_or_else(|| format!(": there are {}", known.collect::<Vec<_>>().join(", ")));
        Self::UnknownLedger(given.to_owned(), advice)
    }
}
