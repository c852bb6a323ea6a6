//! `wuji up`: a five-tier federation of real units on this machine, each a process of its own,
//! over the same gRPC and mutual TLS as in production.
//!
//! * [`plan`]: which units, on which ports.
//! * [`home`]: the directory with everything in it; one `up` at a time.
//! * [`process`]: starts, watches, restarts and stops one node; [`fleet`]: all of them.
//! * [`connect`]: calls to them.
//! * [`load`]: plans the children, submits the sample.
//! * [`converge`]: waits until the province is exact.
//! * [`recount`]: counts every raw record again and compares.
//! * [`published`]: the province's figures beside the published report.
//! * [`screen`], [`progress`]: what people see.

pub mod connect;
pub mod converge;
pub mod fleet;
pub mod home;
pub mod load;
pub mod plan;
pub mod process;
pub mod progress;
pub mod published;
pub mod recount;
pub mod screen;
