//! What a node's own figures were after an earlier entry of its journal: folded anew from the
//! first entry on, into an index of its own.

use std::ops::ControlFlow;

use thiserror::Error;
use wuji_proto::{DivisionCode, Incarnation, ItemKey};

use super::{Committed, Fold, FoldError};
use crate::catalogue::Catalogue;
use crate::feed::group::{FeedHead, Group};
use crate::feed::item::{FeedItem, ItemHasher};
use crate::index::memory::MemoryIndex;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};
use crate::journal::{JournalError, JournalReader};

/// Entries that are folded at once.
const GROUP_ENTRIES: usize = 2_000;

/// Why there is no recount.
#[derive(Debug, Error)]
pub enum RecountError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An entry does not fit.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// The cells of the feed of a node without children after entry `upto`, by this catalogue, in
/// the order of keys. Takes as long as opening without an index does.
pub fn recount(
    journal: &JournalReader,
    catalogue: &Catalogue,
    own: DivisionCode,
    incarnation: Incarnation,
    upto: u64,
) -> Result<Vec<FeedItem>, RecountError> {
    let (index, hasher) = (MemoryIndex::default(), ItemHasher::new(own, incarnation));
    let mut head = FeedHead::default();
    let mut waiting = Vec::with_capacity(GROUP_ENTRIES);
    let mut entries = journal.entries_from(1);
    loop {
        let frame = entries.next().transpose()?.filter(|frame| frame.position.sequence <= upto);
        let last = frame.is_none();
        waiting.extend(frame.map(|frame| Committed { position: frame.position, entry: frame.entry }));
        if last || waiting.len() == GROUP_ENTRIES {
            let mut group = Group::new(&index, own, head, &hasher);
            let mut fold = Fold::new(catalogue, true);
            waiting.drain(..).try_for_each(|committed| fold.entry(&mut group, &committed))?;
            fold.finish(&mut group)?;
            head = group.settle();
            index.apply(&group.finish().0)?;
        }
        if last {
            return Ok(cells(&index)?);
        }
    }
}

fn cells(index: &dyn Index) -> Result<Vec<FeedItem>, IndexError> {
    let (prefix, mut cells) = (keys::items(), Vec::new());
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        if let Some(item) = keys::parse_item(key)
            && matches!(ItemKey::from_bytes(item), Ok(ItemKey::Cell(_)))
        {
            cells.push(FeedItem { key: item.to_vec(), value: OwnItem::from_bytes(value)?.value });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(cells)
}
