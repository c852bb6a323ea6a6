//! Questions over a small tree of nodes in one process.

mod equal;
mod hostile;
mod lists;
mod questions;
mod world;

pub(super) use world::directory;
