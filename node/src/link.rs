//! The wire between parent and child: both ends of `Federation.Push`.
//!
//! The child always dials, since villages have no public address. It opens with who it is,
//! the parent welcomes it with what it holds, and the child continues from there; or walks
//! over its whole feed, range by range, where the parent's watermark cannot be continued.
//!
//! * [`PushLink`]: the child's end. [`PushStatus`]: what it tells of itself.
//! * [`AcceptService`]: the parent's end. [`Children`]: what it knows of each child's line.
//! * [`server`]: the settings of the server that both need.
//!
//! The link knows streams, bytes and limits; sequences and cells are the state's
//! (`feed::exchange`), so neither can be wrong about the other's part.

mod accept;
mod frame;
mod payload;
mod push;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tonic::transport::Server;

use crate::access::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use crate::config::LinkConfig;

pub use accept::{AcceptParts, AcceptService, ChildLink, ChildState, Children, Presence};
pub use frame::Malformed;
pub use push::{HeardUnits, PushLink, PushParts, PushStatus, TakenIn};

/// The version of what is said over a link.
pub const PROTOCOL_VERSION: u32 = 1;

/// Frames that may ever be unanswered on one stream.
pub const WINDOW_FRAMES_MAX: u32 = 256;

/// Items in one frame.
pub const FRAME_ITEMS_MAX: u32 = 4_096;

/// About the size of the items that a child puts into one frame, in bytes: large enough to
/// pay for its answer, small enough for a slow line to show progress.
pub const FRAME_BYTES_MAX: usize = 256 << 10;

/// The size of a frame's items after decompression, in bytes, that a parent takes. The
/// child aims at [`FRAME_BYTES_MAX`] and may be over it by an item and its framing.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The largest message on the stream, in bytes.
pub const MESSAGE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + (128 << 10);

/// Starts that an opening names; older ones decide nothing any more.
pub const OPENING_STARTS_MAX: usize = 4_096;

/// Units in one `heard` frame.
pub const HEARD_UNITS_MAX: usize = 4_096;

/// Calls that one connection may have open: a child's push, and an operator's few.
const CONNECTION_CALLS_MAX: u32 = 64;

/// A server that notices dead lines and bounds what a connection may have on the way.
pub fn server(config: &LinkConfig) -> Server {
    let keepalive = Duration::from_secs(config.keepalive_seconds.into());
    Server::builder()
        .http2_keepalive_interval(Some(keepalive))
        .http2_keepalive_timeout(Some(keepalive))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(CONNECTION_CALLS_MAX)
}
