//! Folding: what a journal entry changes in the index. Pure over a [`Group`]: no clock, no
//! network, no disk, so that replaying a journal gives the same index at any time.
//!
//! * [`record`]: submissions, amendments and voidings.
//! * [`days`]: which days the unit itself has reported. [`received`]: days of its children.
//! * [`conditions`]: what is true of the unit as a whole.
//! * [`backup`]: backups that were taken.
//! * [`report`]: issued reports. [`revisions`]: which revisions of measures the node counts by.
//! * [`mod@recount`]: what the own figures were after an earlier entry.
//! * [`registry`]: planned children, and those that have ended.
//! * [`adoption`]: children that come back with another journal. [`settlement`]: what they lost.

pub mod adoption;
pub mod backup;
pub mod conditions;
pub mod days;
pub mod received;
pub mod record;
pub mod recount;
pub mod registry;
pub mod report;
pub mod revisions;
pub mod settlement;

use thiserror::Error;
use wuji_proto::{CellKey, MeasureId, Part, Period, period, stored};

use crate::catalogue::Catalogue;
use crate::feed::group::Group;
use crate::index::{IndexError, keys};
use crate::journal::Position;
use days::Days;

/// A journal entry that is on disk.
pub struct Committed {
    /// Where it is.
    pub position: Position,
    /// What it says.
    pub entry: stored::Entry,
}

/// Why an entry could not be folded.
#[derive(Debug, Error)]
pub enum FoldError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal says what it cannot have said: a fault of the program that wrote it.
    #[error("journal entry {sequence} cannot be folded: {reason}")]
    Entry {
        /// Its sequence.
        sequence: u64,
        /// What does not fit.
        reason: String,
    },
}

/// Folds the entries of one group.
pub struct Fold<'c> {
    catalogue: &'c Catalogue,
    days: Days,
    conditions_touched: bool,
    replaying: bool,
}

impl<'c> Fold<'c> {
    /// By this catalogue's measures. `replaying`: the entries were written by an earlier run.
    pub fn new(catalogue: &'c Catalogue, replaying: bool) -> Self {
        Self { catalogue, days: Days::default(), conditions_touched: false, replaying }
    }

    /// Folds one entry.
    pub fn entry(&mut self, group: &mut Group<'_>, committed: &Committed) -> Result<(), FoldError> {
        use stored::entry::Event;
        let at = committed.position;
        let Some(event) = &committed.entry.event else {
            return Err(misfit(at, "it has no event, or one that this program is too old to know"));
        };
        match event {
            Event::Submitted(submitted) => self.submitted(group, at, committed.entry.at_ms, submitted),
            Event::Amended(amended) => self.amended(group, at, committed.entry.at_ms, amended),
            Event::Voided(voided) => self.voided(group, at, committed.entry.at_ms, voided),
            Event::ChildRegistered(registered) => registry::registered(group, at, registered),
            Event::ChildAccepted(accepted) => adoption::accepted(group, at, committed.entry.at_ms, accepted),
            Event::CatalogueAdopted(adopted) => revisions::adopted(group, committed.entry.at_ms, adopted),
            Event::ZeroReported(zero) => self.days.zero_reported(group, at, *zero),
            Event::DaysReceived(received) => received::received(group, at, received),
            Event::CellsHeld(cells) if self.replaying => adoption::cells_held(group, at, cells),
            Event::BackupTaken(taken) => Ok(backup::taken(group, committed.entry.at_ms, taken)?),
            Event::AmountsUnsettled(amounts) => settlement::coming(group, at, amounts),
            Event::ChildSettled(settled) => settlement::settled(group, at, settled),
            Event::ChildReleased(released) => registry::released(group, at, released),
            Event::ChildRetired(retired) => registry::retired(group, at, retired),
            Event::ReportIssued(issued) => report::issued(group, at, &committed.entry, issued),
            Event::Started(started) => {
                let start = stored::FoldedStart {
                    number: started.number,
                    epoch: started.epoch,
                    recovered_start: started.recovered_start,
                    recovered_number: started.recovered_number,
                    sequence: at.sequence,
                };
                group.draft.put(keys::start(started.number), prost::Message::encode_to_vec(&start));
                Ok(())
            }
            Event::RollbackSeen(seen) => {
                group.draft.put(keys::went_back(), prost::Message::encode_to_vec(seen));
                Ok(())
            }
            Event::LossAccepted(_) | Event::Restored(_) => {
                group.draft.remove(keys::went_back());
                Ok(())
            }
            // These say something of the journal; and cells that are held now are in the index.
            Event::Created(_) | Event::Stopped(_) | Event::CellsHeld(_) => Ok(()),
        }
    }

    /// Settles what depends on all entries of the group: reported days and conditions.
    pub fn finish(self, group: &mut Group<'_>) -> Result<(), FoldError> {
        self.days.settle(group)?;
        if self.conditions_touched {
            conditions::settle(group, self.catalogue)?;
        }
        Ok(())
    }
}

/// A cell of the node's own scope.
fn own_cell(group: &Group<'_>, measure: MeasureId, day: i32, part: Part) -> CellKey {
    CellKey { scope: group.own, measure, period: Period::day(period::date(day)), part }
}

fn misfit(at: Position, reason: impl Into<String>) -> FoldError {
    FoldError::Entry { sequence: at.sequence, reason: reason.into() }
}

#[cfg(test)]
mod tests;
