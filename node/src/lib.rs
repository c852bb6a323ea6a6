//! The Wuji node, the same program at every tier.
//!
//! A node's state = fold(its own journal) + its children's feeds + its parent's feed.
//! The modules, in the order in which data flows through them:
//!
//! * [`node`]: builds the parts and wires them; start, drain, stop.
//! * [`config`], [`telemetry`], [`retry`]: how a node is set up, watched, and tries again.
//! * [`mod@env`], [`time`]: what a simulation replaces; the node's own time.
//! * [`api`]: the gRPC services, thin.
//! * [`access`]: who is calling, and what the name in the certificate allows.
//! * [`catalogue`]: what ledgers, measures and indicators there are; the form of a record.
//! * [`ledger`]: submit, amend, void, list; the one committer.
//! * [`journal`]: the truth: segments, frames, chain, group commit, recovery.
//! * [`fold`]: journal entries to changes of the index.
//! * [`index`]: the view: keys and values, on disk or in memory.
//! * [`store`], [`writer`]: the index as readers see it, and the one thread that changes it.
//! * [`snapshot`], [`archive`]: the index at one mark, in a file; files in chunks that are checked.
//! * [`backup`]: the whole node in one file, and back.
//! * [`compact`], [`verify`], [`trail`]: its files anew; all of it compared; the journal for auditors.
//! * [`feed`]: the change feed: items, sequences, what a child's frames change.
//! * [`link`]: the wire between parent and child.
//! * [`pull`]: what a parent asks of its children, and what they answer.
//! * [`statistics`]: how cells add up over the tree, and how they are asked for.
//! * [`audit`]: every total against its parts, every copy against its source, again and again.
//! * [`report`]: figures as they were issued.
//! * [`relay`]: questions that other nodes answer.
//! * [`state`], [`status`]: all of these opened and at work; what a node tells of itself.
//! * [`division`]: the directory of division codes.
//! * [`invariant`]: what must always hold, for assertions and tests.
//! * [`mistake`]: rules that a simulation leaves out on purpose, to see that it notices.

pub mod access;
pub mod api;
pub mod archive;
pub mod audit;
pub mod backup;
pub mod catalogue;
pub mod compact;
pub mod config;
pub mod division;
pub mod env;
pub mod feed;
pub mod fold;
pub mod index;
pub mod invariant;
pub mod journal;
pub mod ledger;
pub mod link;
pub mod mistake;
pub mod node;
pub mod pull;
pub mod relay;
pub mod report;
pub mod retry;
pub mod snapshot;
pub mod state;
pub mod statistics;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod trail;
pub mod verify;
pub mod writer;
