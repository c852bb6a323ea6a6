//! A data directory from a backup. The whole backup is verified before anything is touched; then
//! it is unpacked beside its place, a new life of the journal begins there, and only then do its
//! parts get their names, the node key last: a directory that is restored in part does not start.

use std::path::{Path, PathBuf};

use wuji_proto::{DivisionCode, Incarnation, stored};
use zeroize::Zeroizing;

use super::BackupError;
use super::read::{Nowhere, Sink, Whole, read};
use crate::archive::{ArchiveError, FileInput, io_error};
use crate::env::{Disk, DiskFile, Env};
use crate::journal::{self, DISK_RESERVE_BYTES, KEY_FILE, read_key, segment_file};
use crate::snapshot::shelf::Shelf;

/// Where a backup is unpacked, below the data directory.
const ASIDE: &str = "restoring";
/// What an empty directory may hold.
const LOCK_FILE: &str = "journal.lock";

/// What is to be restored, and where to.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The backup.
    pub file: PathBuf,
    /// The data directory: empty, or not there yet.
    pub directory: PathBuf,
    /// The node key's file, for a backup without one.
    pub key: Option<PathBuf>,
    /// The unit that it should be of.
    pub code: Option<DivisionCode>,
}

/// A data directory that was restored.
pub struct Restored {
    /// What was in the backup.
    pub backup: Whole,
    /// The new life of the journal.
    pub incarnation: Incarnation,
}

/// Verifies a backup; nothing is written.
pub fn verify(disk: &dyn Disk, file: &Path) -> Result<Whole, BackupError> {
    read(FileInput::open(disk, file)?, file, &mut Nowhere, &mut |_, _| ())
}

/// Restores a backup into an empty directory.
pub fn restore(env: &Env, options: &RestoreOptions) -> Result<Restored, BackupError> {
    let disk = env.disk.as_ref();
    let RestoreOptions { file, directory, .. } = options;
    require_empty(disk, directory)?;
    let backup = verify(disk, file)?;
    if let Some(wanted) = options.code.filter(|wanted| *wanted != backup.code) {
        let (found, wanted) = (backup.code.to_string(), wanted.to_string());
        return Err(BackupError::OtherUnit { file: file.clone(), found, wanted });
    }
    let key = node_key(disk, options, &backup)?;
    disk.create_directory(directory).map_err(io_error("making", directory))?;
    let _lock = disk.lock(&directory.join(LOCK_FILE)).map_err(io_error("locking", directory))?;
    require_empty(disk, directory)?;
    let free_bytes = disk.free_bytes(directory).map_err(io_error("asking for the free space of", directory))?;
    let needed_bytes = backup.unpacked_bytes + DISK_RESERVE_BYTES;
    if free_bytes < needed_bytes {
        return Err(BackupError::Full { directory: directory.clone(), free_bytes, needed_bytes });
    }
    let aside = directory.join(ASIDE);
    unpack(disk, options, &aside, &backup)?;
    write_whole(disk, &aside.join(KEY_FILE), key.as_ref())?;
    sync(disk, &aside)?;
    let incarnation = begin_life(env, &aside, &backup)?;
    name_parts(disk, &aside, directory)?;
    Ok(Restored { backup, incarnation })
}

fn require_empty(disk: &dyn Disk, directory: &Path) -> Result<(), BackupError> {
    let names = disk.list(directory).map_err(io_error("listing", directory))?;
    if names.iter().all(|name| name == LOCK_FILE) {
        return Ok(());
    }
    Err(BackupError::Occupied { directory: directory.to_owned() })
}

fn node_key(disk: &dyn Disk, options: &RestoreOptions, backup: &Whole) -> Result<Zeroizing<[u8; 32]>, BackupError> {
    let key = match (&options.key, &backup.key) {
        (Some(file), _) => read_key(disk, file)?,
        (None, Some(key)) => key.clone(),
        (None, None) => {
            return Err(BackupError::Key(format!(
                "{} was made without the node key: name the file of the key that was kept apart; nothing was changed",
                options.file.display()
            )));
        }
    };
    if backup.chain.fits(&key) {
        return Ok(key);
    }
    let named = options.key.as_deref().unwrap_or(&options.file).display();
    Err(BackupError::Key(format!(
        "{named} has another node key than the one that the backup's journal was written with; nothing was changed"
    )))
}

fn unpack(disk: &dyn Disk, options: &RestoreOptions, aside: &Path, backup: &Whole) -> Result<(), BackupError> {
    let file = &options.file;
    let mut unpacking = Unpacking::begin(disk, aside)?;
    let again = read(FileInput::open(disk, file)?, file, &mut unpacking, &mut |_, _| ())?;
    unpacking.finish()?;
    if again.hash != backup.hash {
        let what = "it was changed while it was restored".to_owned();
        return Err(BackupError::Misfit { file: file.clone(), what });
    }
    Ok(())
}

/// The journal's new life, which names the old one. The parent holds the unit until its operator
/// has decided: what was written behind the backup is not here.
fn begin_life(env: &Env, aside: &Path, backup: &Whole) -> Result<Incarnation, BackupError> {
    let restored = stored::Restored {
        former: backup.incarnation.to_bytes().to_vec(),
        incarnation: Vec::new(),
        sequence: backup.manifest.sequence,
        chain_hash: backup.manifest.chain_hash.clone(),
        backup_at_ms: backup.manifest.at_ms,
        backup_hash: backup.hash.to_vec(),
    };
    let mut options = journal::OpenOptions::new(backup.code, env!("CARGO_PKG_VERSION"));
    options.restored = Some(restored);
    let opened = journal::open(env, aside, &options)?;
    Ok(opened.recovery.incarnation)
}

fn name_parts(disk: &dyn Disk, aside: &Path, directory: &Path) -> Result<(), ArchiveError> {
    for part in ["snapshots", "segments", KEY_FILE] {
        disk.rename(&aside.join(part), &directory.join(part)).map_err(io_error("naming", &directory.join(part)))?;
        sync(disk, directory)?;
    }
    disk.remove(aside).map_err(io_error("removing", aside))?;
    sync(disk, directory)
}

fn sync(disk: &dyn Disk, directory: &Path) -> Result<(), ArchiveError> {
    disk.sync_directory(directory).map_err(io_error("syncing", directory))
}

fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    let file = disk.open(path).map_err(io_error("making", path))?;
    file.write_at(0, bytes).and_then(|()| file.sync_data()).map_err(io_error("writing", path))
}

/// Writes what is in a backup to its files.
struct Unpacking<'d> {
    disk: &'d dyn Disk,
    aside: PathBuf,
    snapshot: (PathBuf, Box<dyn DiskFile>, u64),
}

impl<'d> Unpacking<'d> {
    fn begin(disk: &'d dyn Disk, aside: &Path) -> Result<Self, ArchiveError> {
        let snapshot = Shelf::of(disk, aside).path(1);
        for part in ["snapshots", "segments"] {
            disk.create_directory(&aside.join(part)).map_err(io_error("making", aside))?;
        }
        let file = disk.open(&snapshot).map_err(io_error("making", &snapshot))?;
        Ok(Self { disk, aside: aside.to_owned(), snapshot: (snapshot, file, 0) })
    }

    fn finish(self) -> Result<(), ArchiveError> {
        self.snapshot.1.sync_data().map_err(io_error("syncing", &self.snapshot.0))?;
        sync(self.disk, &self.aside.join("snapshots"))?;
        sync(self.disk, &self.aside.join("segments"))
    }
}

impl Sink for Unpacking<'_> {
    fn snapshot(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        let (path, file, at) = &mut self.snapshot;
        file.write_at(*at, bytes).map_err(io_error("writing", path))?;
        *at += bytes.len() as u64;
        Ok(())
    }

    fn segment(&mut self, id: u64, bytes: &[u8]) -> Result<(), ArchiveError> {
        write_whole(self.disk, &segment_file(&self.aside, id), bytes)
    }
}
