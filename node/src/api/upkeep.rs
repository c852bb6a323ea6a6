//! The care of a node's data: backups, snapshots.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wuji_proto::stored::BackupTaken;
use wuji_proto::v1::upkeep_server::Upkeep;
use wuji_proto::v1::{
    BackupPart, BackupRequest, BackupVerifiedReply, BackupVerifiedRequest, SnapshotReply, SnapshotRequest,
};

use super::{Replies, refusal};
use crate::access::Access;
use crate::backup::served::{Backups, name_of};
use crate::ledger::Ledgers;
use crate::snapshot::Snapshots;

/// Parts of a backup that may wait for a slow reader: a MiB each.
const BACKUP_PARTS_MAX: usize = 4;

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
