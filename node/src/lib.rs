//! The Wuji node, the same program at every tier.
//!
//! A node's state = fold(its own journal) + its children's feeds + its parent's feed.
//! The modules, in the order in which data flows through them:
//!
//! * [`env`], [`time`]: what a simulation replaces; the node's own time.
//! * [`catalogue`]: what ledgers, measures and indicators there are; the form of a record.
//! * [`ledger`]: submit, amend, void, list; the one committer.
//! * [`journal`]: the truth: segments, frames, chain, group commit, recovery.
//! * [`fold`]: journal entries to changes of the index.
//! * [`index`]: the view: keys and values, on disk or in memory.
//! * [`store`], [`writer`]: the index as readers see it, and the one thread that changes it.
//! * [`feed`]: the change feed: items, sequences, what a child's frames change.
//! * [`statistics`]: how cells add up over the tree, and how they are asked for.
//! * [`config`], [`telemetry`], [`retry`]: how a node is set up, watched, and tries again.
//! * [`state`]: all of these, opened and at work.

pub mod catalogue;
pub mod config;
pub mod env;
pub mod feed;
pub mod fold;
pub mod index;
pub mod journal;
pub mod link;
pub mod ledger;
pub mod state;
pub mod statistics;
pub mod retry;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod writer;
