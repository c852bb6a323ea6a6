//! The segment that is being written: zeroed ahead in steps, begun anew when it is full or
//! when the disk has failed in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::JournalError;
use super::segment::{HEADER_BYTES, Header, UNFINISHED, segments_directory};
use super::shared::End;
use super::writer::{JournalWriter, reserve_bytes};
use crate::env::DiskFile;
use crate::mistake::{Mistake, made};

/// Space zeroed when a segment is begun: little, so that a start is fast and a small node
/// stays small.
pub const FIRST_STEP_BYTES: u64 = 1 << 20;
/// Space zeroed at once later on. Over zeroed space a sync writes data only, which is twice
/// as fast as growing the file with each group.
pub const STEP_BYTES: u64 = 4 << 20;
/// Free space below which nothing but the node's own entries is written: the index, the logs
/// and the operator need room to work.
pub const DISK_RESERVE_BYTES: u64 = 32 << 20;
/// Zeros written at once.
const ZEROS_BYTES: u64 = 256 << 10;

/// The open segment.
pub(super) struct Active {
    pub(super) id: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    /// Where the next frame begins.
    pub(super) end: u64,
    /// Up to here the file is zeroed.
    pub(super) zeroed: u64,
}

/// A failure after which nothing of a segment past its end can be trusted.
pub(super) struct Failure {
    operation: &'static str,
    file: PathBuf,
    source: io::Error,
}

impl Active {
    /// Writes a group at the end and makes it durable.
    pub(super) fn write(&mut self, group: &[u8]) -> Result<(), Failure> {
        self.file.write_at(self.end, group).map_err(|source| self.failure("writing", source))?;
        if !made(Mistake::AcknowledgeBeforeSync) {
            self.file.sync_data().map_err(|source| self.failure("syncing", source))?;
        }
        self.end += group.len() as u64;
        self.zeroed = self.zeroed.max(self.end);
        Ok(())
    }

    fn failure(&self, operation: &'static str, source: io::Error) -> Failure {
        Failure { operation, file: self.path.clone(), source }
    }
}

/// The name of a segment that is being made.
fn aside(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(UNFINISHED);
    PathBuf::from(aside)
}

/// Whether the disk has no room, as opposed to being broken.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes zeros from `from` up to `to`.
fn write_zeros(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(ZEROS_BYTES.min(to.saturating_sub(from))).unwrap_or_default()];
    let mut at = from;
    while at < to {
        let now = (to - at).min(ZEROS_BYTES);
        file.write_at(at, zeros.get(..usize::try_from(now).unwrap_or_default()).unwrap_or_default())?;
        at += now;
    }
    Ok(())
}

impl JournalWriter {
    /// Makes sure that `bytes` fit behind the end, in zeroed space, and that the reserve
    /// stays unless the entries are the node's own.
    pub(super) fn make_room(&mut self, bytes: u64, own: bool) -> Result<(), JournalError> {
        let reserve = if own { 0 } else { reserve_bytes(self.segment_bytes) };
        if self.active.is_none() {
            self.begin_again()?;
        }
        // Also into space that is zeroed already: the index, which follows, needs room as well.
        self.check_free(0, own)?;
        let Some(active) = &self.active else { return Ok(()) };
        let needed = active.end + bytes + reserve;
        if needed > self.segment_bytes && active.end > HEADER_BYTES as u64 {
            return self.begin_segment(bytes, own);
        }
        if needed > active.zeroed { self.zero_ahead(needed, own) } else { Ok(()) }
    }

    fn zero_ahead(&mut self, needed: u64, own: bool) -> Result<(), JournalError> {
        let Some(active) = &self.active else { return Ok(()) };
        let to = (active.zeroed + STEP_BYTES).min(self.segment_bytes).max(needed);
        let (from, path, file) = (active.zeroed, active.path.clone(), Arc::clone(&active.file));
        self.check_free(to - from, own)?;
        match write_zeros(file.as_ref(), from, to) {
            Ok(()) => {}
            // Zeros that were written stay zeros: the segment is as good as before.
            Err(error) if is_full(&error) => return Err(self.full(to - from)),
            Err(source) => return Err(JournalError::Io { operation: "growing", file: path, source }),
        }
        if let Some(active) = &mut self.active {
            // Made durable with the group that follows.
            active.zeroed = to;
        }
        Ok(())
    }

    /// Begins a segment after a failure.
    fn begin_again(&mut self) -> Result<(), JournalError> {
        self.begin_segment(0, true).map_err(|now| match self.trouble.clone() {
            Some(since) => JournalError::Broken { since, now: Box::new(now) },
            None => now,
        })
    }

    /// Begins the next segment. It gets its name when its header is durable, so that a
    /// segment with a bad header is always damage, never an unfinished beginning.
    pub(super) fn begin_segment(&mut self, bytes: u64, own: bool) -> Result<(), JournalError> {
        let header = self.next_header();
        let reserve = reserve_bytes(self.segment_bytes);
        let zeroed = FIRST_STEP_BYTES.min(self.segment_bytes).max(HEADER_BYTES as u64 + bytes + reserve);
        self.check_free(zeroed, own)?;
        let path = self.shared.path(header.id);
        let aside = aside(&path);
        let failed = |error| match error {
            error if is_full(&error) => self.full(zeroed),
            error => JournalError::io("beginning segment", &path)(error),
        };
        let file = self.make_segment(&header, zeroed, &aside).map_err(failed)?;
        if let Err(error) = self.name_segment(&aside, &path) {
            let error = failed(error);
            // The name may be there or not, now or after a crash. If it is, what the former
            // segment holds from here on counts as abandoned: so nothing more goes there.
            self.active = None;
            self.trouble.get_or_insert_with(|| error.to_string());
            return Err(error);
        }
        self.shared.push(header);
        self.shared.set_end(End { anchor: self.tail, segment: header.id, offset: HEADER_BYTES as u64 });
        self.active = Some(Active { id: header.id, path, file, end: HEADER_BYTES as u64, zeroed });
        self.trouble = None;
        Ok(())
    }

    fn make_segment(&self, header: &Header, zeroed: u64, aside: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let disk = &self.shared.disk;
        disk.remove(aside)?;
        let file = disk.open(aside)?;
        write_zeros(file.as_ref(), HEADER_BYTES as u64, zeroed)?;
        file.write_at(0, &header.to_bytes())?;
        file.sync_data()?;
        Ok(file.into())
    }

    fn name_segment(&self, aside: &Path, path: &Path) -> io::Result<()> {
        self.shared.disk.rename(aside, path)?;
        self.shared.disk.sync_directory(&segments_directory(&self.shared.directory))
    }

    /// After a failed write or sync. Even if the disk works again, the segment is not used
    /// further: after a failed sync the page cache shows what the disk does not have. The new
    /// segment is begun at once, since its header is what refuses the group for good.
    pub(super) fn refuse(&mut self, failure: Failure) -> JournalError {
        let Failure { operation, file, source } = failure;
        self.trouble = Some(format!("{operation} {} failed: {source}", file.display()));
        let next = match self.begin_segment(0, true) {
            Ok(()) => "The journal goes on in a new segment: try again".to_owned(),
            Err(error) => format!("No new segment can be begun either ({error}): check the disk"),
        };
        JournalError::Refused { operation, file, source, next }
    }

    /// Refuses early what is not the node's own.
    fn check_free(&self, bytes: u64, own: bool) -> Result<(), JournalError> {
        if own {
            return Ok(());
        }
        let directory = &self.shared.directory;
        let free = self
            .shared
            .disk
            .free_bytes(directory)
            .map_err(JournalError::io("asking for the free space of", directory))?;
        let needed = bytes + DISK_RESERVE_BYTES;
        if free < needed {
            return Err(JournalError::Full { directory: directory.clone(), free_bytes: free, needed_bytes: needed });
        }
        Ok(())
    }

    fn full(&self, bytes: u64) -> JournalError {
        JournalError::Full {
            directory: self.shared.directory.clone(),
            free_bytes: self.shared.disk.free_bytes(&self.shared.directory).unwrap_or_default(),
            needed_bytes: bytes + DISK_RESERVE_BYTES,
        }
    }
}
