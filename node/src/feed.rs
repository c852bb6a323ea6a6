//! The change feed 变更流: a node's published state as keyed items, each at its newest
//! sequence. It is state-based: sending an item twice, late or after a crash changes nothing.
//!
//! * [`item`]: an item and its forms; the digest of a set of items.
//! * [`exchange`]: what the two ends of a link say to the state they work on.

pub mod exchange;
pub mod item;
