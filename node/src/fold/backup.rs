//! Backups that were taken: when the last one was, and the last that lies outside the node's own
//! disk, which alone counts when that disk is gone.

use wuji_proto::stored::backup_taken::Place;
use wuji_proto::stored::{BackupTaken, FoldedBackups};

use crate::feed::group::Group;
use crate::index::draft::Draft;
use crate::index::{IndexError, keys};

/// What the index knows of backups.
pub fn folded(draft: &Draft<'_>) -> Result<FoldedBackups, IndexError> {
    Ok(draft.message("the backups taken", &keys::backups())?.unwrap_or_default())
}

/// Whether a backup there is of use when the node's own disk is gone.
pub fn is_outside(place: Place) -> bool {
    matches!(place, Place::OtherDisk | Place::OtherMachine | Place::StatedOutside)
}

pub(super) fn taken(group: &mut Group<'_>, at_ms: i64, taken: &BackupTaken) -> Result<(), IndexError> {
    let mut backups = folded(&group.draft)?;
    if is_outside(taken.place()) {
        backups.outside_at_ms = at_ms;
    }
    backups.at_ms = at_ms;
    backups.last = Some(taken.clone());
    group.draft.put(keys::backups(), prost::Message::encode_to_vec(&backups));
    Ok(())
}
