//! What can only be checked with all measures at hand.

use std::collections::BTreeMap;

use super::super::measure::{CELLS_PER_UNIT_MONTH_MAX, Measure};
use super::super::problem::{At, Report};

/// Ids, numbers and revisions must not contradict each other, and a unit must not be able to
/// make more cells than its parents can take.
pub(super) fn check(measures: &[(Measure, At)], report: &Report) {
    check_numbers(measures, report);
    check_cells(measures, report);
}

fn check_numbers(measures: &[(Measure, At)], report: &Report) {
    let mut owners: BTreeMap<u16, &str> = BTreeMap::new();
    let mut numbers: BTreeMap<&str, u16> = BTreeMap::new();
    let free = measures.iter().map(|(measure, _)| measure.key.number).max().unwrap_or(0).saturating_add(1);
    for (at, (measure, place)) in measures.iter().enumerate() {
        let (id, number) = (measure.id.as_str(), measure.key.number);
        let earlier = || measures.iter().take(at).map(|(earlier, _)| earlier);
        if earlier().any(|other| other.id == id && other.key.revision == measure.key.revision) {
            let what = format!("measure `{id}` has revision {} twice", measure.key.revision);
            report.add(place, what, "give the newer one the next revision");
            continue;
        }
        let owner = *owners.entry(number).or_insert(id);
        if owner != id {
            let what = format!("number {number} of `{id}` belongs to `{owner}`");
            report.add(place, what, format!("numbers are given once and for ever; {free} is free"));
            continue;
        }
        let former = *numbers.entry(id).or_insert(number);
        if former != number {
            let what = format!("measure `{id}` has numbers {former} and {number}");
            report.add(place, what, format!("all revisions of a measure have one number: use {former}"));
        }
    }
}

/// Every revision that is listed is kept, so every one counts.
fn check_cells(measures: &[(Measure, At)], report: &Report) {
    let cells = |measure: &Measure| measure.splits.iter().map(|split| split.combinations).sum::<usize>().max(1);
    let total: usize = measures.iter().map(|(measure, _)| cells(measure)).sum();
    if total <= CELLS_PER_UNIT_MONTH_MAX {
        return;
    }
    if let Some((largest, at)) = measures.iter().max_by_key(|(measure, _)| cells(measure)) {
        let what = format!("a unit could make {total} cells in a month, {} of them `{}`", cells(largest), largest.id);
        report.add(at, what, format!("at most {CELLS_PER_UNIT_MONTH_MAX}; drop splits, this measure's first"));
    }
}
