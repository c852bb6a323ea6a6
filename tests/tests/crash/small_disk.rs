//! A full disk where nobody may mount one: the journal's disk is a double that has no more room, the
//! rest of the node's state is real.

use std::io::{Error, ErrorKind, Result as IoResult};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wuji_node::catalogue::Catalogue;
use wuji_node::config::IndexKind;
use wuji_node::env::{Disk, DiskFile, DiskLock, Env};
use wuji_node::feed::exchange::FeedSource;
use wuji_node::ledger::LedgerError;
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::telemetry::Metrics;
use wuji_proto::Watermark;
use wuji_tests::WORKROOM;
use wuji_tests::records::case;

/// Entries of one group.
const GROUP: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_without_room_refuses_reads_go_on_and_writes_too_once_there_is_room() -> Result<()> {
    let home = tempfile::tempdir()?;
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let env = Env::production();
    let env = Env { disk: Arc::new(SmallDisk { disk: Arc::clone(&env.disk), free: Arc::clone(&free) }), ..env };
    let state = open(&env, home.path())?;
    submit(&state).await?;
    free.store(8 << 20, Ordering::Relaxed);
    let refused = submit(&state).await.err().context("it was taken, and the disk is full")?;
    ensure!(matches!(refused, LedgerError::Journal(_)), "{refused:?}");
    let says = refused.to_string();
    ensure!(says.contains("is full") && says.contains("make room"), "{says}");
    ensure!(*state.refusing.borrow() == says.trim_start_matches("the entry was not written: "), "the status differs");

    state.ledgers.settled().await;
    ensure!(records(&state)? == GROUP, "reading goes on with all that was acknowledged");
    let feed = state.feed();
    let read = feed.read_since(Watermark::ZERO, usize::MAX, usize::MAX)?;
    ensure!(read.is_some_and(|read| read.complete.is_some()), "and so does the feed");
    state.stop().await?;
    let state = open(&env, home.path())?;
    ensure!(submit(&state).await.is_err(), "a start makes no room");

    free.store(u64::MAX, Ordering::Relaxed);
    submit(&state).await?;
    state.ledgers.settled().await;
    ensure!(records(&state)? == 2 * GROUP && state.refusing.borrow().is_empty(), "it goes on by itself");
    Ok(state.stop().await?)
}

fn open(env: &Env, home: &Path) -> Result<NodeState> {
    let options = StateOptions {
        code: WORKROOM.parse()?,
        name: "工作室".to_owned(),
        parent: None,
        directory: home.join("data"),
        segment_bytes: 1 << 20,
        index: IndexKind::Sled,
        cache_bytes: 1 << 20,
        checkpoint_every: Duration::from_secs(1),
        hold: Duration::ZERO,
        accept_loss: false,
    };
    Ok(NodeState::open(env, &options, Arc::new(Catalogue::embedded()?), &Metrics::new())?)
}

/// One group of entries: all of them, or why none.
async fn submit(state: &NodeState) -> Result<(), LedgerError> {
    let entries = (0..GROUP).map(|number| case(number, "2025-03-04"));
    let submissions = entries.map(|entry| state.ledgers.check(entry.ledger, entry.id, entry.values));
    let submissions = submissions.collect::<Result<Vec<_>, _>>()?;
    state.ledgers.submit(submissions, "test").await.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}

fn records(state: &NodeState) -> Result<usize> {
    let mut request =
        wuji_proto::v1::ListRequest { ledger: "mediation".to_owned(), page_size: 1_000, ..Default::default() };
    let mut records = 0;
    loop {
        let page = state.ledgers.list(&request)?;
        records += page.records.len();
        if page.next_page_token.is_empty() {
            return Ok(records);
        }
        request.page_token = page.next_page_token;
    }
}

/// A disk with so much room that is left.
struct SmallDisk {
    disk: Arc<dyn Disk>,
    free: Arc<AtomicU64>,
}

struct SmallFile {
    file: Box<dyn DiskFile>,
    free: Arc<AtomicU64>,
}

impl Disk for SmallDisk {
    fn open(&self, path: &Path) -> IoResult<Box<dyn DiskFile>> {
        Ok(Box::new(SmallFile { file: self.disk.open(path)?, free: Arc::clone(&self.free) }))
    }

    fn list(&self, directory: &Path) -> IoResult<Vec<String>> {
        self.disk.list(directory)
    }

    fn create_directory(&self, directory: &Path) -> IoResult<()> {
        self.disk.create_directory(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> IoResult<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> IoResult<()> {
        self.disk.remove(path)
    }

    fn sync_directory(&self, directory: &Path) -> IoResult<()> {
        self.disk.sync_directory(directory)
    }

    fn free_bytes(&self, _directory: &Path) -> IoResult<u64> {
        Ok(self.free.load(Ordering::Relaxed))
    }

    fn mode(&self, path: &Path) -> IoResult<u32> {
        self.disk.mode(path)
    }

    fn lock(&self, path: &Path) -> IoResult<DiskLock> {
        self.disk.lock(path)
    }
}

impl DiskFile for SmallFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> IoResult<usize> {
        self.file.read_at(offset, buffer)
    }

    /// What makes the file longer takes of the room that is left.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> IoResult<()> {
        let longer = (offset + bytes.len() as u64).saturating_sub(self.file.length()?);
        let take = |free: u64| free.checked_sub(longer);
        let taken = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map_err(|_| Error::from(ErrorKind::StorageFull))?;
        self.file.write_at(offset, bytes)
    }

    fn sync_data(&self) -> IoResult<()> {
        self.file.sync_data()
    }

    fn length(&self) -> IoResult<u64> {
        self.file.length()
    }
}
