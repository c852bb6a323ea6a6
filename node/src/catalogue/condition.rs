//! Conditions of a unit as a whole, over its own ledgers: "standardised", "at least three
//! staff". They are evaluated where the records are and travel upward as a stock of 0 or 1.

use std::collections::BTreeMap;

use super::Catalogue;
use super::ledger::Values;
use super::measuring::Rule;

/// All terms must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) since: Vec<Since>,
    pub(super) at_least: Vec<AtLeast>,
}

/// A live record of the ledger has all of these dates: holds from the latest of them.
#[derive(Clone, Debug)]
pub(super) struct Since {
    pub(super) ledger: String,
    pub(super) dates: Vec<usize>,
}

/// A stock over the unit's records of a ledger is at least this much.
#[derive(Clone, Debug)]
pub(super) struct AtLeast {
    pub(super) ledger: String,
    /// The stock's place in the catalogue's list of measures.
    pub(super) stock: usize,
    pub(super) amount: i64,
}

/// Days on which a term changes: whether it holds from then on.
type Steps = BTreeMap<i32, bool>;

impl Condition {
    /// The days on which the condition begins (+1) and ends (−1) to hold.
    pub(super) fn changes(&self, catalogue: &Catalogue, records: &[(&str, &Values, i32)]) -> Vec<(i32, i64)> {
        let since = self.since.iter().map(|term| term.steps(catalogue, records));
        let at_least = self.at_least.iter().map(|term| term.steps(catalogue, records));
        let terms: Vec<Steps> = since.chain(at_least).collect();
        let mut days: Vec<i32> = terms.iter().flat_map(|steps| steps.keys().copied()).collect();
        days.sort_unstable();
        days.dedup();
        let mut held = false;
        let mut changes = Vec::new();
        for day in days {
            let holds = terms.iter().all(|steps| steps.range(..=day).next_back().is_some_and(|(_, holds)| *holds));
            if holds != held {
                changes.push((day, if holds { 1 } else { -1 }));
                held = holds;
            }
        }
        changes
    }

    /// The ledgers whose records it reads.
    pub(super) fn ledgers(&self) -> impl Iterator<Item = &str> {
        let since = self.since.iter().map(|term| term.ledger.as_str());
        since.chain(self.at_least.iter().map(|term| term.ledger.as_str()))
    }
}

impl Since {
    fn steps(&self, catalogue: &Catalogue, records: &[(&str, &Values, i32)]) -> Steps {
        let Some(plan) = catalogue.plans.get(&self.ledger) else { return Steps::new() };
        let first = records
            .iter()
            .filter(|(ledger, ..)| *ledger == self.ledger)
            .filter_map(|(_, facts, event_date)| {
                let facts = plan.place(facts, *event_date);
                self.dates.iter().map(|slot| facts.date(*slot)).try_fold(i32::MIN, |latest, day| Some(latest.max(day?)))
            })
            .min();
        first.into_iter().map(|day| (day, true)).collect()
    }
}

impl AtLeast {
    fn steps(&self, catalogue: &Catalogue, records: &[(&str, &Values, i32)]) -> Steps {
        let Some(plan) = catalogue.plans.get(&self.ledger) else { return Steps::new() };
        let Some(Rule::Stock(stock)) = catalogue.measures.get(self.stock).map(|measure| &measure.rule) else {
            return Steps::new();
        };
        let mut deltas = BTreeMap::<i32, i64>::new();
        for (_, facts, event_date) in records.iter().filter(|(ledger, ..)| *ledger == self.ledger) {
            if let Some((from, until, amount)) = stock.span(&plan.place(facts, *event_date)) {
                *deltas.entry(from).or_default() += amount;
                if let Some(until) = until {
                    *deltas.entry(until).or_default() -= amount;
                }
            }
        }
        let mut value = 0;
        deltas
            .into_iter()
            .map(|(day, delta)| {
                value += delta;
                (day, value >= self.amount)
            })
            .collect()
    }
}
