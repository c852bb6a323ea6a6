//! Makes snapshots: once a day if something has changed, and whenever one is asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use wuji_proto::stored::{IndexHead, SnapshotHead};

use super::SnapshotError;
use super::copy::{Copying, StepSize};
use super::digests;
use super::file::{Input, Output, Whole, listed};
use super::shelf::Shelf;
use crate::archive::{ArchiveError, FileInput, io_error};
use crate::env::{DiskFile, Env};
use crate::index::{self, keys, values};
use crate::journal::{DISK_RESERVE_BYTES, JournalReader};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::time::NodeTime;

/// What one step copies, while the writer waits: well below a millisecond of it.
const STEP: StepSize = StepSize { keys: 2_048, bytes: 512 << 10 };

/// How often the worker looks whether a snapshot is due.
const LOOK: Duration = Duration::from_mins(1);

/// After one that failed.
const RETRY: Duration = Duration::from_mins(10);

/// A snapshot that is there, verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The number in its name.
    pub number: u64,
    /// The state of the index that it holds.
    pub index: IndexHead,
    /// When it was made, milliseconds since 1970.
    pub at_ms: i64,
    /// Keys in it.
    pub keys: u64,
    /// Bytes of its keys and values: what of the index is alive.
    pub live_bytes: u64,
    /// Bytes of its file.
    pub file_bytes: u64,
}

impl Made {
    fn of(number: u64, whole: Whole) -> Self {
        Self {
            number,
            index: whole.head.index.unwrap_or_default(),
            at_ms: whole.head.at_ms,
            keys: whole.end.keys,
            live_bytes: whole.end.bytes,
            file_bytes: whole.bytes,
        }
    }
}

/// What a keeper is made of.
pub struct SnapshotsParts {
    /// The disk, and how blocking work runs.
    pub env: Env,
    /// The data directory.
    pub directory: PathBuf,
    /// What is copied.
    pub store: Arc<Store>,
    /// What it is a view of.
    pub journal: JournalReader,
    /// The node's time.
    pub time: NodeTime,
    /// The numbers.
    pub metrics: Arc<Metrics>,
}

/// The snapshots of a running node.
pub struct Snapshots {
    parts: SnapshotsParts,
    /// One is made at a time.
    making: tokio::sync::Mutex<()>,
    newest: Mutex<Option<Made>>,
}

impl Snapshots {
    /// Of a node; none is known yet.
    pub fn new(parts: SnapshotsParts) -> Self {
        Self { parts, making: tokio::sync::Mutex::default(), newest: Mutex::default() }
    }

    /// The newest that was made, or found to be whole, since the start.
    pub fn newest(&self) -> Option<Made> {
        self.newest.lock().clone()
    }

    /// The file of a snapshot.
    pub fn path(&self, made: &Made) -> PathBuf {
        self.kept().path(made.number)
    }

    fn kept(&self) -> Shelf<'_> {
        Shelf::of(self.parts.env.disk.as_ref(), &self.parts.directory)
    }

    /// Makes one of the present state.
    pub async fn make(self: &Arc<Self>) -> Result<Made, SnapshotError> {
        let _one = self.making.lock().await;
        let made = self.write().await;
        if let Err(error) = &made {
            tracing::warn!(%error, "no snapshot was made");
        }
        let made = made?;
        self.known(made.clone());
        tracing::info!(entry = made.index.applied, keys = made.keys, bytes = made.file_bytes, "a snapshot was made");
        Ok(made)
    }

    async fn write(self: &Arc<Self>) -> Result<Made, SnapshotError> {
        let mut writing = self.blocking(Writing::begin).await?;
        loop {
            let done;
            (writing, done) = self.blocking(move |keeper| writing.step(keeper)).await?;
            if done {
                return self.blocking(move |keeper| writing.finish(keeper)).await;
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, SnapshotError> + Send + 'static,
    ) -> Result<T, SnapshotError> {
        let keeper = Arc::clone(self);
        self.parts.env.blocking(move || work(&keeper)).await.ok_or(SnapshotError::Stopping)?
    }
}

/// A snapshot under way.
struct Writing {
    copy: Arc<Mutex<Copying>>,
    output: Output,
    number: u64,
    aside: PathBuf,
    file: Box<dyn DiskFile>,
    at: u64,
}

impl Writing {
    fn begin(keeper: &Snapshots) -> Result<Self, SnapshotError> {
        let SnapshotsParts { env, store, journal, time, directory, .. } = &keeper.parts;
        let disk = env.disk.as_ref();
        let free_bytes = disk.free_bytes(directory).map_err(io_error("asking for the free space of", directory))?;
        // As large as the last one, and room for the journal to go on beside it.
        let needed_bytes = 2 * DISK_RESERVE_BYTES + keeper.newest().map_or(0, |made| made.file_bytes);
        if free_bytes < needed_bytes {
            return Err(SnapshotError::Full { free_bytes, needed_bytes });
        }
        let (number, aside) = keeper.kept().begin()?;
        let (copy, (index, children)) = Copying::begin(store, |index| {
            let head = index.get(&keys::head())?;
            let head = head.map(|bytes| values::decode::<IndexHead>("the index's head", &bytes)).transpose()?;
            Ok((head, digests::held(index)?))
        })?;
        let index = index.ok_or(SnapshotError::Empty)?;
        let head = SnapshotHead {
            index_format: index::FORMAT,
            code: store.own.to_string(),
            chain_hash: journal.anchor_of(index.applied)?.hash.to_vec(),
            index: Some(index),
            at_ms: time.now_ms(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            children: listed(&children),
        };
        let (output, bytes) = Output::begin(&head);
        let file = disk.open(&aside).map_err(io_error("making", &aside))?;
        let mut writing = Self { copy, output, number, aside, file, at: 0 };
        writing.put(&bytes)?;
        Ok(writing)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.file.write_at(self.at, bytes).map_err(io_error("writing", &self.aside))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Copies further; whether that was all.
    fn step(mut self, keeper: &Snapshots) -> Result<(Self, bool), SnapshotError> {
        let pairs = {
            let view = keeper.parts.store.view();
            self.copy.lock().step(view.index, STEP)?
        };
        let Some(pairs) = pairs else { return Ok((self, true)) };
        let bytes = self.output.pairs(pairs);
        self.put(&bytes)?;
        Ok((self, false))
    }

    /// Makes it durable, reads it back, and only then gives it its name.
    fn finish(mut self, keeper: &Snapshots) -> Result<Made, SnapshotError> {
        let bytes = self.output.finish();
        self.put(&bytes)?;
        self.file.sync_data().map_err(io_error("syncing", &self.aside))?;
        let input = FileInput::open(keeper.parts.env.disk.as_ref(), &self.aside)?;
        let whole = Input::begin(input, &self.aside)?.read(|_| Ok(()))?;
        keeper.kept().keep(self.number, &self.aside)?;
        Ok(Made::of(self.number, whole))
    }
}

/// Makes a snapshot `every` so often if something has changed, until `stop` is true or gone.
/// Run it by [`Env::spawn_worker`].
pub async fn run(keeper: Arc<Snapshots>, every: Duration, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = for_ever(&keeper, every) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn for_ever(keeper: &Arc<Snapshots>, every: Duration) {
    keeper.survey().await;
    loop {
        keeper.measure().await;
        tokio::time::sleep(LOOK).await;
        if keeper.is_due(every) && keeper.make().await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
    }
}

impl Snapshots {
    /// Finds the newest that is whole; one that is not is told of.
    pub async fn survey(self: &Arc<Self>) {
        let found = self.blocking(|keeper| {
            let kept = keeper.kept();
            for number in kept.numbers()? {
                match kept.verify(number) {
                    Ok(whole) => return Ok(Some(Made::of(number, whole))),
                    Err(error) => tracing::warn!(%error, "a snapshot cannot be used"),
                }
            }
            Ok(None)
        });
        if let Ok(Some(found)) = found.await {
            self.known(found);
        }
    }

    /// Measures the index's files; what is alive of them is known by the last snapshot.
    async fn measure(self: &Arc<Self>) {
        if let Ok(bytes) = self.blocking(|keeper| Ok(keeper.parts.store.index().disk_bytes()?)).await {
            self.parts.metrics.index_disk_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    fn known(&self, made: Made) {
        self.parts.metrics.index_live_bytes.set(i64::try_from(made.live_bytes).unwrap_or(i64::MAX));
        let mut newest = self.newest.lock();
        if newest.as_ref().is_none_or(|known| known.number < made.number) {
            *newest = Some(made);
        }
    }

    /// One of the present state: the newest, if nothing has changed since.
    pub async fn present(self: &Arc<Self>) -> Result<Made, SnapshotError> {
        if let Some(newest) = self.newest().filter(|newest| self.is_present(newest)) {
            let number = newest.number;
            if self.blocking(move |keeper| keeper.kept().verify(number)).await.is_ok() {
                return Ok(newest);
            }
        }
        self.make().await
    }

    fn is_present(&self, made: &Made) -> bool {
        let view = self.parts.store.view();
        let (applied, head) = (view.state.applied, view.state.head);
        made.index.applied == applied
            && (made.index.head_start, made.index.head_number) == (head.at.start, head.at.number)
    }

    /// Whether so much time has passed, and anything has changed, since the last one.
    fn is_due(&self, every: Duration) -> bool {
        let Some(newest) = self.newest() else { return true };
        let age = self.parts.time.now_ms().saturating_sub(newest.at_ms);
        !self.is_present(&newest) && u128::try_from(age).is_ok_and(|age| age >= every.as_millis())
    }
}
