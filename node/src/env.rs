//! What a simulation replaces: the clock, the random generator, the disk, where the index
//! is kept, and how background workers run. Nothing else in the crate reads the wall clock, draws a random
//! number, or touches a journal's files.

use std::any::Any;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::future::Future;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rand::Rng;
use tokio::task::JoinHandle;

use wuji_proto::stored::DiskPlace;

use crate::index::OpenIndex;
use crate::index::sled::Sled;

#[cfg(any(test, feature = "simulation"))]
pub mod double;

/// Milliseconds in a second.
pub const SECOND_MS: i64 = 1_000;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;
}

/// A source of random numbers.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`; fit for keys in production.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The file system below a journal.
pub trait Disk: Send + Sync {
    /// Opens a file for reading and writing, made with mode 0600 if it is not there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// The names in a directory, in order; none if the directory is missing.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Makes a directory and those above it.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;
    /// Renames a file or directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file or a directory with all that is in it; nothing to do if it is missing.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
    /// Bytes that can still be written below this directory.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64>;
    /// The permission bits of a file, such as 0o600; an error of kind `NotFound` if it is missing.
    fn mode(&self, path: &Path) -> io::Result<u32>;
    /// Which machine and which disk a directory is on, as far as the machine tells.
    fn place(&self, _directory: &Path) -> io::Result<DiskPlace> {
        Ok(DiskPlace::default())
    }
    /// Takes a file's lock, making the file if it is not there. It is held until the guard
    /// is dropped or the process ends. If another holds it: an error of kind `WouldBlock`
    /// whose text names the holder.
    fn lock(&self, path: &Path) -> io::Result<DiskLock>;
}

/// Holds a lock of [`Disk::lock`] until it is dropped.
pub type DiskLock = Box<dyn Any + Send + Sync>;

/// An open file. Reads and writes carry their own offset, so threads can share it.
pub trait DiskFile: Send + Sync {
    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes the written bytes (and the length) durable.
    fn sync_data(&self) -> io::Result<()>;
    /// The file's length, in bytes.
    fn length(&self) -> io::Result<u64>;
}

/// How a worker runs: on a thread of its own, where blocking is fine; or as a task among
/// others, where the order of steps is the simulation's or thousands of nodes share a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// One thread each.
    Threads,
    /// Tasks of the current runtime.
    Tasks,
}

/// Everything that differs between production and simulation.
#[derive(Clone)]
pub struct Env {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Random numbers.
    pub entropy: Arc<dyn Entropy>,
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// Indexes that outlive the process.
    pub indexes: Arc<dyn OpenIndex>,
    /// How workers run.
    pub workers: Workers,
}

impl Env {
    /// The real machine.
    pub fn production() -> Self {
        Self {
            clock: Arc::new(WallClock),
            entropy: Arc::new(ThreadEntropy),
            disk: Arc::new(LocalDisk),
            indexes: Arc::new(Sled),
            workers: Workers::Threads,
        }
    }

    /// Runs work that blocks for a moment (the index, the journal) off the async workers.
    /// `None`: it panicked, or the node is going down.
    pub async fn blocking<T, F>(&self, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        match self.workers {
            Workers::Tasks => Some(work()),
            Workers::Threads => tokio::task::spawn_blocking(work).await.ok(),
        }
    }

    /// Runs a named background worker. With [`Workers::Threads`] it may block.
    pub fn spawn_worker<F>(&self, name: &'static str, worker: F) -> io::Result<Worker>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self.workers {
            Workers::Tasks => Ok(Worker(tokio::spawn(worker))),
            Workers::Threads => {
                let runtime = tokio::runtime::Handle::current();
                let (done, finished) = tokio::sync::oneshot::channel::<()>();
                std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                    runtime.block_on(worker);
                    drop(done);
                })?;
                Ok(Worker(tokio::spawn(async move {
                    let _ = finished.await;
                })))
            }
        }
    }
}

/// A running background worker.
pub struct Worker(JoinHandle<()>);

impl Worker {
    /// Waits until it has ended.
    pub async fn finished(self) {
        let _ = self.0.await;
    }
}

struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}

struct ThreadEntropy;

impl Entropy for ThreadEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws from the thread's generator")]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

struct LocalDisk;

impl Disk for LocalDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<String>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        let volume = rustix::fs::statvfs(directory)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }

    fn mode(&self, path: &Path) -> io::Result<u32> {
        Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
    }

    fn place(&self, directory: &Path) -> io::Result<DiskPlace> {
        let device = fs::metadata(directory)?.dev();
        // One start of one kernel, whatever containers run on it.
        let machine = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        Ok(DiskPlace { machine, disk: disk_of(rustix::fs::major(device), rustix::fs::minor(device)) })
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                write!(file, "process {}", std::process::id())?;
                Ok(Box::new(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may not have written its name yet, or in bytes we cannot read.
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() { "another process".to_owned() } else { holder };
                Err(io::Error::new(io::ErrorKind::WouldBlock, holder))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A disk's name from a file system's device: `disk:vda` of a partition or a whole disk. What has
/// no single disk below it, that is known, is named as itself: `volume:dm-0`, `mount:0:45`.
fn disk_of(major: u32, minor: u32) -> String {
    let device = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}"));
    let Ok(device) = device else { return format!("mount:{major}:{minor}") };
    let whole = if device.join("partition").exists() { device.parent().unwrap_or(&device) } else { &device };
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let kind = if whole.components().any(|part| part.as_os_str() == "virtual") { "volume" } else { "disk" };
    format!("{kind}:{name}")
}

struct LocalFile(File);

impl DiskFile for LocalFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
