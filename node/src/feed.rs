//! The change feed 变更流: a node's published state as keyed items, each at its newest
//! sequence. It is state-based: sending an item twice, late or after a crash changes nothing.
//!
//! * [`item`]: an item and its forms; the digest of a set of items.
//! * [`history`]: the node's starts, and which marks name a place of its past.
//! * [`changes`]: which items changed since a sequence.
//! * [`group`]: one batch of the index: totals, feed and journal mark move together.
//! * [`source`]: the own feed as the pushing end of a link reads it.
//! * [`child`], [`intake`]: what a parent knows of a child's feed, and what a frame changes.
//! * [`heard`]: when the units below were last complete.
//! * [`exchange`]: what the two ends of a link say to the state they work on.

pub mod changes;
pub mod child;
pub mod exchange;
pub mod group;
pub mod heard;
pub mod history;
pub mod intake;
pub mod item;
pub mod source;
