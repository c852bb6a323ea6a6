//! The gRPC services: decode, authorise, call, encode. No rule of the business lives here.
//!
//! * [`ledger`], [`import`]: writing and reading records; rows of a file.
//! * [`catalogue`], [`statistics`], [`node`]: what there is to ask.
//! * [`report`]: reports, made, issued and shown.
//! * [`upkeep`]: the care of the node's data.
//! * [`refusal`]: the one table from errors to gRPC statuses.

pub mod catalogue;
pub mod import;
pub mod ledger;
pub mod node;
pub mod refusal;
pub mod report;
pub mod statistics;
pub mod upkeep;

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::Status;

/// A reply that is streamed.
pub type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Streamed messages that may wait for a slow reader.
const REPLIES_MAX: usize = 16;

/// Work on the state was cut off.
fn interrupted() -> Status {
    Status::unavailable("the node was interrupted: try again")
}
