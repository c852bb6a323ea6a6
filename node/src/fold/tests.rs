//! Journals folded in groups of any size: what comes out depends on the entries alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use proptest::prelude::*;
use wuji_proto::stored::entry::Event;
use wuji_proto::stored::{
    CatalogueAdopted, CellsHeld, ChildAccepted, ChildRegistered, DayReceived, DaysReceived, HeldCell, MeasureRevision,
    Submitted, Voided, ZeroReported, child_accepted::Mode,
};
use wuji_proto::{DivisionCode, Incarnation, ItemKey};

use super::*;
use crate::catalogue::{ADOPTED, RECEIVED, RECEIVED_MONTHS, REPORTED, Reporting};
use crate::feed::group::FeedHead;
use crate::feed::item::{ItemHasher, ItemValue};
use crate::index::Index;
use crate::index::memory::MemoryIndex;
use crate::index::values::OwnItem;

const TOWNSHIP: &str = "371122101";
const WORKROOM: &str = "371122101201";
const OTHER: &str = "371122101202";

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());

fn code(text: &str) -> DivisionCode {
    text.parse().unwrap()
}

fn day(text: &str) -> i32 {
    period::days(text.parse().unwrap())
}

/// 2026-11-24 08:00 in China, and days after it.
fn at(days: i64) -> i64 {
    1_795_478_400_000 + days * 86_400_000
}

/// The index that a node has after these entries, folded in groups that end at these places.
struct Folded {
    index: MemoryIndex,
    own: DivisionCode,
}

impl Folded {
    fn new(own: &str, entries: &[(i64, Event)], cuts: &BTreeSet<usize>) -> Self {
        let folded = Self { index: MemoryIndex::default(), own: code(own) };
        let (mut head, mut from) = (FeedHead::default(), 0);
        for to in cuts.iter().copied().filter(|to| *to < entries.len()).chain([entries.len()]) {
            head = folded.group(head, from, &entries[from..to]).unwrap();
            from = to;
        }
        folded
    }

    fn group(&self, head: FeedHead, from: usize, entries: &[(i64, Event)]) -> Result<FeedHead, FoldError> {
        let hasher = ItemHasher::new(self.own, Incarnation::from_random([1; 16]));
        let mut group = Group::new(&self.index, self.own, head, &hasher);
        let mut fold = Fold::new(&CATALOGUE, true);
        for (sequence, (at_ms, event)) in (from as u64 + 1..).zip(entries) {
            let position = Position { sequence, segment: 1, offset: 0 };
            let entry = stored::Entry { at_ms: *at_ms, actor: String::new(), event: Some(event.clone()) };
            fold.entry(&mut group, &Committed { position, entry })?;
        }
        fold.finish(&mut group)?;
        let head = group.settle();
        self.index.apply(&group.finish().0).unwrap();
        Ok(head)
    }

    /// The own totals of a measure that are not 0.
    fn totals(&self, measure: MeasureId) -> BTreeMap<CellKey, i64> {
        let (mut totals, prefix) = (BTreeMap::new(), keys::items());
        let scan = self.index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
            if let ItemKey::Cell(cell) = ItemKey::from_bytes(keys::parse_item(key).unwrap()).unwrap()
                && let ItemValue::Amount(amount) = OwnItem::from_bytes(value)?.value
                && cell.measure == measure
                && amount != 0
            {
                totals.insert(cell, amount);
            }
            Ok(ControlFlow::Continue(()))
        });
        scan.unwrap();
        totals
    }

    fn sum(&self, measure: MeasureId, scope: &str) -> i64 {
        self.totals(measure).iter().filter(|(cell, _)| cell.scope == code(scope)).map(|(_, amount)| amount).sum()
    }
}

fn submitted(id: u8, on: i32) -> Event {
    let ledger = "governance".to_owned();
    Event::Submitted(Submitted { ledger, id: vec![id; 16], event_date: on, ..Submitted::default() })
}

fn voided(id: u8) -> Event {
    let (ledger, reason) = ("governance".to_owned(), "twice".to_owned());
    Event::Voided(Voided { ledger, id: vec![id; 16], revision: 2, reason })
}

/// Days in which things happen.
const FIRST: i32 = 46_000;

#[derive(Clone, Debug)]
enum Did {
    Enter(i32),
    Void(usize),
    Zero(i32, i32),
}

fn did() -> impl Strategy<Value = Did> {
    prop_oneof![
        4 => (0..12_i32).prop_map(Did::Enter),
        3 => any::<usize>().prop_map(Did::Void),
        2 => (0..12_i32, 0..5_i32).prop_map(|(from, days)| Did::Zero(from, from + days)),
    ]
}

/// Entries, and the days that they report by a plain recount.
fn told(history: &[Did]) -> (Vec<(i64, Event)>, BTreeSet<i32>) {
    let (mut entries, mut live, mut zero) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for did in history {
        match did {
            Did::Enter(on) => {
                let id = u8::try_from(entries.len()).unwrap();
                live.insert(id, FIRST + on);
                entries.push(submitted(id, FIRST + on));
            }
            Did::Void(which) => {
                let Some(id) = live.keys().nth(which % live.len().max(1)).copied() else { continue };
                live.remove(&id);
                entries.push(voided(id));
            }
            Did::Zero(from, to) => {
                let (from, to) = (FIRST + from, FIRST + to);
                zero.extend((from..=to).filter(|on| !live.values().any(|entered| entered == on)));
                entries.push(Event::ZeroReported(ZeroReported { from, to }));
            }
        }
    }
    (entries.into_iter().map(|event| (at(0), event)).collect(), live.into_values().chain(zero).collect())
}

proptest! {
    #[test]
    fn a_day_is_reported_while_it_has_an_entry_or_a_zero_report(
        history in prop::collection::vec(did(), 0..40),
        cuts in prop::collection::btree_set(0..40_usize, 0..8),
        leaf: bool,
    ) {
        let own = if leaf { WORKROOM } else { TOWNSHIP };
        let (entries, wanted) = told(&history);
        let folded = Folded::new(own, &entries, &cuts);
        let found: BTreeMap<i32, i64> = folded
            .totals(REPORTED)
            .into_iter()
            .map(|(cell, amount)| (period::days(cell.period.first_day()), amount))
            .collect();
        prop_assert_eq!(found, wanted.into_iter().map(|on| (on, 1)).collect::<BTreeMap<_, _>>());
    }
}

#[test]
fn a_zero_report_of_more_than_a_year_of_days_cannot_have_been_written() {
    let zero = |from, to| Event::ZeroReported(ZeroReported { from, to });
    for (from, to) in [(3, 2), (0, 366), (i32::MIN, i32::MAX)] {
        let folded = Folded::new(WORKROOM, &[], &BTreeSet::new());
        let refused = folded.group(FeedHead::default(), 0, &[(at(0), zero(from, to))]);
        assert!(matches!(refused, Err(FoldError::Entry { .. })), "{from} to {to}");
    }
}

fn registered(unit: &str) -> Event {
    let (code, name) = (unit.to_owned(), unit.to_owned());
    Event::ChildRegistered(ChildRegistered { code, name, expected_from: 0, regained: false })
}

fn stamp(unit: &str, on: i32, by_report: bool, on_time: bool) -> DayReceived {
    DayReceived { code: unit.to_owned(), day: on, by_report, on_time }
}

fn stamped(days: Vec<DayReceived>) -> Event {
    Event::DaysReceived(DaysReceived { days })
}

#[test]
fn a_day_is_received_once_as_it_was_first_stated_and_a_month_with_its_first_day() {
    let (march, next, april) = (day("2026-03-31"), day("2026-03-02"), day("2026-04-01"));
    let entries: Vec<(i64, Event)> = [
        registered(WORKROOM),
        registered(OTHER),
        stamped(vec![stamp(WORKROOM, march, true, true), stamp(WORKROOM, march, false, false)]),
        stamped(vec![stamp(WORKROOM, march, true, false), stamp(WORKROOM, next, false, false)]),
        stamped(vec![stamp(WORKROOM, april, true, false), stamp(OTHER, april, true, true)]),
    ]
    .map(|event| (at(0), event))
    .into();
    for cuts in [BTreeSet::new(), (1..5).collect()] {
        let folded = Folded::new(TOWNSHIP, &entries, &cuts);
        let days: BTreeMap<_, _> = folded
            .totals(RECEIVED)
            .into_iter()
            .filter(|(cell, _)| cell.scope == code(TOWNSHIP))
            .map(|(cell, amount)| ((cell.period.to_string(), cell.part.words.join(" ")), amount))
            .collect();
        let words = |by_report, on_time| Reporting::words(by_report, on_time).join(" ");
        let wanted = [
            (("2026-03-02", words(false, false)), 1),
            (("2026-03-31", words(true, true)), 1),
            (("2026-04-01", words(true, false)), 1),
            (("2026-04-01", words(true, true)), 1),
        ];
        assert_eq!(days, wanted.map(|((on, words), amount)| ((on.to_owned(), words), amount)).into());
        assert_eq!((folded.sum(RECEIVED, WORKROOM), folded.sum(RECEIVED, OTHER)), (3, 1));
        assert_eq!((folded.sum(RECEIVED_MONTHS, WORKROOM), folded.sum(RECEIVED_MONTHS, OTHER)), (2, 1));
        assert_eq!(folded.sum(RECEIVED_MONTHS, TOWNSHIP), 3);
    }
}

#[test]
fn days_of_a_unit_that_is_not_planned_cannot_have_been_received() {
    let folded = Folded::new(TOWNSHIP, &[], &BTreeSet::new());
    let refused = folded.group(FeedHead::default(), 0, &[(at(0), stamped(vec![stamp(WORKROOM, 46_000, true, true)]))]);
    assert!(matches!(refused, Err(FoldError::Entry { .. })));
}

fn adopted(revisions: &[(u32, u32)]) -> Event {
    let revision =
        |(number, revision): &(u32, u32)| MeasureRevision { number: *number, revision: *revision, hash: Vec::new() };
    let measures = revisions.iter().map(revision).collect();
    Event::CatalogueAdopted(CatalogueAdopted { version: "1".to_owned(), hash: vec![1; 32], measures })
}

#[test]
fn a_node_counts_by_a_revision_from_the_day_it_adopted_it_until_its_catalogue_drops_it() {
    let entries = [
        (at(0), adopted(&[(32, 1)])),
        (at(1), adopted(&[(32, 1), (32, 2), (40, 3)])),
        // As after the index was lost.
        (at(5), adopted(&[(32, 1), (32, 2), (40, 3)])),
        (at(9), adopted(&[(32, 2), (40, 1)])),
    ];
    for (own, cuts) in [(WORKROOM, BTreeSet::new()), (TOWNSHIP, (1..4).collect())] {
        let folded = Folded::new(own, &entries, &cuts);
        let cell = |(cell, amount): (CellKey, i64)| (cell.part.words.join(" "), cell.period.to_string(), amount);
        let found: BTreeSet<_> = folded.totals(ADOPTED).into_iter().map(cell).collect();
        let wanted = [("32.2", "2026-11-25", 1), ("40.3", "2026-11-25", 1), ("40.3", "2026-12-03", -1)];
        assert_eq!(found, wanted.map(|(word, on, amount)| (word.to_owned(), on.to_owned(), amount)).into());
    }
}

#[test]
fn a_replaced_machine_does_not_count_as_a_second_node_beside_its_kept_history() {
    let accepted = |life: u8, mode: Mode| {
        let (code, incarnation) = (WORKROOM.to_owned(), vec![life; 16]);
        Event::ChildAccepted(ChildAccepted { code, incarnation, mode: mode.into(), ..ChildAccepted::default() })
    };
    let cell = |measure, words: &[&str], split| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let part = Part { split, words };
        let key = CellKey { scope: code(WORKROOM), measure, period: Period::day(period::date(46_000)), part };
        HeldCell { key: key.to_bytes(), amount: 1 }
    };
    let cells = vec![cell(REPORTED, &[], 0), cell(ADOPTED, &["32.2"], 1)];
    let life = Incarnation::from_slice(&[7; 16]).unwrap().to_bytes().to_vec();
    let held = Event::CellsHeld(CellsHeld { code: WORKROOM.to_owned(), incarnation: life, first: true, cells });
    let mut entries = vec![(at(0), registered(WORKROOM)), (at(0), accepted(7, Mode::First)), (at(1), held)];
    let before = Folded::new(TOWNSHIP, &entries, &BTreeSet::new());
    assert_eq!((before.sum(REPORTED, TOWNSHIP), before.sum(ADOPTED, TOWNSHIP)), (1, 1));
    entries.push((at(2), accepted(8, Mode::KeepHistory)));
    let kept = Folded::new(TOWNSHIP, &entries, &BTreeSet::new());
    assert_eq!((kept.sum(REPORTED, TOWNSHIP), kept.sum(REPORTED, WORKROOM)), (1, 1), "its history counts on");
    assert_eq!((kept.sum(ADOPTED, TOWNSHIP), kept.sum(ADOPTED, WORKROOM)), (0, 0), "the new machine speaks for itself");
}
