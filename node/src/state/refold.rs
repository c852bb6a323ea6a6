//! A catalogue with other measures: records already folded are counted under measures that
//! are new, and measures that are gone are taken back. No total mixes two revisions, since
//! a revision is a measure of its own.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use wuji_proto::stored::{CatalogueAdopted, FoldedMeasures, MeasureRevision, RecordHead};
use wuji_proto::{CellKey, ItemKey, MeasureId};

use super::OpenError;
use crate::catalogue::Catalogue;
use crate::feed::group::Group;
use crate::feed::item::ItemValue;
use crate::fold::{conditions, record};
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, Pair, keys, page, values};
use crate::statistics::rollup;
use crate::store::Store;
use crate::writer::Writer;

/// Records counted in one batch.
const BATCH_RECORDS: usize = 2_000;

type Measures = BTreeMap<MeasureId, Vec<u8>>;

/// The journal entry that names a catalogue.
pub fn adopted(catalogue: &Catalogue) -> CatalogueAdopted {
    CatalogueAdopted {
        version: catalogue.version().to_owned(),
        hash: catalogue.hash().to_vec(),
        measures: revisions(catalogue),
    }
}

/// Whether the index was folded by a catalogue of other content, or does not know of which
/// adoption in the journal.
pub fn is_new(index: &dyn Index, catalogue: &Catalogue) -> Result<bool, IndexError> {
    let folded = folded(index)?.filter(|folded| folded.hash == catalogue.hash());
    Ok(folded.is_none() || index.get(&keys::adopted())?.is_none())
}

/// Brings the index to the catalogue's measures, before anything else is folded.
pub fn refold(writer: &mut Writer, store: &Store, catalogue: &Catalogue) -> Result<(), OpenError> {
    let index = store.index();
    let Some(folded) = folded(index)?.filter(|folded| folded.hash != catalogue.hash()) else {
        // A fresh index has no records; what is replayed is folded by this catalogue.
        return Ok(writer.batch_of(|group| note(group, catalogue))?);
    };
    let (former, now) = (measures(&folded.measures), measures(&revisions(catalogue)));
    for (id, hash) in &now {
        if former.get(id).is_some_and(|former| former != hash) {
            let name =
                catalogue.measure_numbered(*id).map_or_else(|| id.to_string(), |measure| measure.id().to_owned());
            return Err(OpenError::MeasureChanged(format!("{name} revision {}", id.revision)));
        }
    }
    // Also what is new: a refold that was cut off may have counted a part of it.
    for id in former.keys().chain(now.keys()).filter(|id| !(former.contains_key(id) && now.contains_key(id))) {
        writer.batch_of(|group| take_back(group, index, *id))?;
    }
    let mut from = Some(keys::all_records());
    while let Some(start) = from.take() {
        let end = keys::after(&keys::all_records());
        let (records, next) = page(index, &start, end.as_deref(), BATCH_RECORDS)?;
        writer.batch_of(|group| count(group, catalogue, &records, &former))?;
        from = next;
    }
    writer.batch_of(|group| {
        conditions::settle(group, catalogue)?;
        note(group, catalogue)
    })?;
    Ok(())
}

fn revisions(catalogue: &Catalogue) -> Vec<MeasureRevision> {
    let revision = |measure: &crate::catalogue::Measure| MeasureRevision {
        number: measure.key().number.into(),
        revision: measure.key().revision.into(),
        hash: measure.hash().to_vec(),
    };
    catalogue.measures().iter().map(revision).collect()
}

fn folded(index: &dyn Index) -> Result<Option<FoldedMeasures>, IndexError> {
    index.get(&keys::measures())?.map(|bytes| values::decode("the folded measures", &bytes)).transpose()
}

fn measures(revisions: &[MeasureRevision]) -> Measures {
    let id = |revision: &MeasureRevision| {
        let number = u16::try_from(revision.number).ok()?;
        Some((MeasureId { number, revision: u16::try_from(revision.revision).ok()? }, revision.hash.clone()))
    };
    revisions.iter().filter_map(id).collect()
}

fn note(group: &mut Group<'_>, catalogue: &Catalogue) -> Result<(), IndexError> {
    let folded = FoldedMeasures { measures: revisions(catalogue), hash: catalogue.hash().to_vec() };
    let bytes = prost::Message::encode_to_vec(&folded);
    if group.draft.get(&keys::measures())?.as_ref() != Some(&bytes) {
        group.draft.put(keys::measures(), bytes);
    }
    Ok(())
}

fn count(group: &mut Group<'_>, catalogue: &Catalogue, records: &[Pair], former: &Measures) -> Result<(), IndexError> {
    for (key, bytes) in records {
        let head: RecordHead = values::decode("a record", bytes)?;
        if let Some((ledger, _)) = keys::parse_record(key).filter(|_| !head.voided) {
            record::add_contributions(group, catalogue, ledger, &head, 1, |id| !former.contains_key(&id))?;
        }
    }
    Ok(())
}

/// Takes back what this node's own entries contributed to a measure. Conditions are not
/// touched: they know what they contributed, and settle it with the catalogue's note.
fn take_back(group: &mut Group<'_>, index: &dyn Index, gone: MeasureId) -> Result<(), IndexError> {
    if conditions::contributed(group, gone)? {
        return Ok(());
    }
    let prefix = CellKey::measure_prefix(group.own, gone);
    let mut cells = Vec::new();
    if group.own.tier().has_children() {
        let from = keys::held(keys::Link::Unit(group.own), &prefix);
        index.scan(&from, keys::after(&from).as_deref(), &mut |key, value| {
            let amount = values::HeldItem::from_bytes(value)?.amount();
            cells.extend(keys::parse_held(key).map(|item| (item.to_vec(), amount)));
            Ok(ControlFlow::Continue(()))
        })?;
    } else {
        let from = keys::item(&prefix);
        index.scan(&from, keys::after(&from).as_deref(), &mut |key, value| {
            if let (Some(item), ItemValue::Amount(amount)) = (keys::parse_item(key), OwnItem::from_bytes(value)?.value)
            {
                cells.push((item.to_vec(), amount));
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    for (item, amount) in cells {
        if let Ok(ItemKey::Cell(cell)) = ItemKey::from_bytes(&item) {
            rollup::add_own(group, &cell, amount.saturating_neg())?;
        }
    }
    Ok(())
}
