//! Which revisions of measures this node counts by, so that a question can be answered with
//! one that all units below have. From the journal alone: a catalogue counts from the day of the
//! entry that adopted it, and the same one adopted again, as after a rebuild, changes nothing.

use std::collections::BTreeSet;

use prost::Message;
use wuji_proto::stored::{CatalogueAdopted, FoldedMeasures, MeasureRevision};
use wuji_proto::{MeasureId, Part, period};

use super::{FoldError, own_cell};
use crate::catalogue::ADOPTED;
use crate::feed::group::Group;
use crate::index::keys;
use crate::statistics::rollup;
use crate::time::civil_date;

pub(super) fn adopted(group: &mut Group<'_>, at_ms: i64, entry: &CatalogueAdopted) -> Result<(), FoldError> {
    let former: Option<FoldedMeasures> = group.draft.message("the adopted measures", &keys::adopted())?;
    let former = former.map(|folded| later_revisions(&folded.measures)).unwrap_or_default();
    let now = later_revisions(&entry.measures);
    let day = period::days(civil_date(at_ms));
    let gone = former.difference(&now).map(|id| (id, -1));
    for (id, change) in now.difference(&former).map(|id| (id, 1)).chain(gone) {
        let part = Part { split: 1, words: vec![id.to_string()] };
        let cell = own_cell(group, ADOPTED, day, part);
        rollup::add_own(group, &cell, change)?;
    }
    let folded = FoldedMeasures { measures: entry.measures.clone(), hash: entry.hash.clone() };
    group.draft.put(keys::adopted(), folded.encode_to_vec());
    Ok(())
}

/// A measure's first revision is what every node begins with: it says nothing of an adoption.
fn later_revisions(measures: &[MeasureRevision]) -> BTreeSet<MeasureId> {
    let id = |one: &MeasureRevision| {
        let (number, revision) = (u16::try_from(one.number).ok()?, u16::try_from(one.revision).ok()?);
        (revision > 1).then_some(MeasureId { number, revision })
    };
    measures.iter().filter_map(id).collect()
}
