//! Everything that a node stores, compared with what it is made of: the journal's hashes, the
//! index's records with the journal's entries, figures and digests with a recount (which is the
//! audit's work), what is held of each child with what it has, and the own feed with the parent's copy. Nothing is changed.
//!
//! * [`online`]: a running node. [`offline`]: the directory of one that is stopped.

pub mod offline;
pub mod online;

use thiserror::Error;
use wuji_proto::v1::{self, VerifyCheck};

use crate::audit::AuditError;
use crate::config::ConfigError;
use crate::index::IndexError;
use crate::journal::JournalError;

/// Differences that are told in words; all are counted.
pub const DIFFERENCES_MAX: usize = 1_000;

/// Why a comparison could not be made.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The audit of the figures ended early.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal could not be read at all.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The configuration of a stopped node.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its catalogue.
    #[error("{0}")]
    Catalogue(String),
    /// Whoever asked has gone, or the node is going down.
    #[error("the node is stopping, or nobody waits for the answer")]
    Gone,
}

/// A comparison under way.
#[derive(Debug, Default)]
pub struct Check(VerifyCheck);

impl Check {
    /// Of what; `of` says what is counted.
    pub fn new(name: &str, of: &str) -> Self {
        Self(VerifyCheck { name: name.to_owned(), of: of.to_owned(), ..VerifyCheck::default() })
    }

    /// So many were compared.
    pub fn compared(&mut self, count: u64) {
        self.0.compared += count;
    }

    /// What was compared beside these.
    pub fn detail(&mut self, detail: String) {
        self.0.detail = detail;
    }

    /// A difference, with its place.
    pub fn differs(&mut self, what: impl Into<String>) {
        self.0.count += 1;
        if self.0.differences.len() < DIFFERENCES_MAX {
            self.0.differences.push(what.into());
        }
    }

    /// Why something was not compared.
    pub fn not_compared(&mut self, why: impl Into<String>) {
        self.0.not_compared = why.into();
    }

    /// What it came to.
    pub fn end(self) -> VerifyCheck {
        self.0
    }
}

/// A difference of the audit, in words.
pub fn figure(found: &v1::AuditDifference) -> String {
    let words = if found.words.is_empty() { String::new() } else { format!(" [{}]", found.words.join("/")) };
    let v1::AuditDifference { kind, unit, measure, period, stored, parts, .. } = found;
    match kind.as_str() {
        "journal" if measure.is_empty() => {
            format!(
                "{}: the index has another than the journal makes, or only one of them has it",
                found.words.join(" ")
            )
        }
        "journal" => format!("{unit} {measure}{words} {period}: {stored} stored, the journal makes {parts}"),
        "digest" => format!("digest of {unit}: {stored} items stored, {parts} counted, or others than these"),
        "directory" => format!("directory entry of {unit}: not the one that its unit told"),
        "record" => format!("{unit} {measure}{words} {period}: {stored} stored, {parts} counted from the records"),
        _ => format!("{unit} {measure}{words} {period}: {stored} stored, its parts add up to {parts}"),
    }
}
