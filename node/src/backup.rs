//! Backups 备份: one file that holds a node's journal up to a confirmed entry, a snapshot of its
//! index at or before that entry, and the node key unless it is left out.
//!
//! * [`make`]: the bytes of a backup, made while the node works.
//! * [`read`]: a backup checked to its last byte, alone or while it is unpacked.
//! * [`restore`]: a data directory from a backup: a new life of the journal.
//! * [`place`]: whether a backup lies outside the node's own disk.
//! * [`served`]: backups for callers of a running node.

pub mod make;
pub mod place;
pub mod read;
pub mod restore;
pub mod served;

use std::path::PathBuf;

use thiserror::Error;

use crate::archive::ArchiveError;
use crate::journal::JournalError;
use crate::snapshot::SnapshotError;

/// What a backup's file begins with.
pub const MAGIC: [u8; 8] = *b"WUJIBACK";

/// How long a node may be without a verified backup outside its own disk, milliseconds.
pub const OVERDUE_AFTER_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// Kinds of chunks, in the order in which they come.
mod kind {
    pub const MANIFEST: u8 = 1;
    pub const KEY: u8 = 2;
    pub const SNAPSHOT: u8 = 3;
    pub const SEGMENT: u8 = 4;
}

/// Why there is no backup, or none that can be used.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The backup's file.
    #[error(transparent)]
    File(#[from] ArchiveError),
    /// The journal: the node's own, or the one inside the backup.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshot of the index.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What the backup's parts say does not fit together.
    #[error("{} is not a whole backup: {what}. It is not used: take another copy", file.display())]
    Misfit {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// The place for a restored node is taken.
    #[error(
        "{} is not empty: a backup is restored into an empty directory only. Nothing was changed; move it away, or name another",
        directory.display()
    )]
    Occupied {
        /// The directory.
        directory: PathBuf,
    },
    /// The backup is of another unit.
    #[error("{} is a backup of unit {found}, not of {wanted}: nothing was changed", file.display())]
    OtherUnit {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// There is no node key, or another one.
    #[error("{0}")]
    Key(String),
    /// The disk has no room.
    #[error("{} has {free_bytes} bytes free and {needed_bytes} are needed: nothing was changed", directory.display())]
    Full {
        /// Where.
        directory: PathBuf,
        /// What is free.
        free_bytes: u64,
        /// What is needed.
        needed_bytes: u64,
    },
    /// Somebody else's backup is running.
    #[error("a backup is being made already: wait for it to end")]
    Busy,
    /// The node is going down.
    #[error("the node is stopping: ask again")]
    Stopping,
}
