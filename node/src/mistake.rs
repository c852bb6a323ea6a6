//! Mistakes on purpose 故意的错误: each leaves out one rule of the protocol, and a simulation must
//! notice that it is missing. Outside of simulations [`made`] is always false, and the compiler
//! removes every one of them.

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A group is acknowledged before its `fdatasync`.
    AcknowledgeBeforeSync,
    /// What depends on state is decided by what the index shows alone.
    DecideByIndexAlone,
    /// A child's watermark is stored before its data, not with it.
    WatermarkApart,
    /// A mark is known by its number, whatever epoch it is of and whatever the journal holds.
    IgnoreEpoch,
    /// Digests are compared wherever a batch ends.
    CompareAnywhere,
    /// A mark that is no longer known is continued from.
    NoResync,
    /// Only the mark to continue from is asked for, not the newest view that was read.
    LowAlone,
    /// A replaced range moves the totals by differences.
    DeltaInRepair,
    /// A walk ends at the head of then.
    WalkToTheHead,
    /// Nothing is held back until the children have sent again.
    PublishEarly,
    /// A child is let in with whatever journal it brings.
    IgnoreIncarnation,
    /// What an amendment or a voiding replaces is left in the totals.
    KeepAmended,
    /// Frames are taken from every stream of a child, not only from its newest.
    NoFence,
}

#[cfg(feature = "simulation")]
mod making {
    use std::cell::Cell;

    use super::Mistake;

    thread_local! {
        /// A simulation lives on one thread.
        static MADE: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    /// Makes a mistake from now on, on this thread; `None`: makes none.
    pub fn make(mistake: Option<Mistake>) {
        MADE.set(mistake);
    }

    /// Whether this mistake is being made.
    pub fn made(mistake: Mistake) -> bool {
        MADE.get() == Some(mistake)
    }
}

#[cfg(feature = "simulation")]
pub use making::{made, make};

/// Whether this mistake is being made: never.
#[cfg(not(feature = "simulation"))]
pub const fn made(_: Mistake) -> bool {
    false
}
