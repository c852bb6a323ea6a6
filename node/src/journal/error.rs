//! What can go wrong with a journal, said so that an operator knows what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused.
    #[error("{operation} {}: {source}", file.display())]
    Io {
        /// What was tried, such as "reading".
        operation: &'static str,
        /// On what.
        file: PathBuf,
        /// The disk's answer.
        source: io::Error,
    },
    /// Another process has this journal open.
    #[error(
        "{} is in use by {holder}: two nodes never share a journal; stop that one, or give this one a directory of its own",
        directory.display()
    )]
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The journal belongs to another unit.
    #[error("{} holds the journal of unit {found}, not of {wanted}: check `code` and the data directory in the configuration", directory.display())]
    OtherUnit {
        /// The data directory.
        directory: PathBuf,
        /// The unit that the journal names.
        found: String,
        /// The unit that was configured.
        wanted: String,
    },
    /// The options cannot work.
    #[error("opening the journal: {0}")]
    Options(String),
    /// The node key cannot be used.
    #[error("node key {}: {reason}", file.display())]
    Key {
        /// The key's file.
        file: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A newer program has written this journal.
    #[error("{} has format {found}, this program knows formats up to {known}: start the newer program again", file.display())]
    Format {
        /// The segment.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that is known.
        known: u32,
    },
    /// Bytes that the disk had confirmed are not as they were written.
    #[error("{} is damaged at byte {offset}: {what}. Nothing was changed. {remedy}", file.display())]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there, and which entries are concerned.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Acknowledged entries are gone from the end of the journal.
    #[error(
        "the journal has lost acknowledged {}: {} ends at byte {offset} with entry {found}, but {proof}. Nothing was changed. \
         Restore a newer copy of the data directory if there is one; to go on without them, start with --accept-loss",
        range(*found, *acknowledged),
        file.display()
    )]
    Lost {
        /// The last segment.
        file: PathBuf,
        /// Behind its last entry.
        offset: u64,
        /// The last entry that is there; 0: none.
        found: u64,
        /// The last entry that is known to have been acknowledged.
        acknowledged: u64,
        /// How that is known.
        proof: String,
    },
    /// The disk is full, or so nearly that only the node's own entries are still written.
    #[error(
        "the disk below {} is full ({free_bytes} bytes free, {needed_bytes} needed): \
         reading goes on; make room, and writing goes on by itself", directory.display()
    )]
    Full {
        /// The data directory.
        directory: PathBuf,
        /// What is free.
        free_bytes: u64,
        /// What must be free before more is written.
        needed_bytes: u64,
    },
    /// The disk failed while this group was written: none of it is in the journal.
    #[error("the entries were not written: {operation} {} failed: {source}. {next}", file.display())]
    Refused {
        /// What failed.
        operation: &'static str,
        /// On what.
        file: PathBuf,
        /// The disk's answer.
        source: io::Error,
        /// How it goes on.
        next: String,
    },
    /// An earlier failure has not been overcome.
    #[error("the journal takes no entries since {since}; beginning a new segment fails too: {now}. Check the disk")]
    Broken {
        /// The failure that ended the last segment.
        since: String,
        /// The failure of beginning a new one.
        now: Box<JournalError>,
    },
    /// An entry is too large for a frame.
    #[error("an entry of {bytes} bytes is too large, at most {max} are possible: shorten its texts or lists")]
    EntryTooLarge {
        /// Its size as a frame.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A group is too large to be written at once; the committer gathers less.
    #[error("a group of {bytes} bytes is too large, at most {max} can be written at once")]
    GroupTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// No durable entry is at this place.
    #[error(
        "no entry of the journal is at segment {segment}, byte {offset}: the index is of another journal; rebuild it"
    )]
    NotThere {
        /// The segment.
        segment: u64,
        /// The offset.
        offset: u32,
    },
}

/// Remedy for damage that a copy of the file can undo.
pub(super) const RESTORE: &str = "Restore this file from a backup of the same journal, or check the disk and try again";

/// Remedy for damage in the last segment.
pub(super) const RESTORE_OR_ACCEPT: &str = "Restore this file from a backup of the same journal, or check the disk \
     and try again; to give up all of these entries, start with --accept-loss";

impl JournalError {
    pub(super) fn io(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, file: file.to_owned(), source }
    }

    pub(super) fn damaged(file: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), offset, what: what.into(), remedy: RESTORE }
    }

    /// Whether trying again later can succeed without anybody touching the node's files.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Refused { .. } | Self::Broken { .. })
    }
}

/// "entries 8..12", "entry 8", or the last entries where their number is not known.
fn range(found: u64, acknowledged: u64) -> String {
    match acknowledged.saturating_sub(found) {
        0 => "entries (how many is not known)".to_owned(),
        1 => format!("entry {acknowledged}"),
        _ => format!("entries {}..{acknowledged}", found + 1),
    }
}
