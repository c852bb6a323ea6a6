//! Exit codes, decided here and nowhere else.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed |
//! | 2 | the command line, a file that it names, or a name in it is wrong; nothing was sent |
//! | 3 | the node refused the input, or some rows of an import |
//! | 4 | the node cannot be reached or did not answer; trying again is safe |
//! | 5 | there is no such record or unit |
//! | 6 | somebody else changed it first, or the id is taken |

use std::io;
use std::process::ExitCode;

use crate::client::ClientError;
use crate::contexts::ContextError;
use crate::import::ImportError;
use crate::names::NameError;
use crate::values::ValueError;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All was done.
    Done = 0,
    /// It failed for a reason that no other code names.
    Failed = 1,
    /// What was typed, or a file that it names, is wrong. The same code as clap's.
    Usage = 2,
    /// The node refused the input.
    Refused = 3,
    /// The node cannot be reached.
    Unavailable = 4,
    /// What was asked for is not there.
    NotFound = 5,
    /// It was changed by somebody else, or exists already.
    Conflict = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What was typed is wrong in a way that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The exit code for an error.
pub fn of(error: &anyhow::Error) -> Exit {
    // As the context of another error it is not in the chain.
    if error.is::<UsageError>() {
        return Exit::Usage;
    }
    for cause in error.chain() {
        if let Some(client) = cause.downcast_ref::<ClientError>() {
            return client.exit();
        }
        if cause.is::<ContextError>()
            || cause.is::<NameError>()
            || cause.is::<UsageError>()
            || cause.is::<wuji_proto::ParseError>()
        {
            return Exit::Usage;
        }
        if let Some(import) = cause.downcast_ref::<ImportError>() {
            return import.exit();
        }
        if let Some(value) = cause.downcast_ref::<ValueError>() {
            return value.exit();
        }
        // `wuji … | head` closes our output: nobody is left to read more.
        if cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return Exit::Done;
        }
    }
    Exit::Failed
}

/// Writes the error with its causes to stderr and returns its exit code.
pub fn tell(error: &anyhow::Error) -> Exit {
    let exit = of(error);
    if exit != Exit::Done {
        eprintln!("error: {error:#}");
    }
    exit
}
