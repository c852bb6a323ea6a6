//! The Wuji node, the same program at every tier.
//!
//! A node's state = fold(its own journal) + its children's feeds + its parent's feed.
//! The modules, in the order in which data flows through them:
//!
//! * [`mod@env`]: what a simulation replaces: clock, random numbers, disk, workers.
//! * [`catalogue`]: the province's standard of ledgers, measures and indicators; checks forms.
//! * [`feed`]: the change feed: items, digests, what the ends of a link say.

pub mod catalogue;
pub mod env;
pub mod feed;
