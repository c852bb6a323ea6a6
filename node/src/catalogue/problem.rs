//! What can be wrong with a catalogue, told all at once: whoever edits it mends everything
//! in one round.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// The catalogue cannot be used.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// A file or the directory cannot be read.
    #[error("cannot read the catalogue at {path}: {source}")]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files can be read and say something impossible.
    #[error("the catalogue has {}", listed(.0))]
    Problems(Vec<Problem>),
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name inside the catalogue's directory.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub suggestion: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.what, self.suggestion)
    }
}

fn listed(problems: &[Problem]) -> String {
    let counted = match problems.len() {
        1 => "1 problem:".to_owned(),
        many => format!("{many} problems:"),
    };
    std::iter::once(counted).chain(problems.iter().map(ToString::to_string)).collect::<Vec<_>>().join("\n  ")
}

/// A place in a catalogue file.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) file: Arc<str>,
    pub(super) line: u32,
}

/// Collects problems while the catalogue is read.
#[derive(Default)]
pub(super) struct Report(RefCell<Vec<Problem>>);

impl Report {
    /// Adds a problem.
    pub(super) fn add(&self, at: &At, what: impl Into<String>, suggestion: impl Into<String>) {
        self.0.borrow_mut().push(Problem {
            file: at.file.to_string(),
            line: at.line,
            what: what.into(),
            suggestion: suggestion.into(),
        });
    }

    /// All problems in the order of files and lines; an error if there are any.
    pub(super) fn finish(self) -> Result<(), CatalogueError> {
        let mut problems = self.0.into_inner();
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(()) } else { Err(CatalogueError::Problems(problems)) }
    }
}
