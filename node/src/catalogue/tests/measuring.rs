//! What records add to which measure, on which day.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wuji_proto::v1::value::Kind;
use wuji_proto::{MeasureId, Part};

use super::{TODAY, catalogue, day, mediation, value, values};
use crate::catalogue::{Catalogue, Contribution, ENTRIES, MeasureKind, Values};

/// Facts and event date of a record as it is written.
fn facts(catalogue: &Catalogue, ledger: &str, values: Values) -> (Values, i32) {
    let ledger = catalogue.ledger(ledger).unwrap();
    let record = ledger.check(values, day(TODAY)).unwrap_or_else(|violations| panic!("{violations:?}"));
    (ledger.facts(&record.public), record.event_date)
}

fn contributions(catalogue: &Catalogue, ledger: &str, facts: &Values, event_date: i32) -> Vec<Contribution> {
    let mut all = Vec::new();
    catalogue.contributions(ledger, facts, event_date, &mut |one| all.push(one));
    all
}

/// What a record adds to one measure, as `day words amount`, sorted.
fn lines(ledger: &str, written: Values, measure: &str) -> Vec<String> {
    let catalogue = catalogue();
    let key = catalogue.measure(measure).unwrap().key();
    let (facts, event_date) = facts(catalogue, ledger, written);
    let mut lines: Vec<String> = contributions(catalogue, ledger, &facts, event_date)
        .into_iter()
        .filter(|one| one.measure == key)
        .map(|one| {
            let date = wuji_proto::period::date(one.day);
            format!("{date} {}:{} {:+}", one.part.split, one.part.words.join("|"), one.amount)
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn the_last_day_of_a_cell_is_the_last_day_of_the_calendar() {
    assert_eq!(super::super::measuring::LAST_DAY, day("2200-12-31"));
}

#[test]
fn a_case_counts_once_in_each_split_of_accepted() {
    assert_eq!(
        lines("mediation", mediation(&[]), "mediation.accepted"),
        ["2016-08-03 1:邻里| +1", "2016-08-03 2:主动调解 +1", "2016-08-03 3:一般|书面 +1"],
        "an empty result is the empty word"
    );
    assert_eq!(lines("mediation", mediation(&[]), "entries"), ["2016-08-03 1:mediation +1"]);
    assert_eq!(lines("mediation", mediation(&[]), "mediation.people"), ["2016-08-03 0: +2"]);
    assert!(lines("mediation", mediation(&[]), "mediation.amount").is_empty(), "no amount, no cell");
    assert!(lines("mediation", mediation(&[]), "mediation.succeeded").is_empty());
}

#[test]
fn an_open_case_becomes_overdue_on_the_31st_day_unless_it_ended() {
    let overdue = |changes: &[(&str, &str)]| lines("mediation", mediation(changes), "mediation.open_over_30_days");
    let open = |changes: &[(&str, &str)]| lines("mediation", mediation(changes), "mediation.open");
    assert_eq!(open(&[]), ["2016-08-03 0: +1"]);
    assert_eq!(overdue(&[]), ["2016-09-03 0: +1"], "the future is told at once");
    let ended = |on| [("result", "成功"), ("mediated_on", on)];
    assert_eq!(open(&ended("2016-08-20")), ["2016-08-03 0: +1", "2016-08-20 0: -1"]);
    assert!(overdue(&ended("2016-08-20")).is_empty());
    assert!(overdue(&ended("2016-09-03")).is_empty(), "ended on the day it would begin");
    assert_eq!(overdue(&ended("2016-09-04")), ["2016-09-03 0: +1", "2016-09-04 0: -1"]);
    assert!(open(&ended("2016-08-03")).is_empty(), "ended on the day it was accepted");
    assert_eq!(open(&[("result", "继续"), ("mediated_on", "2016-08-20")]), ["2016-08-03 0: +1"]);
    let agreed = [("result", "成功"), ("mediated_on", "2016-08-20"), ("agreed_on", "2016-08-18")];
    assert_eq!(open(&agreed), ["2016-08-03 0: +1", "2016-08-18 0: -1"], "the first date present ends it");
}

fn workroom(changes: &[(&str, &str)]) -> Values {
    let mut workroom = values(&[
        ("name", "店子集社区"),
        ("listed_on", "2016-01-10"),
        ("build_status", "未建"),
        ("covered_villages", "371122100201"),
    ]);
    workroom.extend(values(changes));
    workroom
}

#[test]
fn a_workroom_is_due_at_the_deadline_of_its_class_and_overdue_the_day_after() {
    let built = [("build_class", "在建"), ("build_status", "已建"), ("built_on", "2016-06-01")];
    let late = [("build_class", "在建")];
    assert_eq!(lines("workroom", workroom(&late), "workroom.due"), ["2017-12-31 1:在建 +1"]);
    assert_eq!(lines("workroom", workroom(&late), "workroom.overdue"), ["2018-01-01 1:在建 +1"]);
    assert!(lines("workroom", workroom(&late), "workroom.built_of_due").is_empty());
    assert_eq!(lines("workroom", workroom(&built), "workroom.built_of_due"), ["2017-12-31 1:在建 +1"]);
    assert!(lines("workroom", workroom(&built), "workroom.overdue").is_empty());
    assert!(lines("workroom", workroom(&[]), "workroom.due").is_empty(), "in no class");
    assert_eq!(lines("workroom", workroom(&[]), "workroom.planned"), ["2016-01-10 1:未建 +1"]);
}

fn staff(from: &str, to: &str) -> Values {
    values(&[("name", "王五"), ("role", "调解员"), ("full_time", "兼"), ("source", "律师"), ("from", from), ("to", to)])
}

const DATES: [&str; 12] = [
    "mediation_room_on",
    "service_room_on",
    "office_room_on",
    "square_on",
    "window_on",
    "hall_on",
    "signage_on",
    "duties_on",
    "rules_on",
    "process_on",
    "support_on",
    "ledgers_on",
];

/// The dated changes of a condition for a unit with these records.
fn changes(records: &[(&str, Values)], condition: &str) -> Vec<(i32, i64)> {
    let catalogue = catalogue();
    let key = catalogue.measure(condition).unwrap().key();
    let records: Vec<_> = records
        .iter()
        .map(|(ledger, written)| {
            let (facts, event_date) = facts(catalogue, ledger, written.clone());
            (*ledger, facts, event_date)
        })
        .collect();
    let records: Vec<_> = records.iter().map(|(ledger, facts, on)| (*ledger, facts, *on)).collect();
    let all = catalogue.conditions(&records);
    all.into_iter().filter(|((measure, _), _)| *measure == key).map(|((_, day), change)| (day, change)).collect()
}

#[test]
fn a_unit_is_standardised_while_all_twelve_dates_and_three_staff_are_there() {
    let mut full = workroom(&[]);
    full.extend(values(&DATES.map(|name| (name, "2016-03-01"))));
    full.extend(values(&[("hall_on", "2016-04-01")]));
    let mut partial = full.clone();
    partial.remove("rules_on");
    let three =
        [staff("2016-01-01", ""), staff("2016-02-01", "2016-06-01"), staff("2016-05-01", ""), staff("2016-07-01", "")];
    let unit = |workroom: &Values| -> Vec<(&str, Values)> {
        std::iter::once(("workroom", workroom.clone())).chain(three.iter().map(|one| ("staff", one.clone()))).collect()
    };
    let expected = [("2016-05-01", 1), ("2016-06-01", -1), ("2016-07-01", 1)].map(|(on, change)| (day(on), change));
    assert_eq!(changes(&unit(&full), "workroom.standardised"), expected);
    assert!(changes(&unit(&partial), "workroom.standardised").is_empty());
    assert_eq!(changes(&unit(&partial), "staff.at_least_3"), expected);
    assert!(changes(&unit(&full)[..3], "workroom.standardised").is_empty(), "two staff");
    assert!(changes(&[], "workroom.standardised").is_empty());
    let ledgers: Vec<String> = catalogue().condition_ledgers().iter().cloned().collect();
    assert_eq!(ledgers, ["staff", "workroom"]);
}

#[test]
fn a_ledger_that_the_catalogue_does_not_list_still_counts_entries() {
    let all = contributions(catalogue(), "former", &Values::new(), 42_000);
    let part = Part { split: 1, words: vec!["former".into()] };
    assert_eq!(all, [Contribution { measure: ENTRIES, day: 42_000, part, amount: 1 }]);
}

/// Facts of any ledger, also such as no form would let through.
fn any_facts(catalogue: &Catalogue, ledger: &str) -> BoxedStrategy<Values> {
    use crate::catalogue::FieldKind as F;
    let fields = catalogue.ledger(ledger).unwrap().fields().iter().filter(|field| field.class() == 0);
    let mut strategies: Vec<BoxedStrategy<Option<(String, Kind)>>> = Vec::new();
    for field in fields {
        let kind = match field.kind() {
            F::Code { words } => prop::sample::select(words.clone()).prop_map(Kind::Text).boxed(),
            F::Integer { .. } | F::Money { .. } => (-9_i64..9).prop_map(Kind::Integer).boxed(),
            F::Date => (42_000..42_090_i32).prop_map(Kind::Date).boxed(),
            F::Flag => any::<bool>().prop_map(Kind::Flag).boxed(),
            F::Text { .. } | F::List { .. } => continue,
        };
        let name = field.name().to_owned();
        strategies.push(prop::option::weighted(0.8, kind.prop_map(move |kind| (name.clone(), kind))).boxed());
    }
    strategies.prop_map(|pairs| pairs.into_iter().flatten().map(|(name, kind)| (name, value(kind))).collect()).boxed()
}

fn any_record() -> impl Strategy<Value = (String, Values, i32)> {
    let catalogue = catalogue();
    let ids: Vec<String> = catalogue.ledgers().iter().map(|ledger| ledger.id().to_owned()).collect();
    prop::sample::select(ids).prop_flat_map(move |ledger| {
        let facts = any_facts(catalogue, &ledger);
        (Just(ledger), facts, 42_000..42_090_i32)
    })
}

proptest! {
    #[test]
    fn the_parts_of_each_split_sum_to_the_same_and_a_stock_ends_at_0_or_stays(record in any_record()) {
        let catalogue = catalogue();
        let (ledger, facts, event_date) = record;
        let mut sums: BTreeMap<(MeasureId, i32), BTreeMap<u8, i64>> = BTreeMap::new();
        let mut totals: BTreeMap<(MeasureId, u8), (i64, i64)> = BTreeMap::new();
        for one in contributions(catalogue, &ledger, &facts, event_date) {
            let measure = catalogue.measure_numbered(one.measure).unwrap();
            let words = measure.split(one.part.split).map_or(0, |split| split.fields().len());
            prop_assert_eq!(one.part.words.len(), words);
            prop_assert!(one.amount != 0);
            *sums.entry((one.measure, one.day)).or_default().entry(one.part.split).or_default() += one.amount;
            let total = totals.entry((one.measure, one.part.split)).or_default();
            *total = (total.0 + one.amount, total.1.max(one.amount.abs()));
        }
        for ((measure, _), splits) in sums {
            let listed = catalogue.measure_numbered(measure).unwrap().splits().len().max(1);
            prop_assert_eq!(splits.len(), listed);
            let first = splits.values().next().copied();
            prop_assert!(splits.values().all(|sum| Some(*sum) == first));
        }
        for ((measure, _), (total, amount)) in totals {
            if catalogue.measure_numbered(measure).unwrap().kind() == MeasureKind::Stock {
                prop_assert!(total == 0 || total == amount, "{} {}", total, amount);
            }
        }
    }

    #[test]
    fn a_condition_is_always_0_or_1(records in prop::collection::vec(any_record(), 0..12)) {
        let catalogue = catalogue();
        let records: Vec<_> = records.iter().map(|(ledger, facts, on)| (ledger.as_str(), facts, *on)).collect();
        let mut values: BTreeMap<MeasureId, i64> = BTreeMap::new();
        for ((measure, _), change) in catalogue.conditions(&records) {
            let value = values.entry(measure).or_default();
            *value += change;
            prop_assert!(*value == 0 || *value == 1);
        }
    }
}
