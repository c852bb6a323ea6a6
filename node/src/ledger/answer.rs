//! Answers of the committer: made when an entry is decided, sent when it is on disk.

use tokio::sync::oneshot;

use super::{Adoption, LedgerError, Receipt};

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// An answer that waits for the disk.
pub(super) enum Answer {
    Receipts(oneshot::Sender<Vec<Result<Receipt, LedgerError>>>, Vec<Result<Receipt, LedgerError>>),
    Receipt(Reply<Receipt>, Result<Receipt, LedgerError>),
    ZeroReported(Reply<(u32, u64)>, Result<(u32, u64), LedgerError>),
    Registered(Reply<bool>, Result<bool, LedgerError>),
    Adopted(Reply<Adoption>, Result<Adoption, LedgerError>),
    Settled(Reply<u64>, Result<u64, LedgerError>),
    Released(Reply<()>, Result<(), LedgerError>),
    Retired(Reply<(bool, u64)>, Result<(bool, u64), LedgerError>),
    Issued(Reply<i64>, Result<i64, LedgerError>),
}

impl Answer {
    /// A caller that has gone meanwhile does not matter: the entry stays.
    pub(super) fn send(self) {
        match self {
            Self::Receipts(reply, answer) => drop(reply.send(answer)),
            Self::Receipt(reply, answer) => drop(reply.send(answer)),
            Self::ZeroReported(reply, answer) => drop(reply.send(answer)),
            Self::Registered(reply, answer) => drop(reply.send(answer)),
            Self::Adopted(reply, answer) => drop(reply.send(answer)),
            Self::Settled(reply, answer) => drop(reply.send(answer)),
            Self::Released(reply, answer) => drop(reply.send(answer)),
            Self::Retired(reply, answer) => drop(reply.send(answer)),
            Self::Issued(reply, answer) => drop(reply.send(answer)),
        }
    }

    /// Nothing of the group is on disk: what would have been is refused.
    pub(super) fn fail(self, reason: &str) -> Self {
        let failed = || LedgerError::Journal(reason.to_owned());
        match self {
            Self::Receipts(reply, answers) => {
                Self::Receipts(reply, answers.into_iter().map(|answer| answer.and_then(|_| Err(failed()))).collect())
            }
            Self::Receipt(reply, answer) => Self::Receipt(reply, answer.and_then(|_| Err(failed()))),
            Self::ZeroReported(reply, answer) => Self::ZeroReported(reply, answer.and_then(|_| Err(failed()))),
            Self::Registered(reply, answer) => Self::Registered(reply, answer.and_then(|_| Err(failed()))),
            Self::Adopted(reply, answer) => Self::Adopted(reply, answer.and_then(|_| Err(failed()))),
            Self::Settled(reply, answer) => Self::Settled(reply, answer.and_then(|_| Err(failed()))),
            Self::Released(reply, answer) => Self::Released(reply, answer.and_then(|()| Err(failed()))),
            Self::Retired(reply, answer) => Self::Retired(reply, answer.and_then(|_| Err(failed()))),
            Self::Issued(reply, answer) => Self::Issued(reply, answer.and_then(|_| Err(failed()))),
        }
    }
}
