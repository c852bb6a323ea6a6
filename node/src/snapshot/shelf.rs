//! The snapshots of a data directory: `snapshots/00000001.snapshot` and on, the newest two.

use std::path::{Path, PathBuf};

use wuji_proto::stored::SnapshotHead;
use wuji_proto::{DivisionCode, Incarnation};

use super::SnapshotError;
use super::file::{self, Input, Whole};
use crate::archive::{ArchiveError, FileInput, io_error};
use crate::env::Disk;
use crate::index::Index;
use crate::journal::{IndexMark, JournalReader};

/// Snapshots that are kept: if the newest is damaged, there is the one before it.
const KEPT: usize = 2;
/// The ending of one that is being made.
const UNFINISHED: &str = ".new";
const ENDING: &str = ".snapshot";

/// The snapshots of a data directory.
pub struct Shelf<'d> {
    disk: &'d dyn Disk,
    directory: PathBuf,
}

impl<'d> Shelf<'d> {
    /// Below a data directory.
    pub fn of(disk: &'d dyn Disk, data: &Path) -> Self {
        Self { disk, directory: data.join("snapshots") }
    }

    /// The numbers that are there, newest first.
    pub fn numbers(&self) -> Result<Vec<u64>, ArchiveError> {
        let names = self.disk.list(&self.directory).map_err(io_error("listing", &self.directory))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(ENDING)?.parse().ok()).collect();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        Ok(numbers)
    }

    /// The file of a number.
    pub fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:08}{ENDING}"))
    }

    /// A place for one that is to be made; what an earlier attempt left there is removed.
    pub fn begin(&self) -> Result<(u64, PathBuf), ArchiveError> {
        let failed = |source| ArchiveError::Io { operation: "making", file: self.directory.clone(), source };
        self.disk.create_directory(&self.directory).map_err(failed)?;
        let number = self.numbers()?.first().map_or(1, |newest| newest + 1);
        let mut aside = self.path(number).into_os_string();
        aside.push(UNFINISHED);
        let aside = PathBuf::from(aside);
        self.disk.remove(&aside).map_err(failed)?;
        Ok((number, aside))
    }

    /// Names one that is whole, and removes those that are no longer needed.
    pub fn keep(&self, number: u64, aside: &Path) -> Result<(), ArchiveError> {
        let failed = |source| ArchiveError::Io { operation: "naming", file: self.path(number), source };
        self.disk.rename(aside, &self.path(number)).map_err(failed)?;
        self.disk.sync_directory(&self.directory).map_err(failed)?;
        for old in self.numbers()?.into_iter().skip(KEPT) {
            self.disk.remove(&self.path(old)).map_err(failed)?;
        }
        Ok(())
    }

    /// Opens one and reads its head.
    pub fn open(&self, number: u64) -> Result<Input<FileInput>, ArchiveError> {
        let path = self.path(number);
        Input::begin(FileInput::open(self.disk, &path)?, &path)
    }

    /// Reads one to its end.
    pub fn verify(&self, number: u64) -> Result<Whole, SnapshotError> {
        self.open(number)?.read(|_| Ok(()))
    }

    /// How far the newest snapshot of a unit had the journal: proof that so much was there.
    pub fn mark(&self, code: DivisionCode) -> Option<IndexMark> {
        let heads = self.numbers().ok()?.into_iter().filter_map(|number| Some(self.open(number).ok()?.head));
        heads.filter(|head| file::is_of(head, code)).find_map(|head| {
            let index = head.index?;
            Some(IndexMark { sequence: index.applied, incarnation: Incarnation::from_slice(&index.incarnation)? })
        })
    }

    /// The newest snapshot that is whole and of this very journal.
    pub fn newest_of(&self, code: DivisionCode, journal: &JournalReader) -> Option<(u64, SnapshotHead)> {
        let fits = |number: &u64| {
            let input = self.open(*number)?;
            if !file::is_of(&input.head, code) || !journal.holds(input.anchor())? {
                return Ok(None);
            }
            input.read(|_| Ok(())).map(|whole| Some(whole.head))
        };
        let look = |number: u64| match fits(&number) {
            Ok(Some(head)) => Some((number, head)),
            Ok(None) => {
                tracing::info!(file = %self.path(number).display(), "a snapshot is not of this journal");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "a snapshot cannot be used");
                None
            }
        };
        self.numbers().unwrap_or_default().into_iter().find_map(look)
    }

    /// Puts the newest fitting snapshot into an empty index. `None`: there is none.
    pub fn load(
        &self,
        code: DivisionCode,
        incarnation: Incarnation,
        journal: &JournalReader,
        index: &dyn Index,
        reason: &str,
    ) -> Option<Result<wuji_proto::stored::IndexHead, SnapshotError>> {
        let (number, head) = self.newest_of(code, journal)?;
        let applied = head.index.map_or(0, |index| index.applied);
        let reason = format!("{reason}; it began with the snapshot of entry {applied}");
        let load = || file::load(self.open(number)?, index, incarnation, &reason);
        Some(load())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::double::DoubleDisk;

    fn name(shelf: &Shelf<'_>, content: &[u8]) -> u64 {
        let (number, aside) = shelf.begin().unwrap();
        shelf.disk.open(&aside).unwrap().write_at(0, content).unwrap();
        shelf.keep(number, &aside).unwrap();
        number
    }

    #[test]
    fn the_newest_two_are_kept_and_what_is_unfinished_does_not_count() {
        let disk = DoubleDisk::default();
        let shelf = Shelf::of(&disk, Path::new("data"));
        assert_eq!((name(&shelf, b"a"), name(&shelf, b"b"), name(&shelf, b"c")), (1, 2, 3));
        let (_, aside) = shelf.begin().unwrap();
        disk.set_content(&aside, b"half".to_vec());
        assert_eq!(shelf.numbers().unwrap(), [3, 2]);
        assert!(shelf.verify(3).is_err() && shelf.mark("371122".parse().unwrap()).is_none());
    }
}
