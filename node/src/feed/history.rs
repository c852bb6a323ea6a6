//! The starts of a feed's node, and which marks name a place of its past.

use wuji_proto::{Sequence, Watermark, stored};

use super::exchange::FeedStart;
use crate::mistake::{Mistake, made};

/// A start, with where the feed had recovered to when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// As told to neighbours.
    pub start: FeedStart,
    /// The newest sequence of former starts that was still there.
    pub recovered: Sequence,
}

impl Start {
    /// From its journal entry.
    pub fn from_entry(entry: &stored::Started, sequence: u64) -> Self {
        Self {
            start: FeedStart { number: entry.number, epoch: entry.epoch, sequence },
            recovered: Sequence { start: entry.recovered_start, number: entry.recovered_number },
        }
    }

    /// From the index.
    pub fn from_stored(start: &stored::FoldedStart) -> Self {
        Self {
            start: FeedStart { number: start.number, epoch: start.epoch, sequence: start.sequence },
            recovered: Sequence { start: start.recovered_start, number: start.recovered_number },
        }
    }
}

/// Every start of the node, the newest last.
#[derive(Clone, Debug, Default)]
pub struct History {
    starts: Vec<Start>,
}

impl History {
    /// Adds the newest start; one that is there already (a replay) changes nothing.
    pub fn push(&mut self, start: Start) {
        if self.starts.last().is_none_or(|last| last.start.number < start.start.number) {
            self.starts.push(start);
        }
    }

    /// All starts, the newest last.
    pub fn starts(&self) -> Vec<FeedStart> {
        self.starts.iter().map(|start| start.start).collect()
    }

    /// The newest start's number; 0 before the first.
    pub fn newest(&self) -> u32 {
        self.starts.last().map_or(0, |start| start.start.number)
    }

    /// The mark of a sequence of this feed.
    pub fn mark(&self, at: Sequence) -> Watermark {
        let epoch = self.find(at.start).map_or(0, |start| start.start.epoch);
        Watermark { at, epoch }
    }

    /// Whether `mark` lies on the past of this feed, up to its head: its start is one of
    /// ours with the same epoch, and no later start had recovered to less.
    ///
    /// Without the epoch, a rolled-back disk image would continue from a sequence that
    /// meant something else; without the recovered ends, a crash would skip what it lost.
    pub fn knows(&self, mark: Watermark, head: Sequence) -> bool {
        if mark.at == Sequence::ZERO {
            return true;
        }
        let same_epoch = |start: &Start| start.start.epoch == mark.epoch || made(Mistake::IgnoreEpoch);
        self.find(mark.at.start).is_some_and(same_epoch)
            && mark.at <= head
            && self
                .starts
                .iter()
                .rev()
                .take_while(|start| start.start.number > mark.at.start)
                .all(|later| later.recovered >= mark.at)
    }

    fn find(&self, number: u32) -> Option<&Start> {
        self.starts.binary_search_by_key(&number, |start| start.start.number).ok().and_then(|at| self.starts.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: u32, number: u64) -> Sequence {
        Sequence { start, number }
    }

    fn history(starts: &[(u32, u64, Sequence)]) -> History {
        let mut history = History::default();
        for (number, epoch, recovered) in starts {
            let start = FeedStart { number: *number, epoch: *epoch, sequence: 1 };
            history.push(Start { start, recovered: *recovered });
        }
        history
    }

    #[test]
    fn only_places_of_the_own_past_are_known() {
        let history = history(&[(1, 11, Sequence::ZERO), (2, 22, at(1, 5)), (3, 33, at(2, 7))]);
        let head = at(3, 4);
        for (mark, epoch, known) in [
            (at(1, 5), 11, true),
            (at(1, 6), 11, false), // lost in the crash before start 2
            (at(1, 5), 99, false), // another run's
            (at(2, 7), 22, true),
            (at(2, 8), 22, false),
            (at(3, 4), 33, true),
            (at(3, 5), 33, false), // beyond the head
            (at(4, 1), 44, false),
            (Sequence::ZERO, 0, true),
        ] {
            assert_eq!(history.knows(Watermark { at: mark, epoch }, head), known, "{mark}");
        }
    }

    #[test]
    fn a_start_that_is_told_twice_counts_once() {
        let start = (1, 11, Sequence::ZERO);
        assert_eq!(history(&[start, start]).starts().len(), 1);
    }
}
