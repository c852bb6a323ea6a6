//! Statistics: how cells add up over the tree, and how they are asked for.
//!
//! * [`rollup`]: what links contribute to the node's own totals.
//! * [`plan`]: a question, checked against the catalogue and what this node holds.
//! * [`cells`]: sums of stored cells by period and words.
//! * [`answer`]: the rows, totals and coverage of one view.
//! * [`directory`]: the subtree as the feed's directory entries tell it.

pub mod answer;
pub mod cells;
pub mod directory;
pub mod plan;
pub mod rollup;

#[cfg(test)]
mod tests;
