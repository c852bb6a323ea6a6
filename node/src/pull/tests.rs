//! Barriers and questions about peers between whole nodes in one process.

mod barrier;
mod peers;
mod world;
