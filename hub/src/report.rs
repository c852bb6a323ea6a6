//! Reports as people print and publish them. What a node answers is exact; it is rounded here,
//! where it is shown, and nowhere before.
//!
//! * [`section`]: a report's sections, read.
//! * [`value`]: what stands in a cell.
//! * [`document`]: a report as tables under Chinese titles, made of
//!   [`monthly`], [`workrooms`], [`about`] and [`changes`].
//! * [`xlsx`], [`markdown`]: that document, printed.
//! * [`csv`], [`json`]: the report itself, exact.
//! * [`form`]: which of these, and into which file.

pub mod about;
pub mod changes;
pub mod csv;
pub mod document;
pub mod form;
pub mod json;
pub mod markdown;
pub mod monthly;
pub mod section;
pub mod titles;
pub mod value;
pub mod workrooms;
pub mod xlsx;
