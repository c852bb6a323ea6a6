//! The state of a node: opened, brought up to its journal, and kept by two workers: the
//! committer writes the journal, the writer follows with the index.
//!
//! * [`opening`]: journal and index, and whether they fit each other.
//! * [`refold`]: a catalogue with other measures.

pub mod opening;
pub mod refold;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use wuji_proto::stored::entry::Event;
use wuji_proto::{DivisionCode, stored, v1};

use crate::audit::board::Board;
use crate::audit::{Auditor, AuditorParts};
use crate::backup::served::{Backups, BackupsParts};
use crate::catalogue::Catalogue;
use crate::config::IndexKind;
use crate::env::{Env, Worker};
use crate::feed::exchange::ChildJob;
use crate::feed::heard::Heard;
use crate::feed::source::StoreFeed;
use crate::fold::Committed;
use crate::journal::{JournalError, JournalReader, JournalWriter, NewEntry};
use crate::ledger::committer::{Committer, INTENTS_MAX};
use crate::ledger::intent::Intent;
use crate::ledger::{Acceptance, Ledgers};
use crate::snapshot::Snapshots;
use crate::snapshot::keeper::SnapshotsParts;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::time::NodeTime;
use crate::writer::held::first_epoch;
use crate::writer::{FreeBytes, Inbox, JOBS_MAX, Job, Wish, Wishes, Writer, WriterError, WriterOptions};
pub use opening::OpenError;
use opening::Opened;

/// Entries that are folded at once when the index follows the journal at a start.
const REPLAY_ENTRIES: usize = 2_000;

/// What a node's state is opened with.
#[derive(Clone, Debug)]
pub struct StateOptions {
    /// This unit.
    pub code: DivisionCode,
    /// Its name.
    pub name: String,
    /// The parent's code; `None` at the province.
    pub parent: Option<DivisionCode>,
    /// Holds `journal/` and `index/`.
    pub directory: PathBuf,
    /// Bytes of a journal segment.
    pub segment_bytes: u64,
    /// Where the index is kept.
    pub index: IndexKind,
    /// What sled aims at for its cache, bytes.
    pub cache_bytes: u64,
    /// Between checkpoints of a changing index.
    pub checkpoint_every: Duration,
    /// How long the feed is held back after an unclean stop.
    pub hold: Duration,
    /// Go on though the journal lost acknowledged entries.
    pub accept_loss: bool,
}

/// A node's state at work.
pub struct NodeState {
    /// The index as readers see it.
    pub store: Arc<Store>,
    /// The ledgers.
    pub ledgers: Ledgers,
    /// The journal.
    pub journal: JournalReader,
    /// The catalogue.
    pub catalogue: Arc<Catalogue>,
    /// The node's own time.
    pub time: NodeTime,
    /// What happened at opening, for the status.
    pub report: OpenReport,
    /// When the index was last checkpointed, milliseconds since 1970.
    pub checkpoints: watch::Receiver<i64>,
    /// What the children tell of the units below them.
    pub heard: Arc<Heard>,
    /// Why the journal refuses writes; empty: it does not.
    pub refusing: watch::Receiver<String>,
    /// Audits what is stored.
    pub auditor: Arc<Auditor>,
    /// Makes snapshots of the index.
    pub snapshots: Arc<Snapshots>,
    /// Makes backups of the node.
    pub backups: Arc<Backups>,
    children: mpsc::Sender<ChildJob>,
    jobs: mpsc::Sender<Job>,
    workers: Workers,
}

/// What happened at opening.
#[derive(Clone, Debug, Default)]
pub struct OpenReport {
    /// What was cut from the journal's tail.
    pub recovered: String,
    /// Why the index was rebuilt.
    pub rebuilt: String,
}

struct Workers {
    committer: Worker,
    writer: Worker,
    journal: oneshot::Receiver<JournalWriter>,
    failed: watch::Receiver<Option<String>>,
}

impl NodeState {
    /// Opens the state and starts its workers. Blocks while the index follows the journal.
    pub fn open(
        env: &Env,
        options: &StateOptions,
        catalogue: Arc<Catalogue>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let time = NodeTime::new(Arc::clone(&env.clock));
        let mut opened = opening::open(env, options, &time)?;
        let unclean = opened.unclean;
        let report = OpenReport { recovered: opened.recovered.clone(), rebuilt: opened.rebuilt.clone() };
        begin(env, &time, &mut opened, &catalogue)?;
        let (intents, intents_in) = mpsc::channel(INTENTS_MAX);
        let (jobs, own) = mpsc::channel(JOBS_MAX);
        let (children, children_in) = mpsc::channel(JOBS_MAX);
        let inbox = Inbox { own, children: children_in };
        let store = Arc::new(opened.store);
        let writer_options = WriterOptions {
            rebuilt: opened.rebuilt,
            hold: options.hold,
            checkpoint_every: options.checkpoint_every,
            metrics: Arc::clone(metrics),
            free_bytes: free_bytes(env, options),
        };
        let mut writer =
            Writer::new(Arc::clone(&store), Arc::clone(&catalogue), time.clone(), writer_options, wishes(&intents))?;
        refold::refold(&mut writer, &store, &catalogue)?;
        replay(&mut writer, &opened.reader, store.applied())?;
        writer.introduce(v1::UnitEntry {
            name: options.name.clone(),
            parent: options.parent.map(|parent| parent.to_string()).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            catalogue_version: catalogue.version().to_owned(),
            ..v1::UnitEntry::default()
        })?;
        if unclean {
            writer.mark_catching_up()?;
        }
        let acknowledged = Arc::new(AtomicU64::new(opened.reader.tail().sequence));
        let content_key = opened.reader.content_key();
        let version = catalogue.version().to_owned();
        let committer = Committer::new(
            opened.writer,
            Arc::clone(&store),
            time.clone(),
            version,
            jobs.clone(),
            Arc::clone(&acknowledged),
            Arc::clone(metrics),
        );
        let refusing = committer.refusing();
        let (checkpoints, heard) = (writer.checkpoints(), writer.heard());
        let workers = Workers::start(env, committer, intents_in, writer, inbox)?;
        let ledgers = Ledgers::new(
            Arc::clone(&catalogue),
            Arc::clone(&store),
            opened.reader.clone(),
            time.clone(),
            intents,
            acknowledged,
            content_key,
        );
        let journal = opened.reader;
        let auditor = Arc::new(Auditor::new(AuditorParts {
            store: Arc::clone(&store),
            journal: journal.clone(),
            catalogue: Arc::clone(&catalogue),
            env: env.clone(),
            time: time.clone(),
            jobs: jobs.downgrade(),
            child_jobs: children.downgrade(),
            board: Arc::new(Board::new(metrics)),
        }));
        let snapshots = Arc::new(Snapshots::new(SnapshotsParts {
            env: env.clone(),
            directory: options.directory.clone(),
            store: Arc::clone(&store),
            journal: journal.clone(),
            time: time.clone(),
            metrics: Arc::clone(metrics),
        }));
        let backups = Arc::new(Backups::new(BackupsParts {
            env: env.clone(),
            directory: options.directory.clone(),
            name: options.name.clone(),
            store: Arc::clone(&store),
            journal: journal.clone(),
            snapshots: Arc::clone(&snapshots),
            time: time.clone(),
        }));
        Ok(Self {
            store,
            ledgers,
            journal,
            catalogue,
            time,
            report,
            checkpoints,
            heard,
            refusing,
            auditor,
            snapshots,
            backups,
            children,
            jobs,
            workers,
        })
    }

    /// The own feed, for the link upward.
    pub fn feed(&self) -> Arc<StoreFeed> {
        let (store, catalogue) = (Arc::clone(&self.store), Arc::clone(&self.catalogue));
        Arc::new(StoreFeed::new(store, self.journal.clone(), catalogue, self.time.clone()))
    }

    /// Takes the jobs of the links below.
    pub fn child_jobs(&self) -> mpsc::Sender<ChildJob> {
        self.children.clone()
    }

    /// Resolves with the reason if a worker fails: the node must then stop.
    pub fn failure(&self) -> impl Future<Output = String> + Send + use<> {
        let mut failed = self.workers.failed.clone();
        async move {
            let reason = failed.wait_for(Option::is_some).await.map(|reason| reason.clone());
            match reason {
                Ok(reason) => reason.unwrap_or_default(),
                // The workers ended as they should.
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// Why a worker failed, if one has.
    pub fn failed(&self) -> Option<String> {
        self.workers.failed.borrow().clone()
    }

    /// Has what is known of received days journalled now, rather than at the next tick; how many
    /// days that is. They are written when the committer comes to it.
    pub async fn stamp(&self) -> usize {
        let (reply, asked) = oneshot::channel();
        match self.jobs.send(Job::Stamp(reply)).await {
            Ok(()) => asked.await.unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// Finishes what was begun, checkpoints the index, and notes a clean stop in the journal.
    /// Whoever still uses the ledgers is refused from now on.
    pub async fn stop(self) -> Result<(), JournalError> {
        // What was received before a long stop is not to be called late after it.
        self.stamp().await;
        let Self { ledgers, jobs, workers, time, store, .. } = self;
        // Calls that were cut off may hold on to the ledgers: the committer is told.
        ledgers.close().await;
        workers.committer.finished().await;
        drop(jobs);
        workers.writer.finished().await;
        let failed = workers.failed.borrow().is_some();
        if let (Ok(mut journal), false) = (workers.journal.await, failed) {
            let head = store.view().state.head;
            append(&mut journal, &time, Event::Stopped(opening::stopped_at(head)))?;
        }
        Ok(())
    }
}

impl Workers {
    fn start(
        env: &Env,
        committer: Committer,
        intents: mpsc::Receiver<Intent>,
        writer: Writer,
        inbox: Inbox,
    ) -> Result<Self, OpenError> {
        let (journal_out, journal) = oneshot::channel();
        let (failed_out, failed) = watch::channel(None);
        let (of_writer, of_committer) = Alarm::pair(&writer.store(), failed_out);
        let worker = |source| OpenError::Worker { source };
        let committer = env
            .spawn_worker("committer", async move {
                drop(journal_out.send(committer.run(intents).await));
                of_committer.calm();
            })
            .map_err(worker)?;
        let writer = env
            .spawn_worker("writer", async move {
                match writer.run(inbox).await {
                    Ok(()) => of_writer.calm(),
                    Err(error) => {
                        tracing::error!(%error, "the index writer failed: the node stops");
                        of_writer.ring(error.to_string());
                    }
                }
            })
            .map_err(worker)?;
        Ok(Self { committer, writer, journal, failed })
    }
}

/// Rings when a worker ends otherwise than it should, also by a panic: then nobody waits for
/// it, and the node stops without noting a clean stop.
struct Alarm {
    store: Arc<Store>,
    failed: Arc<watch::Sender<Option<String>>>,
    calm: bool,
}

impl Alarm {
    fn pair(store: &Arc<Store>, failed: watch::Sender<Option<String>>) -> (Self, Self) {
        let failed = Arc::new(failed);
        let alarm = || Self { store: Arc::clone(store), failed: Arc::clone(&failed), calm: false };
        (alarm(), alarm())
    }

    /// The worker has ended as it should.
    fn calm(mut self) {
        self.calm = true;
    }

    fn ring(&self, reason: String) {
        self.store.fail();
        self.failed.send_if_modified(|failed| failed.is_none() && failed.replace(reason).is_none());
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if !self.calm {
            self.ring("a worker of the node panicked".to_owned());
        }
    }
}

fn free_bytes(env: &Env, options: &StateOptions) -> FreeBytes {
    let (disk, directory) = (Arc::clone(&env.disk), options.directory.clone());
    Box::new(move || disk.free_bytes(&directory).ok())
}

/// The writer's wishes go to the committer. Weak: the writer does not keep it alive.
fn wishes(intents: &mpsc::Sender<Intent>) -> Wishes {
    let intents = intents.downgrade();
    Box::new(move |wish| {
        let intent = match wish {
            Wish::Stamp(days) => Intent::StampDays(days),
            Wish::Hold(code) => Intent::HoldChild(code),
            Wish::Accept(code, opening) => {
                let ChildJob::Open { opening: told, .. } = opening.as_ref() else { return false };
                let (incarnation, first_epoch) = (told.incarnation, first_epoch(told));
                Intent::AcceptChild(Box::new(Acceptance { code, incarnation, first_epoch, opening }))
            }
        };
        // Never waits: the committer may be waiting for this very writer.
        intents.upgrade().is_some_and(|intents| intents.try_send(intent).is_ok())
    })
}

/// Journals this start, and the catalogue if it is another: durable before any sequence of
/// the new epoch is used.
fn begin(env: &Env, time: &NodeTime, opened: &mut Opened, catalogue: &Catalogue) -> Result<(), OpenError> {
    let (number, recovered) = opened.store.exclusively(|_, state| (state.history.newest() + 1, state.head.at));
    let started = stored::Started {
        number,
        epoch: env.entropy.number(),
        recovered_start: recovered.start,
        recovered_number: recovered.number,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let sequence = append(&mut opened.writer, time, Event::Started(started.clone()))?;
    let start = crate::feed::history::Start::from_entry(&started, sequence);
    opened.store.update(|state| state.history.push(start));
    if refold::is_new(opened.store.index(), catalogue)? {
        append(&mut opened.writer, time, Event::CatalogueAdopted(refold::adopted(catalogue)))?;
    }
    Ok(())
}

fn append(journal: &mut JournalWriter, time: &NodeTime, event: Event) -> Result<u64, JournalError> {
    let entry = stored::Entry { at_ms: time.now_ms(), actor: "node".to_owned(), event: Some(event) };
    let positions = journal.append(&[NewEntry { entry, sealed: None }])?;
    Ok(positions.last().map_or(0, |position| position.sequence))
}

/// Folds what the journal has beyond the index.
fn replay(writer: &mut Writer, journal: &JournalReader, applied: u64) -> Result<(), OpenError> {
    let (mut group, began) = (Vec::with_capacity(REPLAY_ENTRIES), Instant::now());
    let behind = journal.tail().sequence.saturating_sub(applied);
    for frame in journal.entries_from(applied + 1) {
        let frame = frame?;
        group.push(Committed { position: frame.position, entry: frame.entry });
        if group.len() == REPLAY_ENTRIES {
            writer.replay(std::mem::take(&mut group))?;
        }
    }
    writer.replay(group)?;
    tracing::info!(entries = behind, ms = began.elapsed().as_millis(), "the index has followed the journal");
    Ok(())
}

impl From<WriterError> for OpenError {
    fn from(error: WriterError) -> Self {
        Self::Fold(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::changes::Changes;
    use crate::feed::group::FeedHead;
    use crate::index::memory::MemoryIndex;
    use crate::store::State;

    #[tokio::test]
    async fn a_worker_that_panics_stops_the_node_and_lets_nobody_wait() {
        let state = State {
            head: FeedHead::default(),
            history: crate::feed::history::History::default(),
            changes: Changes::default(),
            applied: 0,
            catching_up: false,
            holding: None,
        };
        let life = wuji_proto::Incarnation::from_random([1; 16]);
        let store = Store::new("371122".parse().unwrap(), life, Box::new(MemoryIndex::default()), state);
        let store = Arc::new(store);
        let (failed_out, mut failed) = watch::channel(None);
        let (of_writer, of_committer) = Alarm::pair(&store, failed_out);
        of_committer.calm();
        assert_eq!(*failed.borrow_and_update(), None);
        let worker = std::thread::spawn(move || {
            let _alarm = of_writer;
            panic!("as a test");
        });
        assert!(worker.join().is_err());
        assert!(failed.borrow().is_some(), "the node is told to stop");
        // Would wait for ever otherwise.
        store.wait_applied(7).await;
    }
}
