//! What is stored under the index's keys, beside the messages of `stored.proto`.

use prost::Message;
use prost::encoding::{decode_varint, encode_varint};
use wuji_proto::Sequence;

use super::IndexError;
use crate::feed::item::ItemValue;

/// An item of the own feed: its newest sequence, and its value's stored form.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnItem {
    /// When it last changed.
    pub sequence: Sequence,
    /// The value.
    pub value: ItemValue,
}

impl OwnItem {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16);
        encode_varint(u64::from(self.sequence.start), &mut bytes);
        encode_varint(self.sequence.number, &mut bytes);
        bytes.extend(self.value.to_bytes());
        bytes
    }

    /// Only the sequence of a stored item, and its value's stored form.
    pub fn split(mut bytes: &[u8]) -> Result<(Sequence, &[u8]), IndexError> {
        let damaged = || IndexError::Damaged("a feed item has no sequence".to_owned());
        let start = decode_varint(&mut bytes).map_err(|_| damaged())?;
        let number = decode_varint(&mut bytes).map_err(|_| damaged())?;
        Ok((Sequence { start: u32::try_from(start).map_err(|_| damaged())?, number }, bytes))
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let (sequence, value) = Self::split(bytes)?;
        let value =
            ItemValue::from_bytes(value).ok_or_else(|| IndexError::Damaged("a feed item's value".to_owned()))?;
        Ok(Self { sequence, value })
    }
}

/// What a link holds under an item key. An item set aside is kept, so that both ends stay
/// equal, but contributes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldItem {
    /// Malformed: its key or value makes no sense here.
    pub aside: bool,
    /// The value as it came.
    pub value: ItemValue,
}

impl HeldItem {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.aside)];
        bytes.extend(self.value.to_bytes());
        bytes
    }

    /// The value's stored form inside the stored form, which digests cover.
    pub fn value_bytes(bytes: &[u8]) -> &[u8] {
        bytes.get(1..).unwrap_or_default()
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let damaged = || IndexError::Damaged("a held item".to_owned());
        let (aside, value) = bytes.split_first().ok_or_else(damaged)?;
        Ok(Self { aside: *aside != 0, value: ItemValue::from_bytes(value).ok_or_else(damaged)? })
    }

    /// What it adds to totals.
    pub fn amount(&self) -> i64 {
        match self.value {
            ItemValue::Amount(amount) if !self.aside => amount,
            _ => 0,
        }
    }
}

/// Reads a stored message.
pub fn decode<M: Message + Default>(what: &str, bytes: &[u8]) -> Result<M, IndexError> {
    M::decode(bytes).map_err(|error| IndexError::Damaged(format!("{what}: {error}")))
}
