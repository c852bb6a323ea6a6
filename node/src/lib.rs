//! The Wuji node, the same program at every tier.
//!
//! A node's state = fold(its own journal) + its children's feeds + its parent's feed.
//! The modules, in the order in which data flows through them:
//!
//! * [`mod@env`]: what a simulation replaces: clock, random numbers, disk, workers.
//! * [`feed`]: the change feed: items, digests, what the ends of a link say.
//! * [`link`]: the wire between parent and child: push, accept.
//! * [`access`]: who is calling, what they may do.
//! * [`retry`]: when to try again. [`config`], [`telemetry`]: what a node is told and tells.

pub mod access;
pub mod config;
pub mod env;
pub mod feed;
pub mod link;
pub mod retry;
pub mod telemetry;
