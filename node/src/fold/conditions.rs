//! Unit-level conditions (standardised, staff at least three): true of the unit as a whole,
//! so they are evaluated again over the few records of their ledgers, and what they
//! contributed before is taken back.

use std::collections::BTreeMap;

use wuji_proto::stored::{ConditionDelta, FoldedConditions, RecordHead};
use wuji_proto::{MeasureId, Part};

use super::own_cell;
use crate::catalogue::Catalogue;
use crate::feed::group::Group;
use crate::index::draft::Draft;
use crate::index::{IndexError, keys, values};
use crate::statistics::rollup;

/// Changes of the conditions' measures by day, days since 1900-01-01.
pub type Deltas = BTreeMap<(MeasureId, i32), i64>;

/// Makes the conditions' cells those of the live records.
pub fn settle(group: &mut Group<'_>, catalogue: &Catalogue) -> Result<(), IndexError> {
    let now = evaluate(&group.draft, catalogue)?;
    let former = folded(&group.draft)?;
    let mut change = now.clone();
    for (cell, amount) in &former {
        *change.entry(*cell).or_default() -= amount;
    }
    for ((measure, day), amount) in change {
        if amount != 0 {
            let cell = own_cell(group, measure, day, Part::default());
            rollup::add_own(group, &cell, amount)?;
        }
    }
    note(&mut group.draft, &now);
    Ok(())
}

/// Notes what the conditions contribute.
pub fn note(draft: &mut Draft<'_>, now: &Deltas) {
    let deltas = now.iter().map(|((measure, day), amount)| ConditionDelta {
        number: measure.number.into(),
        revision: measure.revision.into(),
        day: *day,
        amount: *amount,
    });
    let folded = FoldedConditions { deltas: deltas.collect() };
    draft.put(keys::conditions(), prost::Message::encode_to_vec(&folded));
}

/// Whether the conditions contribute to a measure now.
pub fn contributed(group: &Group<'_>, measure: MeasureId) -> Result<bool, IndexError> {
    Ok(folded(&group.draft)?.keys().any(|(id, _)| *id == measure))
}

/// What the conditions contribute by the live records.
pub fn evaluate(draft: &Draft<'_>, catalogue: &Catalogue) -> Result<Deltas, IndexError> {
    let mut records = Vec::new();
    for ledger in catalogue.condition_ledgers() {
        let prefix = keys::records(ledger);
        for (_, bytes) in draft.range(&prefix, keys::after(&prefix).as_deref())? {
            let head: RecordHead = values::decode("a record", &bytes)?;
            if !head.voided {
                records.push((ledger.as_str(), head));
            }
        }
    }
    let live: Vec<_> = records.iter().map(|(ledger, head)| (*ledger, &head.facts, head.event_date)).collect();
    Ok(catalogue.conditions(&live))
}

/// What the conditions contribute, as noted.
pub fn folded(draft: &Draft<'_>) -> Result<Deltas, IndexError> {
    let folded: FoldedConditions = draft.message("the conditions", &keys::conditions())?.unwrap_or_default();
    let delta = |delta: ConditionDelta| {
        let id = MeasureId { number: u16::try_from(delta.number).ok()?, revision: u16::try_from(delta.revision).ok()? };
        Some(((id, delta.day), delta.amount))
    };
    Ok(folded.deltas.into_iter().filter_map(delta).collect())
}
