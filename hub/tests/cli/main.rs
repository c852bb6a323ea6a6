//! The program itself, against a node that is played by the test: real process, real gRPC,
//! real certificates on both sides.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "all of it is test code"
)]

mod asking;
mod auditing;
mod connecting;
mod entries;
mod explaining;
mod fake;
mod harness;
mod help;
mod hostile;
mod importing;
mod ranking;
mod reports;
mod showing;
mod zero_reports;
