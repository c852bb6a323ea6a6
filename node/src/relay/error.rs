//! Why a question could not be passed on.

use thiserror::Error;
use tonic::Status;
use wuji_proto::DivisionCode;

use crate::index::IndexError;
use crate::ledger::LedgerError;
use crate::pull::Gone;
use crate::statistics::answer::QueryError;
use crate::statistics::plan::PlanError;

/// A question that has no answer, or a child's answer that is none.
#[derive(Debug, Error)]
pub enum RelayError {
    /// The question, or this node's own part of the answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// This node's own records.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The next unit on the way has not answered.
    #[error("no answer through {name} ({hop}): {reason}")]
    Unreachable {
        /// The unit.
        hop: DivisionCode,
        /// Its name.
        name: String,
        /// Why, in words.
        reason: String,
    },
    /// The next unit on the way refuses the question.
    #[error("{hop} refuses: {}", .status.message())]
    Refused {
        /// The unit.
        hop: DivisionCode,
        /// What it says.
        status: Status,
    },
    /// What a child's call ended with.
    #[error("{}", .0.message())]
    Child(Status),
    /// A child sent what does not fit the question.
    #[error("its answer does not fit the question: {0}")]
    Malformed(String),
    /// Rows of many children would have to be kept at once.
    #[error("adding up the answers takes more than {0} figures: ask for fewer fields or periods, or for one unit")]
    TooMuch(usize),
    /// Records are told apart by what the asker may not see.
    #[error("ledger {ledger} shows the date {field} up to the {ceiling} only: list without from and to")]
    Ceiling {
        /// The ledger.
        ledger: String,
        /// Its event date.
        field: String,
        /// The highest tier that may see it.
        ceiling: wuji_proto::Tier,
    },
    /// The tier that it is for.
    #[error("asker: {0}")]
    Asker(wuji_proto::ParseError),
    /// Work on the state was cut off.
    #[error("the node was interrupted: try again")]
    Interrupted,
    /// Nobody waits for the answer.
    #[error(transparent)]
    Gone(#[from] Gone),
}

impl From<PlanError> for RelayError {
    fn from(error: PlanError) -> Self {
        Self::Query(error.into())
    }
}

impl From<IndexError> for RelayError {
    fn from(error: IndexError) -> Self {
        Self::Query(error.into())
    }
}
