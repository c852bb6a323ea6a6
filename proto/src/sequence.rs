use std::fmt;

/// A place in a feed: the start of the node that wrote it, and a number within that run.
///
/// Orders by start, then number. `start` 0 comes before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence {
    /// Which start of the node, from 1.
    pub start: u32,
    /// The number of the change within the start, from 1.
    pub number: u64,
}

impl Sequence {
    /// Before every change.
    pub const ZERO: Self = Self { start: 0, number: 0 };

    /// The next sequence of the same start.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { start: self.start, number: self.number + 1 }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.start, self.number)
    }
}

/// A sequence as a neighbour keeps it: with the epoch of its start, so that it is never
/// taken for a sequence of another run that has the same start number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watermark {
    /// The place.
    pub at: Sequence,
    /// The random epoch 纪元 of that start; 0 for [`Sequence::ZERO`].
    pub epoch: u64,
}

impl Watermark {
    /// Before every change.
    pub const ZERO: Self = Self { at: Sequence::ZERO, epoch: 0 };
}

/// An order-free digest 摘要 of a set of items, and how many they are: the wrapping sum
/// of a keyed 128-bit hash of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// The wrapping sum of the items' hashes.
    pub sum: u128,
    /// The number of items.
    pub count: u64,
}

impl Digest {
    /// With one more item of this hash.
    #[must_use]
    pub const fn with(self, hash: u128) -> Self {
        Self { sum: self.sum.wrapping_add(hash), count: self.count.wrapping_add(1) }
    }

    /// Without the error that it shares with `stored`, which should have been `counted`.
    #[must_use]
    pub const fn mended(self, stored: Self, counted: Self) -> Self {
        Self {
            sum: self.sum.wrapping_add(counted.sum.wrapping_sub(stored.sum)),
            count: self.count.wrapping_add(counted.count.wrapping_sub(stored.count)),
        }
    }

    /// With one item of this hash less.
    #[must_use]
    pub const fn without(self, hash: u128) -> Self {
        Self { sum: self.sum.wrapping_sub(hash), count: self.count.wrapping_sub(1) }
    }
}
