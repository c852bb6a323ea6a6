//! Statistics: how cells add up over the tree, and how they are asked for.
//!
//! * [`rollup`]: what links contribute to the node's own totals.
//! * [`plan`], [`spans`]: a question, checked; its times, and what they are compared with.
//! * [`series`]: stored cells of a unit, by words and day. [`memory`]: those asked for lately.
//!   [`warm`]: reads them without keeping the writer waiting.
//! * [`rows`], [`table`]: the rows of a question; their order, totals and packed form.
//! * [`answer`]: rows, totals and coverage of one view. [`rank`]: units placed by an indicator.
//! * [`coverage`]: what an answer includes. [`reporting`]: who reported when.
//!   [`standing`]: who is connected, and how old what they sent is. [`unsettled`]: what was lost
//!   and counts on.
//! * [`each_month`]: unit-months: a stock's value in each month of a period, added up.
//! * [`received`]: which days of a child are stated as received, and which it has reported.
//! * [`adoption`]: which revision of a measure a question is answered with.
//! * [`records`]: answers from the records themselves.
//! * [`directory`]: the subtree as the feed's directory entries tell it.

pub mod adoption;
pub mod answer;
pub mod coverage;
pub mod directory;
pub mod each_month;
pub mod memory;
pub mod plan;
pub mod rank;
pub mod received;
pub mod records;
pub mod reporting;
pub mod rollup;
pub mod rows;
pub mod series;
pub mod spans;
pub mod standing;
pub mod table;
pub mod unsettled;
pub mod warm;

#[cfg(test)]
mod tests;

use wuji_proto::DivisionCode;

use crate::index::Index;

/// What questions are answered from: a view of the index, and what is in memory of just that
/// state.
#[derive(Clone, Copy)]
pub struct Figures<'v> {
    /// The index.
    pub index: &'v dyn Index,
    /// What is kept of it in memory.
    pub memory: &'v memory::Memory,
    /// The node's own unit.
    pub own: DivisionCode,
}
