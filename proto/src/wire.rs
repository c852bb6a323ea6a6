//! Conversions between the vocabulary and its forms on the wire and in stores.

use crate::{Digest, Sequence, Watermark, stored, v1};

impl From<Watermark> for v1::Mark {
    fn from(mark: Watermark) -> Self {
        Self { start: mark.at.start, number: mark.at.number, epoch: mark.epoch }
    }
}

impl From<v1::Mark> for Watermark {
    fn from(mark: v1::Mark) -> Self {
        Self { at: Sequence { start: mark.start, number: mark.number }, epoch: mark.epoch }
    }
}

impl From<Watermark> for stored::Place {
    fn from(mark: Watermark) -> Self {
        Self { start: mark.at.start, number: mark.at.number, epoch: mark.epoch }
    }
}

impl From<stored::Place> for Watermark {
    fn from(place: stored::Place) -> Self {
        Self { at: Sequence { start: place.start, number: place.number }, epoch: place.epoch }
    }
}

impl From<Digest> for v1::FeedDigest {
    fn from(digest: Digest) -> Self {
        Self { sum: digest.sum.to_le_bytes().to_vec(), count: digest.count }
    }
}

impl From<&v1::FeedDigest> for Digest {
    /// A sum that has not 16 bytes reads as a digest that equals no other of its count.
    fn from(digest: &v1::FeedDigest) -> Self {
        Self { sum: digest_sum(&digest.sum), count: digest.count }
    }
}

/// A stored sum; bytes of another length read as the sum of nothing.
pub fn digest_sum(bytes: &[u8]) -> u128 {
    bytes.try_into().map_or(0, u128::from_le_bytes)
}
