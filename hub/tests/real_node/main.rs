//! The program itself against real nodes: what people type, send and configure wrongly is
//! told clearly and loses nothing; what they do rightly works, in every form of output.
//!
//! * [`harness`]: a directory with certificates, nodes in it, and the program run there.
//! * [`case`]: a table of bad input, and what must hold after each of them.
//! * [`fields`], [`flags`], [`files`], [`starting`], [`frames`]: bad input, kind by kind.
//! * [`care`]: backup, restore, verify, compact, the journal.
//! * [`ledger`], [`importing`], [`showing`], [`reports`]: the command line at work.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "all of it is test code"
)]

mod care;
mod case;
mod fields;
mod files;
mod flags;
mod frames;
mod harness;
mod importing;
mod ledger;
mod reports;
mod showing;
mod starting;
