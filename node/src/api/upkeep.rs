//! The care of a node's data: backups, snapshots, compaction, verification; its journal for
//! auditors.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wuji_proto::stored::BackupTaken;
use wuji_proto::v1::upkeep_server::Upkeep;
use wuji_proto::v1::{
    BackupPart, BackupRequest, BackupVerifiedReply, BackupVerifiedRequest, CompactReply, CompactRequest, JournalPage,
    JournalRequest, SnapshotReply, SnapshotRequest, VerifyReply, VerifyRequest,
};

use super::{REPLIES_MAX, Replies, refusal};
use crate::access::Access;
use crate::backup::served::{Backups, name_of};
use crate::compact::Compactor;
use crate::ledger::Ledgers;
use crate::snapshot::Snapshots;
use crate::trail::Trail;
use crate::verify::online::Verifier;

/// Parts of a backup that may wait for a slow reader: a MiB each.
const BACKUP_PARTS_MAX: usize = 4;

/// Pages of the journal that may wait for a slow reader.
const PAGES_MAX: usize = 4;

/// The longest description of where a backup lies, in bytes.
const DESTINATION_BYTES_MAX: usize = 1_024;

/// The longest name of a machine or a disk, in bytes.
const PLACE_BYTES_MAX: usize = 256;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// The service.
pub struct UpkeepService {
    /// Who may ask.
    pub access: Access,
    /// Notes in the journal.
    pub ledgers: Ledgers,
    /// Of the index.
    pub snapshots: Arc<Snapshots>,
    /// Of the node.
    pub backups: Arc<Backups>,
    /// Of the index's files.
    pub compactor: Compactor,
    /// Of everything.
    pub verifier: Arc<Verifier>,
}

#[tonic::async_trait]
impl Upkeep for UpkeepService {
    type BackupStream = Replies<BackupPart>;

    async fn backup(&self, request: Request<BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        self.access.require_operator(&request)?;
        let BackupRequest { without_key } = request.into_inner();
        self.ledgers.settled().await;
        let (parts, out) = mpsc::channel(BACKUP_PARTS_MAX);
        let backups = Arc::clone(&self.backups);
        tokio::spawn(async move {
            if let Err(error) = backups.make(without_key, &parts).await {
                // Whoever has gone meanwhile is told nothing.
                drop(parts.send(Err(refusal::backup(&error))).await);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }

    async fn backup_verified(
        &self,
        request: Request<BackupVerifiedRequest>,
    ) -> Result<Response<BackupVerifiedReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let told = request.into_inner();
        let long = told.destination.len() > DESTINATION_BYTES_MAX
            || told.machine.len().max(told.disk.len()) > PLACE_BYTES_MAX
            || told.hash.len() != HASH_BYTES;
        if long {
            return Err(Status::invalid_argument(
                "a hash has 32 bytes, a destination at most 1,024, the name of a machine or disk at most 256",
            ));
        }
        let place = self.backups.place_of(told.machine, told.disk, told.stated_outside);
        let taken = BackupTaken {
            hash: told.hash,
            bytes: told.bytes,
            sequence: told.sequence,
            chain_hash: told.chain_hash,
            with_key: told.with_key,
            place: place.into(),
            destination: told.destination,
        };
        if !self.backups.is_of_this_journal(&taken) {
            return Err(Status::failed_precondition(format!(
                "this journal has no entry {} with that chain hash: the backup is of another journal",
                taken.sequence
            )));
        }
        let at_ms = self.ledgers.note_backup(taken, &actor).await.map_err(refusal::ledger)?;
        Ok(Response::new(BackupVerifiedReply { at_ms, place: name_of(place).to_owned() }))
    }

    async fn compact(&self, request: Request<CompactRequest>) -> Result<Response<CompactReply>, Status> {
        self.access.require_operator(&request)?;
        Ok(Response::new(self.compactor.compact().await.map_err(|error| refusal::compact(&error))?))
    }

    type VerifyStream = Replies<VerifyReply>;

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        self.access.require_operator(&request)?;
        self.ledgers.settled().await;
        let (parts, out) = mpsc::channel(REPLIES_MAX);
        let verifier = Arc::clone(&self.verifier);
        tokio::spawn(async move {
            tokio::select! {
                () = parts.closed() => {}
                done = verifier.run(&parts) => if let Err(error) = done {
                    // Whoever has gone meanwhile is told nothing.
                    drop(parts.send(Err(refusal::verify(&error))).await);
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }

    type JournalStream = Replies<JournalPage>;

    async fn journal(&self, request: Request<JournalRequest>) -> Result<Response<Self::JournalStream>, Status> {
        self.access.require_operator(&request)?;
        let trail =
            Trail::begin(&self.verifier.journal, request.into_inner()).map_err(|error| refusal::trail(&error))?;
        let (pages, out) = mpsc::channel(PAGES_MAX);
        let env = self.verifier.env.clone();
        tokio::spawn(async move {
            let mut trail = trail;
            loop {
                let read;
                let Some(done) = env.blocking(move || (trail.page(), trail)).await else { return };
                (read, trail) = done;
                let page = match read {
                    Ok(None) => return,
                    Ok(Some(page)) => Ok(page),
                    Err(error) => Err(refusal::trail(&error)),
                };
                let failed = page.is_err();
                if pages.send(page).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }

    async fn snapshot(&self, request: Request<SnapshotRequest>) -> Result<Response<SnapshotReply>, Status> {
        self.access.require_operator(&request)?;
        self.ledgers.settled().await;
        let made = self.snapshots.present().await.map_err(|error| refusal::snapshot(&error))?;
        Ok(Response::new(SnapshotReply {
            sequence: made.index.applied,
            keys: made.keys,
            live_bytes: made.live_bytes,
            file_bytes: made.file_bytes,
        }))
    }
}
