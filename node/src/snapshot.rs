//! Snapshots of the index 快照: what it held at one journal mark, in one file, verified by
//! reading it back before it counts. An index that was lost begins with the newest one that
//! fits the journal, instead of with nothing; backups hold one; compaction reports by them.
//!
//! * [`copy`]: one consistent state, copied in steps while writes go on.
//! * [`digests`]: whether items are those that digests were made of.
//! * [`mod@file`]: the form of a snapshot. [`shelf`]: the two that are kept.
//! * [`keeper`]: makes them, daily and when asked.

pub mod copy;
pub mod digests;
pub mod file;
pub mod keeper;
pub mod shelf;

use thiserror::Error;

use crate::archive::ArchiveError;
use crate::index::IndexError;
use crate::journal::JournalError;
pub use keeper::{Made, Snapshots};

/// Why there is no snapshot, or none that can be used.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// Its file.
    #[error(transparent)]
    File(#[from] ArchiveError),
    /// The index that it was to be made of, or to be put into.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal that it speaks of.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// More was changed while it was made than is kept in memory.
    #[error(
        "more than {max} MiB were changed while the snapshot was made: it is made again later",
        max = copy::FORMER_BYTES_MAX >> 20
    )]
    Busy,
    /// There is nothing yet.
    #[error("the index holds nothing yet: make a snapshot later")]
    Empty,
    /// The disk is too full.
    #[error("{free_bytes} bytes are free and a snapshot may need {needed_bytes}: make room")]
    Full {
        /// What is free.
        free_bytes: u64,
        /// What should be.
        needed_bytes: u64,
    },
    /// The node is going down.
    #[error("the node is stopping: ask again")]
    Stopping,
}
