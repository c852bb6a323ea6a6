//! The contract of Wuji.
//!
//! * [`v1`]: the gRPC services and messages, generated from `proto/wuji/v1/*.proto`.
//! * [`stored`]: the messages inside journals and indexes, from `proto/wuji/stored/v1/*.proto`.
//! * The checked vocabulary that both are made of. The wire's strings and bytes become
//!   these types once, at the edge; past it nobody checks them again.

mod cell;
mod code;
mod error;
mod figure;
mod id;
/// Civil periods, dates and grains.
pub mod period;
mod sequence;
mod tier;
pub mod wire;

pub use cell::{AMOUNT_MAX, CellKey, ITEM_KEY_BYTES_MAX, ItemKey, Part};
pub use code::{CODE_KEY_BYTES, DivisionCode};
pub use error::ParseError;
pub use id::{Incarnation, MeasureId, RecordId, ReportId, UnitId};
pub use period::{Grain, Period};
pub use sequence::{Digest, Sequence, Watermark};
pub use tier::Tier;

/// Generated from the .proto files, where each message is documented. The modules nest as
/// the packages do, since generated code names its neighbours by that path.
#[expect(missing_docs, clippy::pedantic, reason = "generated; the documentation is in the .proto files")]
mod generated {
    pub mod v1 {
        tonic::include_proto!("wuji.v1");
    }
    pub mod stored {
        pub mod v1 {
            tonic::include_proto!("wuji.stored.v1");
        }
    }
}

/// What journals and indexes hold.
pub use generated::stored::v1 as stored;
/// The gRPC services and their messages.
pub use generated::v1;

/// For gRPC reflection: the descriptors of every service.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("wuji");
