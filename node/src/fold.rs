//! Folding: what a journal entry changes in the index. Pure over a [`Group`]: no clock, no
//! network, no disk, so that replaying a journal gives the same index at any time.
//!
//! * [`record`]: submissions, amendments and voidings.
//! * [`conditions`]: what is true of the unit as a whole.
//! * [`report`]: issued reports.
//! * [`registry`]: planned children. [`adoption`]: children that come back with another journal.

pub mod adoption;
pub mod conditions;
pub mod record;
pub mod registry;
pub mod report;

use std::collections::BTreeMap;

use thiserror::Error;
use wuji_proto::{CellKey, MeasureId, Part, Period, period, stored};

use crate::catalogue::{Catalogue, REPORTED};
use crate::feed::group::Group;
use crate::index::draft::Draft;
use crate::index::{IndexError, keys};
use crate::journal::Position;
use crate::statistics::rollup;

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
    /// Live records more or less, by event date.
    days: BTreeMap<i32, i64>,
    conditions_touched: bool,
    replaying: bool,
}

impl<'c> Fold<'c> {
    /// By this catalogue's measures. `replaying`: the entries were written by an earlier run.
    pub fn new(catalogue: &'c Catalogue, replaying: bool) -> Self {
        Self { catalogue, days: BTreeMap::new(), conditions_touched: false, replaying }
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
            Event::ChildAccepted(accepted) => adoption::accepted(group, at, accepted),
            Event::CellsHeld(cells) if self.replaying => adoption::cells_held(group, at, cells),
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
            // These say something of the journal; the catalogue's own state is kept beside; and
            // cells that are held now are in the index.
            Event::Created(_)
            | Event::Stopped(_)
            | Event::CatalogueAdopted(_)
            | Event::LossAccepted(_)
            | Event::ZeroReported(_)
            | Event::DaysReceived(_)
            | Event::CellsHeld(_) => Ok(()),
        }
    }

    /// Settles what depends on all entries of the group: reported days and conditions.
    pub fn finish(mut self, group: &mut Group<'_>) -> Result<(), FoldError> {
        for (day, change) in std::mem::take(&mut self.days) {
            settle_day(group, day, change)?;
        }
        if self.conditions_touched {
            conditions::settle(group, self.catalogue)?;
        }
        Ok(())
    }
}

/// A day is reported while it has at least one live record.
fn settle_day(group: &mut Group<'_>, day: i32, change: i64) -> Result<(), IndexError> {
    let before = day_count(&group.draft, day)?;
    let now = before.saturating_add(change);
    group.draft.put(keys::day(day), now.to_be_bytes().to_vec());
    let reported = i64::from(now > 0) - i64::from(before > 0);
    let cell = own_cell(group, REPORTED, day, Part::default());
    if reported == 0 { Ok(()) } else { rollup::add_own(group, &cell, reported) }
}

/// Live records of an event date.
fn day_count(draft: &Draft<'_>, day: i32) -> Result<i64, IndexError> {
    Ok(draft.get(&keys::day(day))?.and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes))
}

/// A cell of the node's own scope.
fn own_cell(group: &Group<'_>, measure: MeasureId, day: i32, part: Part) -> CellKey {
    CellKey { scope: group.own, measure, period: Period::day(period::date(day)), part }
}

fn misfit(at: Position, reason: impl Into<String>) -> FoldError {
    FoldError::Entry { sequence: at.sequence, reason: reason.into() }
}
