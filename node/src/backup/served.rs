//! Backups for callers of a running node, and the note in the journal that one was verified.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use wuji_proto::stored::backup_taken::Place;
use wuji_proto::stored::{BackupTaken, DiskPlace, FoldedBackups};
use wuji_proto::v1;

use super::make::{Making, Source};
use super::{BackupError, OVERDUE_AFTER_MS, place};
use crate::archive::io_error;
use crate::env::Env;
use crate::fold::backup::folded;
use crate::index::IndexError;
use crate::index::draft::Draft;
use crate::journal::JournalReader;
use crate::snapshot::Snapshots;
use crate::store::Store;
use crate::time::NodeTime;

/// What backups are made from.
pub struct BackupsParts {
    /// The disk, and how blocking work runs.
    pub env: Env,
    /// The data directory.
    pub directory: std::path::PathBuf,
    /// The unit's name.
    pub name: String,
    /// The index.
    pub store: Arc<Store>,
    /// The journal.
    pub journal: JournalReader,
    /// Of the index.
    pub snapshots: Arc<Snapshots>,
    /// The node's time.
    pub time: NodeTime,
}

/// The backups of a running node.
pub struct Backups {
    parts: BackupsParts,
    /// One is made at a time.
    making: Arc<Mutex<()>>,
    /// When the journal was begun, milliseconds since 1970.
    begun_at_ms: i64,
}

impl Backups {
    /// Of a node.
    pub fn new(parts: BackupsParts) -> Self {
        let first = parts.journal.entries_from(1).next().and_then(Result::ok);
        let begun_at_ms = first.map_or(0, |first| first.entry.at_ms);
        Self { parts, making: Arc::default(), begun_at_ms }
    }

    /// Makes a backup and gives its bytes to `out`, as fast as they are taken.
    pub async fn make(
        &self,
        without_key: bool,
        out: &mpsc::Sender<Result<v1::BackupPart, tonic::Status>>,
    ) -> Result<(), BackupError> {
        let _one: OwnedMutexGuard<()> = Arc::clone(&self.making).try_lock_owned().map_err(|_| BackupError::Busy)?;
        let snapshot = self.parts.snapshots.present().await?;
        let file = self.parts.snapshots.path(&snapshot);
        let (env, directory, name) = (self.parts.env.clone(), self.parts.directory.clone(), self.parts.name.clone());
        let (store, journal) = (Arc::clone(&self.parts.store), self.parts.journal.clone());
        let at_ms = self.parts.time.now_ms();
        let begin = move || {
            Making::begin(&Source {
                code: store.own,
                name: &name,
                incarnation: store.incarnation,
                journal: &journal,
                snapshot: (&snapshot, file),
                disk: env.disk.as_ref(),
                at_ms,
                data_place: env.disk.place(&directory).map_err(io_error("looking at", &directory))?,
                with_key: !without_key,
            })
        };
        let (mut making, first) = self.blocking(begin).await?;
        let mut next = Some(first);
        while let Some(data) = next {
            if out.send(Ok(v1::BackupPart { data })).await.is_err() {
                return Ok(()); // the caller has gone
            }
            (making, next) = self
                .blocking(move || {
                    let bytes = making.next_bytes()?;
                    Ok((making, bytes))
                })
                .await?;
        }
        Ok(())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
    ) -> Result<T, BackupError> {
        self.parts.env.blocking(work).await.ok_or(BackupError::Stopping)?
    }

    /// Where a backup lies, as its entry says it.
    pub fn place_of(&self, machine: String, disk: String, stated_outside: bool) -> Place {
        let data = self.parts.env.disk.place(&self.parts.directory).unwrap_or_default();
        place::judge(&data, &DiskPlace { machine, disk }, stated_outside)
    }

    /// Whether the journal has the entry up to which a backup reaches.
    pub fn is_of_this_journal(&self, taken: &BackupTaken) -> bool {
        let hash = taken.chain_hash.as_slice().try_into();
        let anchor = hash.map(|hash| crate::feed::exchange::Anchor { sequence: taken.sequence, hash });
        anchor.is_ok_and(|anchor| self.parts.journal.holds(anchor).unwrap_or(false))
    }

    /// What the node tells of its backups.
    pub fn status(&self) -> Result<v1::BackupStatus, IndexError> {
        let FoldedBackups { at_ms, last, outside_at_ms } = folded(&Draft::new(self.parts.store.view().index))?;
        let last = last.unwrap_or_default();
        let since_ms = outside_at_ms.max(self.begun_at_ms);
        Ok(v1::BackupStatus {
            at_ms,
            sequence: last.sequence,
            place: name_of(last.place()).to_owned(),
            destination: last.destination,
            outside_at_ms,
            overdue: self.parts.time.now_ms().saturating_sub(since_ms) > OVERDUE_AFTER_MS,
        })
    }
}

/// A place as it is called on the wire.
pub fn name_of(place: Place) -> &'static str {
    match place {
        Place::Unknown => "unknown",
        Place::SameDisk => "same-disk",
        Place::OtherDisk => "other-disk",
        Place::OtherMachine => "other-machine",
        Place::StatedOutside => "stated-outside",
    }
}
