//! A machine for tests: a disk that forgets what was not synced, fails, and is full; a clock
//! that is set; seeded random numbers. Compiled for tests and simulations only.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a double fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Clock, Disk, DiskFile, DiskLock, Entropy, Env, Workers};
use crate::index::double::DoubleIndexes;

/// Bytes that a disk writes whole or not at all.
pub const BLOCK_BYTES: usize = 512;

/// A file: what programs read, and what a power cut leaves.
#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync, in order.
    unsynced: Vec<(usize, Vec<u8>)>,
}

type Inode = Arc<Mutex<Content>>;

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, Inode>,
    /// The names that a power cut leaves.
    durable_names: BTreeMap<PathBuf, Inode>,
    locked: BTreeSet<PathBuf>,
    faults: Faults,
    reads_bytes: u64,
    syncs: u64,
}

/// What the disk does wrong.
#[derive(Clone, Default)]
pub struct Faults {
    /// The next syncs of files fail, and lose what they were to write.
    pub failing_syncs: u32,
    /// The next syncs of directories fail.
    pub failing_directory_syncs: u32,
    /// The next writes fail.
    pub failing_writes: u32,
    /// Bytes by which files can still grow; `None`: without end.
    pub free_bytes: Option<u64>,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct DoubleDisk(Arc<Mutex<State>>);

/// What a power cut leaves of the bytes that were not synced.
pub enum Survive<'a> {
    /// None of them.
    Nothing,
    /// The first so many bytes, in the order in which they were written.
    First(usize),
    /// The blocks chosen: (file, number of the block).
    Blocks(&'a mut dyn FnMut(&Path, usize) -> bool),
}

impl DoubleDisk {
    /// Changes what the disk does wrong.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.0.lock().faults);
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Bytes read so far.
    pub fn read_bytes(&self) -> u64 {
        self.0.lock().reads_bytes
    }

    /// The disk after a power cut; this one goes on.
    #[must_use]
    pub fn cut_power(&self, mut survive: Survive<'_>) -> Self {
        let state = self.0.lock();
        let mut names = BTreeMap::new();
        for (path, inode) in &state.durable_names {
            let left = inode.lock().left(path, &mut survive);
            names.insert(path.clone(), new_inode(left));
        }
        Self(Arc::new(Mutex::new(State { durable_names: names.clone(), names, ..State::default() })))
    }

    /// The disk as programs see it now, as after killing a program: nothing is lost, but
    /// what is not synced is still not. Locks are free.
    #[must_use]
    pub fn kill(&self) -> Self {
        let state = self.0.lock();
        let mut copies: Vec<(Inode, Inode)> = Vec::new();
        let mut copy = |inode: &Inode| {
            if let Some((_, copy)) = copies.iter().find(|(of, _)| Arc::ptr_eq(of, inode)) {
                return Arc::clone(copy);
            }
            let fresh = Arc::new(Mutex::new(inode.lock().clone()));
            copies.push((Arc::clone(inode), Arc::clone(&fresh)));
            fresh
        };
        let names = state.names.iter().map(|(path, inode)| (path.clone(), copy(inode))).collect();
        let durable_names = state.durable_names.iter().map(|(path, inode)| (path.clone(), copy(inode))).collect();
        Self(Arc::new(Mutex::new(State { names, durable_names, ..State::default() })))
    }

    /// Bytes written to a file since its last sync.
    pub fn unsynced_bytes(&self, path: &Path) -> usize {
        let state = self.0.lock();
        state.names[path].lock().unsynced.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// A file's bytes, as programs read them.
    pub fn content(&self, path: &Path) -> Vec<u8> {
        self.0.lock().names[path].lock().now.clone()
    }

    /// Replaces a file's bytes behind everybody's back.
    pub fn set_content(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.0.lock();
        let inode = new_inode(bytes);
        state.names.insert(path.to_owned(), Arc::clone(&inode));
        state.durable_names.insert(path.to_owned(), inode);
    }

    /// Flips bits of a byte.
    pub fn flip(&self, path: &Path, at: usize, mask: u8) {
        let mut bytes = self.content(path);
        bytes[at] ^= mask;
        self.set_content(path, bytes);
    }
}

fn new_inode(bytes: Vec<u8>) -> Inode {
    Arc::new(Mutex::new(Content { durable: bytes.clone(), now: bytes, unsynced: Vec::new() }))
}

impl Content {
    fn left(&self, path: &Path, survive: &mut Survive<'_>) -> Vec<u8> {
        let mut left = self.durable.clone();
        match survive {
            Survive::Nothing => {}
            Survive::First(bytes) => {
                for (at, written) in &self.unsynced {
                    let part = &written[..written.len().min(*bytes)];
                    *bytes -= part.len();
                    lay(&mut left, *at, part);
                }
            }
            Survive::Blocks(keep) => {
                let mut blocks: BTreeSet<usize> = BTreeSet::new();
                for (at, written) in self.unsynced.iter().filter(|(_, written)| !written.is_empty()) {
                    blocks.extend(at / BLOCK_BYTES..=(at + written.len() - 1) / BLOCK_BYTES);
                }
                for block in blocks.into_iter().filter(|block| keep(path, *block)) {
                    let from = block * BLOCK_BYTES;
                    let to = (from + BLOCK_BYTES).min(self.now.len());
                    lay(&mut left, from, &self.now[from..to]);
                }
            }
        }
        left
    }
}

fn lay(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if to.len() < at + bytes.len() {
        to.resize(at + bytes.len(), 0);
    }
    to[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Whether a fault that is to happen so many times more happens now.
fn happens(times: &mut u32) -> bool {
    let now = *times > 0;
    *times -= u32::from(now);
    now
}

impl Disk for DoubleDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = Arc::clone(self.0.lock().names.entry(path.to_owned()).or_default());
        Ok(Box::new(DoubleFile { disk: self.clone(), inode }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock();
        let names = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(names.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect())
    }

    fn create_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let names = &mut self.0.lock().names;
        let moved: Vec<PathBuf> = names.keys().filter(|name| name.starts_with(from)).cloned().collect();
        if moved.is_empty() {
            return Err(ErrorKind::NotFound.into());
        }
        for name in moved {
            let inode = names.remove(&name).unwrap();
            let inside = name.strip_prefix(from).unwrap();
            let renamed = if inside.as_os_str().is_empty() { to.to_owned() } else { to.join(inside) };
            names.insert(renamed, inode);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().names.retain(|name, _| !name.starts_with(path));
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let state = &mut *self.0.lock();
        if happens(&mut state.faults.failing_directory_syncs) {
            return Err(Error::other("input/output error"));
        }
        let here = |path: &PathBuf| path.parent() == Some(directory);
        state.durable_names.retain(|path, _| !here(path));
        let now = state.names.iter().filter(|(path, _)| here(path));
        state.durable_names.extend(now.map(|(path, inode)| (path.clone(), Arc::clone(inode))));
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.lock().faults.free_bytes.unwrap_or(u64::MAX))
    }

    fn mode(&self, path: &Path) -> io::Result<u32> {
        if self.0.lock().names.contains_key(path) { Ok(0o600) } else { Err(ErrorKind::NotFound.into()) }
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        if !self.0.lock().locked.insert(path.to_owned()) {
            return Err(Error::new(ErrorKind::WouldBlock, "process 1"));
        }
        Ok(Box::new(DoubleLock { disk: self.clone(), path: path.to_owned() }))
    }
}

struct DoubleLock {
    disk: DoubleDisk,
    path: PathBuf,
}

impl Drop for DoubleLock {
    fn drop(&mut self) {
        self.disk.0.lock().locked.remove(&self.path);
    }
}

struct DoubleFile {
    disk: DoubleDisk,
    inode: Inode,
}

impl DiskFile for DoubleFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        let content = self.inode.lock();
        let from = usize::try_from(offset).unwrap().min(content.now.len());
        let read = buffer.len().min(content.now.len() - from);
        buffer[..read].copy_from_slice(&content.now[from..from + read]);
        state.reads_bytes += read as u64;
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.disk.0.lock();
        let mut content = self.inode.lock();
        let at = usize::try_from(offset).unwrap();
        let growth = (at + bytes.len()).saturating_sub(content.now.len()) as u64;
        let faults = &mut state.faults;
        if happens(&mut faults.failing_writes) {
            return Err(Error::other("input/output error"));
        }
        if let Some(free) = &mut faults.free_bytes {
            *free = free.checked_sub(growth).ok_or_else(|| Error::from(ErrorKind::StorageFull))?;
        }
        lay(&mut content.now, at, bytes);
        content.unsynced.push((at, bytes.to_vec()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = &mut *self.disk.0.lock();
        let content = &mut *self.inode.lock();
        state.syncs += 1;
        let unsynced = std::mem::take(&mut content.unsynced);
        if happens(&mut state.faults.failing_syncs) {
            // As Linux does: the pages count as clean now, and are read as they were written.
            return Err(Error::other("input/output error"));
        }
        for (at, bytes) in unsynced {
            lay(&mut content.durable, at, &bytes);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.inode.lock().now.len() as u64)
    }
}

/// A clock that is set.
pub struct SetClock(pub AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Random numbers from a seed (splitmix64).
pub struct Seeded(AtomicU64);

impl Seeded {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            part.copy_from_slice(&z.to_le_bytes()[..part.len()]);
        }
    }
}

/// An environment over a disk, at a fixed time, with seeded random numbers.
pub fn env(disk: &DoubleDisk, seed: u64) -> Env {
    Env {
        clock: Arc::new(SetClock(AtomicI64::new(1_472_000_000_000))),
        entropy: Arc::new(Seeded::new(seed)),
        disk: Arc::new(disk.clone()),
        indexes: Arc::new(DoubleIndexes::new(disk)),
        workers: Workers::Tasks,
    }
}
