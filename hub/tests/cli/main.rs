//! The program itself, against a node that is played by the test: real process, real gRPC,
//! real certificates on both sides.

mod connecting;
mod entries;
mod fake;
mod harness;
mod help;
mod importing;
mod showing;
