//! Why there is no report.

use thiserror::Error;
use wuji_proto::ReportId;

use crate::index::IndexError;
use crate::journal::JournalError;
use crate::ledger::LedgerError;
use crate::statistics::answer::QueryError;

/// A refusal, in words for who asked.
#[derive(Debug, Error)]
pub enum ReportError {
    /// There is no such kind, or not of this scope, or the period cannot be read.
    #[error("{0}")]
    Question(String),
    /// One of its questions has no answer.
    #[error("the section {section:?} of the report: {source}")]
    Section {
        /// Which.
        section: String,
        /// Why.
        source: QueryError,
    },
    /// It does not fit a journal entry or a message.
    #[error(
        "the report is too large to {what}: {bytes} bytes, {max} at most; make one for each unit below {scope} (`--scope CODE`)"
    )]
    TooLarge {
        /// What it is too large for.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
        /// Its scope.
        scope: String,
    },
    /// No report of this id was issued here.
    #[error("no report {0} was issued at this node: `wuji report list` shows those that were")]
    Unknown(ReportId),
    /// What the journal holds is not what was issued.
    #[error("the report {id} cannot be read: {reason}; restore the journal from a backup of this node")]
    Damaged {
        /// Which.
        id: ReportId,
        /// What is wrong.
        reason: String,
    },
    /// It was not written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] JournalError),
}
