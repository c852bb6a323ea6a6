//! Reverse calls 上级调取: what a parent asks of its children over the connections that they
//! opened, since villages have no public address.
//!
//! * [`Ask`]: what is asked. [`Parts`]: the answer, part by part; dropping it cancels the call.
//! * [`Below`]: the open lines downward, as whoever asks sees them.
//! * [`Lines`]: these over `Federation.Answer`; [`Answering`]: their other end.
//! * [`Answerer`], [`PartSender`]: with what a node answers its parent; [`Answers`]: all of it.
//! * [`Barrier`]: every unit of a scope shows its newest figures. [`Local`]: the own view's answers.
//! * [`Desk`]: what questions of statistics are answered with.
//!
//! A call's parts are sent against credit: a slow reader slows down just the call that it
//! reads. Every hop has its own deadline, a duration, since clocks differ.

mod answering;
mod answers;
pub mod barrier;
mod desk;
#[cfg(any(test, feature = "simulation"))]
pub mod double;
mod line;
mod lines;
mod local;
mod part;
mod tally;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::v1::pull_request;
use wuji_proto::{DivisionCode, v1};

pub use answering::Answering;
pub use answers::Answers;
pub use barrier::Barrier;
pub use desk::Desk;
pub use lines::{Lines, Requests};
pub use local::Local;
pub use part::{Gone, PartSender, Parts};
pub use tally::{Reason, UNITS_NAMED_MAX};

/// The size that one part of credit pays for, in bytes: a larger part costs several.
pub const CREDIT_BYTES: usize = 4 << 10;

/// Credit that a call begins with, and the most that it ever has: 1 MiB may be on the way.
pub const CREDIT_PARTS_MAX: u32 = 256;

/// The largest part, in bytes: half of what may be on the way, so that credit which is not
/// yet given back never keeps one from being sent.
pub const PART_BYTES_MAX: usize = CREDIT_PARTS_MAX as usize / 2 * CREDIT_BYTES;

/// Calls to one child at once; also what a child answers at once.
pub const CALLS_PER_LINE_MAX: usize = 64;

/// Calls to all children at once.
pub const CALLS_MAX: usize = 1_024;

/// The longest time that is given to one call.
pub const WITHIN_MAX: Duration = Duration::from_mins(10);

/// What a parent asks of a child.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Show me your state as it is after this.
    Barrier(v1::BarrierRequest),
    /// A question that the asker does not hold finely enough.
    Query(v1::QueryRequest),
    /// Records, within the fields' ceilings.
    Records(v1::ListRequest),
    /// Digests of what the feed has about each unit.
    Digests(v1::DigestsRequest),
    /// An audit of the child, and of those below it.
    Audit(v1::AuditRequest),
}

impl From<Ask> for pull_request::Ask {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::Barrier(asked) => Self::Barrier(asked),
            Ask::Query(asked) => Self::Query(asked),
            Ask::Records(asked) => Self::Records(asked),
            Ask::Digests(asked) => Self::Digests(asked),
            Ask::Audit(asked) => Self::Audit(asked),
        }
    }
}

/// The open lines downward.
pub trait Below: Send + Sync {
    /// Children that can be asked now, in the order of codes.
    fn open(&self) -> Vec<DivisionCode>;

    /// Asks a child. What it answers comes through the returned parts; `UNAVAILABLE` if it
    /// has no open line or its line ends, `DEADLINE_EXCEEDED` if `within` (at most
    /// [`WITHIN_MAX`]) is over before the answer is.
    fn ask(&self, child: DivisionCode, ask: Ask, within: Duration) -> Parts;
}

/// What a node answers its parent with.
#[tonic::async_trait]
pub trait Answerer: Send + Sync {
    /// Sends the parts of the answer. Returning ends the call, well or with a status.
    ///
    /// The future is dropped when `within` is over, when the parent cancels, and when the
    /// line ends; work that it has given to other threads asks [`PartSender::is_over`].
    async fn answer(&self, ask: Ask, within: Duration, out: &PartSender) -> Result<(), Status>;
}

/// What a part costs of a call's credit.
fn cost(part: &Part) -> u32 {
    let bytes = match part {
        Part::Hello(part) => prost::Message::encoded_len(part),
        Part::Barrier(part) => prost::Message::encoded_len(part),
        Part::Query(part) => prost::Message::encoded_len(part),
        Part::Records(part) => prost::Message::encoded_len(part),
        Part::Digests(part) => prost::Message::encoded_len(part),
        Part::Audit(part) => prost::Message::encoded_len(part),
        Part::End(part) => prost::Message::encoded_len(part),
        Part::Error(part) => prost::Message::encoded_len(part),
    };
    u32::try_from(bytes.div_ceil(CREDIT_BYTES).max(1)).unwrap_or(u32::MAX)
}
