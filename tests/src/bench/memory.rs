//! Memory of processes and bytes of directories, as Linux tells them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Bytes of a block in a file's metadata.
const BLOCK_BYTES: u64 = 512;

/// What a process holds in memory now, in bytes.
pub fn resident(process: u32) -> anyhow::Result<u64> {
    status(&format!("/proc/{process}/status"), "VmRSS:")
}

/// The most that a process ever held in memory, in bytes.
pub fn peak(process: u32) -> anyhow::Result<u64> {
    status(&format!("/proc/{process}/status"), "VmHWM:")
}

/// The most that this process ever held in memory, in bytes.
pub fn own_peak() -> anyhow::Result<u64> {
    status("/proc/self/status", "VmHWM:")
}

/// How many threads a process has.
pub fn threads(process: u32) -> anyhow::Result<u64> {
    let file = format!("/proc/{process}/task");
    Ok(fs::read_dir(&file).with_context(|| format!("reading {file}"))?.count() as u64)
}

/// How many files, sockets and the like a process has open.
pub fn open_files(process: u32) -> anyhow::Result<u64> {
    let file = format!("/proc/{process}/fd");
    Ok(fs::read_dir(&file).with_context(|| format!("reading {file}"))?.count() as u64)
}

fn status(file: &str, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{file} has no {name}"))?;
    let kib: u64 =
        line.trim().trim_end_matches("kB").trim().parse().with_context(|| format!("{file}: {name}{line}"))?;
    Ok(kib * 1024)
}

/// Bytes that the files of a directory take on the disk.
pub fn on_disk(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
            bytes += metadata.blocks() * BLOCK_BYTES;
        }
    }
    Ok(bytes)
}

/// Looks at a process's memory again and again until it is [ended](Self::most).
pub struct Watch {
    end: oneshot::Sender<()>,
    looking: JoinHandle<u64>,
}

impl Watch {
    /// Begins now.
    pub fn of(process: u32) -> Self {
        let (end, mut ended) = oneshot::channel();
        let looking = tokio::spawn(async move {
            let mut most = 0;
            loop {
                most = most.max(resident(process).unwrap_or(0));
                if tokio::time::timeout(LOOK_EVERY, &mut ended).await.is_ok() {
                    return most;
                }
            }
        });
        Self { end, looking }
    }

    /// Ends; the most that was seen, in bytes.
    pub async fn most(self) -> anyhow::Result<u64> {
        drop(self.end);
        self.looking.await.context("watching a process's memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_of_a_process_is_read() {
        let this = std::process::id();
        let file = tempfile::tempfile().unwrap();
        assert!(open_files(this).unwrap() > 0 && threads(this).unwrap() > 0);
        assert!(resident(this).unwrap() > 1 << 20 && peak(this).unwrap() >= resident(this).unwrap() / 2);
        drop(file);
    }
}
