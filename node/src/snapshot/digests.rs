//! Whether stored items are those that digests were made of: of the own feed, and of what is
//! held of each child. A digest that is kept up by differences proves only equal streams.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use wuji_proto::{Digest, DivisionCode, Incarnation};

use crate::feed::child::Child;
use crate::feed::item::ItemHasher;
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError, keys};

/// What is held of each child that ever connected, as its digest says.
pub type HeldDigests = BTreeMap<DivisionCode, (Incarnation, Digest)>;

/// Reads the digests of what is held of the children.
pub fn held(index: &dyn Index) -> Result<HeldDigests, IndexError> {
    let mut held = BTreeMap::new();
    let children = keys::children();
    index.scan(&children, keys::after(&children).as_deref(), &mut |key, value| {
        let child = Child::from_bytes(value)?;
        if let (Some(code), Some(incarnation)) = (keys::parse_child(key), child.incarnation) {
            held.insert(code, (incarnation, child.holding.digest));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(held)
}

/// Digests made anew from the items.
pub struct Digests {
    own: ItemHasher,
    feed: Digest,
    held: BTreeMap<DivisionCode, (ItemHasher, Digest, Digest)>,
}

impl Digests {
    /// Of no item yet. `own` hashes the items of the own feed.
    pub fn new(own: ItemHasher, held: HeldDigests) -> Self {
        let hasher = |(code, (life, stated))| (code, (ItemHasher::new(code, life), Digest::default(), stated));
        Self { own, feed: Digest::default(), held: held.into_iter().map(hasher).collect() }
    }

    /// Adds what is stored under a key.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        if let Some(item) = keys::parse_item(key) {
            self.feed = self.feed.with(self.own.hash(item, OwnItem::split(value)?.1));
        } else if let (Some(item), Some(child)) = (keys::parse_held(key), keys::parse_held_by(key))
            && let Some((hasher, digest, _)) = self.held.get_mut(&child)
        {
            *digest = digest.with(hasher.hash(item, HeldItem::value_bytes(value)));
        }
        Ok(())
    }

    /// The own feed's.
    pub fn feed(&self) -> Digest {
        self.feed
    }

    /// Compares, after everything was added.
    pub fn compare(&self, feed: Digest) -> Result<(), IndexError> {
        if self.feed != feed {
            let (count, stated) = (self.feed.count, feed.count);
            let what = format!("the feed's {count} items are not the {stated} that it should have");
            return Err(IndexError::Damaged(what));
        }
        match self.held.iter().find(|(_, (_, found, stated))| found != stated) {
            Some((code, _)) => Err(IndexError::Damaged(format!("what is held of {code} is not what was stored"))),
            None => Ok(()),
        }
    }
}
