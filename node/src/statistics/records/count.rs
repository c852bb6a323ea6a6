//! The live records of a unit, counted for a question.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use wuji_proto::stored::RecordHead;
use wuji_proto::v1;
use wuji_proto::v1::value::Kind;

use super::question::{Only, Question, only_of};
use crate::catalogue::Values;
use crate::index::{Index, IndexError, keys, values};
use crate::statistics::plan::Term;
use crate::statistics::series::Series;
use crate::statistics::spans::Span;

/// Amounts by day while they are counted.
type Days = BTreeMap<i32, i64>;

/// What a question's terms come to, by words.
pub(super) struct Counts<'q> {
    question: &'q Question<'q>,
    /// One for each term, in order.
    terms: Vec<BTreeMap<Vec<String>, Series>>,
}

/// Terms being counted.
struct Counting<'q> {
    question: &'q Question<'q>,
    terms: Vec<BTreeMap<Vec<String>, Days>>,
}

impl<'q> Counts<'q> {
    /// Goes once over the live records of every ledger that is asked about.
    pub(super) fn read(question: &'q Question<'q>, index: &dyn Index) -> Result<Self, IndexError> {
        let mut counting = Counting { question, terms: question.plan.terms().map(|_| BTreeMap::new()).collect() };
        let ledgers: BTreeSet<&str> = question.plan.terms().map(|term| term.measure.ledger()).collect();
        for ledger in ledgers {
            let prefix = keys::records(ledger);
            index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |_, bytes| {
                let head: RecordHead = values::decode("a record", bytes)?;
                if !head.voided {
                    counting.add(ledger, &head);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let series = |days: Days| days.into_iter().filter(|(_, amount)| *amount != 0).collect();
        let by_words =
            |counted: BTreeMap<_, _>| counted.into_iter().map(|(words, days)| (words, series(days))).collect();
        Ok(Self { question, terms: counting.terms.into_iter().map(by_words).collect() })
    }

    /// All words that anything was counted under, in order.
    pub(super) fn words(&self) -> BTreeSet<Vec<String>> {
        if self.question.fields.is_empty() {
            return BTreeSet::from([Vec::new()]);
        }
        self.terms.iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// One figure a column.
    pub(super) fn figures(&self, words: &[String], span: Span) -> Vec<v1::Figure> {
        let mut terms = self.terms.iter();
        let mut amount = |term: &Term<'_>| {
            let series = terms.next().and_then(|counted| counted.get(words));
            series.map_or(0, |series| term.figure(series, span))
        };
        let mut sum = |terms: &[Term<'_>]| terms.iter().fold(0_i64, |sum, term| sum.saturating_add(amount(term)));
        let columns = self.question.plan.columns.iter();
        columns
            .map(|column| {
                let (numerator, denominator) = (sum(&column.numerator), sum(&column.denominator));
                if column.is_ratio() {
                    v1::Figure::ratio(numerator, denominator)
                } else {
                    v1::Figure::amount(numerator)
                }
            })
            .collect()
    }
}

impl Counting<'_> {
    fn add(&mut self, ledger: &str, head: &RecordHead) {
        let facts = &head.facts;
        if !has(facts, &self.question.only) {
            return;
        }
        let words: Vec<String> = self.question.fields.iter().map(|field| word(facts, field).to_owned()).collect();
        for (term, counted) in self.question.plan.terms().zip(&mut self.terms) {
            if term.measure.ledger() != ledger || !has(facts, &only_of(term)) {
                continue;
            }
            self.question.catalogue.changes(term.measure, facts, head.event_date, &mut |day, amount| {
                let sum = counted.entry(words.clone()).or_default().entry(day).or_default();
                *sum = sum.saturating_add(amount);
            });
        }
    }
}

/// The word of a code field; empty if it was not filled in.
fn word<'f>(facts: &'f Values, field: &str) -> &'f str {
    match facts.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Text(word)) => word,
        _ => "",
    }
}

fn has(facts: &Values, only: &Only<'_>) -> bool {
    only.iter().all(|(field, words)| words.iter().any(|wanted| wanted == word(facts, field)))
}
