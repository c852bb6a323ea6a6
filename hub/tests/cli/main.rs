//! The program itself, against a node that is played by the test: real process, real gRPC,
//! real certificates on both sides.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "all of it is test code"
)]

mod connecting;
mod entries;
mod fake;
mod harness;
mod help;
mod importing;
mod showing;
