//! Questions to a county's node, over an index in memory.

mod asking;
mod memory;
mod questions;

use proptest::prelude::*;
use wuji_proto::{CellKey, DivisionCode, Incarnation, ItemKey, Part, Sequence, v1};

use super::Figures;
use super::answer::{Answer, Asked, QueryError, answer};
use super::memory::Memory;
use super::standing::{Absence, Standings};
use crate::catalogue::Catalogue;
use crate::feed::child::Child;
use crate::feed::heard::Standing;
use crate::feed::item::ItemValue;
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::memory::MemoryIndex;
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, Writes};

const COUNTY: &str = "371122";
const TOWNSHIP: &str = "371122101";
const OTHER_TOWNSHIP: &str = "371122102";
const WORKROOM: &str = "371122101201";
const OTHER_WORKROOM: &str = "371122101202";
const NOW_MS: i64 = 1_770_000_000_000;

/// The county's index, and the catalogue.
struct County {
    index: MemoryIndex,
    catalogue: Catalogue,
}

fn code(text: &str) -> DivisionCode {
    text.parse().unwrap()
}

impl County {
    /// With its subtree, and no figures.
    fn new() -> Self {
        let county = Self { index: MemoryIndex::default(), catalogue: Catalogue::embedded().unwrap() };
        county.unit(COUNTY, "3711");
        for township in [TOWNSHIP, OTHER_TOWNSHIP] {
            county.unit(township, COUNTY);
            county.child(township, |child| {
                child.incarnation = Some(Incarnation::from_random([1; 16]));
                child.complete_at_ms = NOW_MS - 1_000;
            });
        }
        county.unit(WORKROOM, TOWNSHIP);
        county.unit(OTHER_WORKROOM, TOWNSHIP);
        county
    }

    fn put(&self, key: Vec<u8>, value: Vec<u8>) {
        self.index.apply(&Writes::from([(key, Some(value))])).unwrap();
    }

    fn item(&self, key: &[u8], value: ItemValue) {
        self.put(keys::item(key), OwnItem { sequence: Sequence { start: 1, number: 1 }, value }.to_bytes());
    }

    fn unit(&self, unit: &str, parent: &str) {
        let entry = v1::UnitEntry { name: format!("单位{unit}"), parent: parent.to_owned(), ..Default::default() };
        self.item(&ItemKey::Unit(code(unit)).to_bytes(), ItemValue::Unit(entry));
    }

    fn child(&self, unit: &str, change: impl FnOnce(&mut Child)) {
        let mut draft = Draft::new(&self.index);
        let mut child = Child::read(&draft, code(unit)).unwrap().unwrap_or_default();
        change(&mut child);
        child.write(&mut draft, code(unit));
        self.index.apply(&draft.into_writes()).unwrap();
    }

    /// `part`: the fields of a split, each with its word.
    fn key(&self, scope: &str, measure: &str, period: &str, part: &[(&str, &str)]) -> Vec<u8> {
        let measure = self.catalogue.measure(measure).unwrap();
        let fields: Vec<&str> = part.iter().map(|(field, _)| *field).collect();
        let split = measure.splits().iter().position(|split| split.fields() == fields);
        let split = split.map_or(0, |at| u8::try_from(at + 1).unwrap());
        assert_eq!(split == 0, measure.splits().is_empty(), "{} is not divided by {fields:?}", measure.id());
        let part = Part { split, words: part.iter().map(|(_, word)| (*word).to_owned()).collect() };
        CellKey { scope: code(scope), measure: measure.key(), period: period.parse().unwrap(), part }.to_bytes()
    }

    /// A total of the county's own feed: its own by day, of units below by month.
    fn cell(&self, scope: &str, measure: &str, period: &str, part: &[(&str, &str)], amount: i64) {
        self.item(&self.key(scope, measure, period, part), ItemValue::Amount(amount));
    }

    /// What a township told of its own days.
    fn held(&self, township: &str, measure: &str, day: &str, part: &[(&str, &str)], amount: i64) {
        let key = keys::held(Link::Unit(code(township)), &self.key(township, measure, day, part));
        self.put(key, HeldItem { aside: false, value: ItemValue::Amount(amount) }.to_bytes());
    }

    fn ask(&self, request: &v1::QueryRequest) -> Result<Answer, QueryError> {
        self.ask_while(request, &Links(|_| None))
    }

    fn ask_while(&self, request: &v1::QueryRequest, standings: &dyn Standings) -> Result<Answer, QueryError> {
        let (memory, asked) = (Memory::default(), Asked { catalogue: &self.catalogue, now_ms: NOW_MS, standings });
        answer(request, &Figures { index: &self.index, memory: &memory, own: code(COUNTY) }, &asked)
    }
}

/// The direct children as told; all below them connected and complete.
struct Links<F>(F);

impl<F: Fn(DivisionCode) -> Option<(&'static str, i64)> + Send + Sync> Standings for Links<F> {
    fn absence(&self, child: DivisionCode) -> Option<Absence> {
        (self.0)(child).map(|(state, since_ms)| Absence { state, since_ms, reason: String::new() })
    }

    fn heard(&self, _: DivisionCode) -> Option<(u32, Standing)> {
        Some((u32::try_from(NOW_MS / 1_000).unwrap(), Standing::Connected))
    }

    fn heard_version(&self) -> u64 {
        1
    }
}

fn query(measures: &[&str], from: &str, to: &str, grain: &str, by: &[&str]) -> v1::QueryRequest {
    v1::QueryRequest {
        scope: String::new(),
        measures: measures.iter().map(|id| (*id).to_owned()).collect(),
        from: from.to_owned(),
        to: to.to_owned(),
        grain: grain.to_owned(),
        by: by.iter().map(|by| (*by).to_owned()).collect(),
        ..v1::QueryRequest::default()
    }
}

fn shown(figure: &v1::Figure) -> String {
    match figure.kind.as_ref().unwrap() {
        v1::figure::Kind::Amount(amount) => amount.to_string(),
        v1::figure::Kind::Ratio(ratio) => format!("{}/{}", ratio.numerator, ratio.denominator),
    }
}

fn all(figures: &[v1::Figure]) -> String {
    figures.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// Period, unit, words and figures of each row.
fn rows(answer: &Answer) -> Vec<String> {
    let row = |row: &v1::QueryRow| {
        let labels = [&row.period, &row.unit].into_iter().chain(&row.words).filter(|label| !label.is_empty());
        format!("{}: {}", labels.cloned().collect::<Vec<_>>().join(" "), all(&row.figures))
    };
    answer.rows().map(|it| row(&it)).collect()
}

#[test]
fn a_flow_is_the_sum_within_each_period_and_months_without_any_show_none() {
    let county = County::new();
    for (day, amount) in [("2025-12-31", 9), ("2026-01-01", 2), ("2026-01-31", 3), ("2026-03-01", 4), ("2026-04-01", 9)]
    {
        county.cell(COUNTY, "publicity.audience", day, &[], amount);
    }
    let answer = county.ask(&query(&["publicity.audience"], "2026-01", "2026-03", "month", &[])).unwrap();
    assert_eq!(rows(&answer), ["2026-01: 5", "2026-02: 0", "2026-03: 4"]);
    assert_eq!(all(&answer.end.totals), "9");
    let whole = county.ask(&query(&["publicity.audience"], "2026-01-31", "2026-03-01", "", &[])).unwrap();
    assert_eq!((rows(&whole), all(&whole.end.totals)), (vec![": 7".to_owned()], "7".to_owned()));
}

#[test]
fn a_stock_is_what_stands_at_the_end_of_each_period_and_is_never_added_up_over_time() {
    let county = County::new();
    for (day, amount) in [("2024-06-30", 5), ("2026-01-10", 3), ("2026-02-28", -1), ("2026-03-01", 10)] {
        county.cell(COUNTY, "mediation.open", day, &[], amount);
    }
    let answer = county.ask(&query(&["mediation.open"], "2026-01", "2026-03", "month", &[])).unwrap();
    assert_eq!(rows(&answer), ["2026-01: 8", "2026-02: 7", "2026-03: 17"]);
    assert_eq!(all(&answer.end.totals), "17");
    let day = county.ask(&query(&["mediation.open"], "2026-02-27", "2026-02-28", "day", &[])).unwrap();
    assert_eq!(rows(&day), ["2026-02-27: 8", "2026-02-28: 7"]);
}

#[test]
fn what_has_reached_one_total_but_not_the_other_is_in_transit() {
    let county = County::new();
    county.cell(COUNTY, "publicity.audience", "2026-01-05", &[], 10);
    county.cell(TOWNSHIP, "publicity.audience", "2026-01", &[], 7);
    let ask = || county.ask(&query(&["publicity.audience"], "2026-01", "2026-01", "", &["unit"])).unwrap();
    let answer = ask();
    assert_eq!(rows(&answer), [format!("{TOWNSHIP}: 7"), format!("{OTHER_TOWNSHIP}: 0")]);
    assert_eq!((all(&answer.end.totals), answer.end.in_transit), ("7".to_owned(), vec![v1::Figure::amount(3)]));
    county.cell(OTHER_TOWNSHIP, "publicity.audience", "2026-01", &[], 3);
    assert_eq!(ask().end.in_transit, [v1::Figure::amount(0)]);
    let whole = county.ask(&query(&["publicity.audience"], "2026-01", "2026-01", "", &[])).unwrap();
    assert_eq!(whole.end.in_transit, [v1::Figure::amount(0)], "the scope as a whole is compared with nothing");
}

#[test]
fn days_are_told_of_direct_children_and_asked_for_elsewhere_of_deeper_units() {
    let county = County::new();
    county.held(TOWNSHIP, "publicity.audience", "2026-01-05", &[], 4);
    county.cell(TOWNSHIP, "publicity.audience", "2026-01", &[], 6);
    county.cell(WORKROOM, "publicity.audience", "2026-01", &[], 2);
    let ask = |scope: &str, from: &str, to: &str| {
        let request = query(&["publicity.audience"], from, to, "", &[]);
        county.ask(&v1::QueryRequest { scope: scope.to_owned(), ..request }).map(|answer| all(&answer.end.totals))
    };
    assert_eq!(ask(TOWNSHIP, "2026-01-05", "2026-01-05").unwrap(), "4");
    assert_eq!(ask(TOWNSHIP, "2026-01", "2026-01").unwrap(), "6");
    assert_eq!(ask(WORKROOM, "2026-01-01", "2026-01-31").unwrap(), "2", "whole months, however they are written");
    let refused = ask(WORKROOM, "2026-01-05", "2026-01-05").unwrap_err().to_string();
    assert!(refused.contains("holds 371122101201 by month") && refused.contains("-c 371122101"), "{refused}");
}

#[test]
fn a_ratio_of_nothing_stays_nothing_and_totals_are_ratios_of_sums() {
    let county = County::new();
    // A total is added up over the split with the fewest combinations.
    for (month, unit, accepted, succeeded) in [("2026-01", TOWNSHIP, 3, 1), ("2026-01", OTHER_TOWNSHIP, 1, 1)] {
        county.cell(unit, "mediation.accepted", month, &[("source", "公安")], accepted);
        county.cell(unit, "mediation.succeeded", month, &[("performance", "")], succeeded);
    }
    let answer = county.ask(&query(&["mediation.success_rate"], "2026-01", "2026-02", "month", &["unit"])).unwrap();
    assert_eq!(
        rows(&answer),
        [
            format!("2026-01 {TOWNSHIP}: 1/3"),
            format!("2026-02 {TOWNSHIP}: 0/0"),
            format!("2026-01 {OTHER_TOWNSHIP}: 1/1"),
            format!("2026-02 {OTHER_TOWNSHIP}: 0/0"),
        ]
    );
    assert_eq!(all(&answer.end.totals), "2/4", "not the mean of 1/3 and 1/1");
}

#[test]
fn fields_of_a_split_that_were_not_asked_for_are_added_up() {
    let county = County::new();
    for (words, amount) in [(["邻里", "成功"], 5), (["邻里", ""], 2), (["合同", "成功"], 1), (["", "继续"], 4)]
    {
        county.cell(
            COUNTY,
            "mediation.accepted",
            "2026-01-05",
            &[("dispute_type", words[0]), ("result", words[1])],
            amount,
        );
    }
    let by = |fields: &[&str]| rows(&county.ask(&query(&["mediation.accepted"], "2026", "2026", "", fields)).unwrap());
    assert_eq!(by(&["dispute_type"]), [": 4", "合同: 1", "邻里: 7"]);
    assert_eq!(by(&["result"]), [": 2", "成功: 6", "继续: 4"]);
    assert_eq!(by(&["result", "dispute_type"]), ["邻里: 2", "成功 合同: 1", "成功 邻里: 5", "继续: 4"]);
}

#[test]
fn coverage_names_who_is_missing_and_how_fresh_the_rest_is() {
    let county = County::new();
    for workroom in [WORKROOM, OTHER_WORKROOM] {
        county.cell(workroom, "expected", "2025-06", &[("tier", "workroom")], 1);
    }
    county.cell(WORKROOM, "reported", "2026-01", &[], 3);
    county.cell(OTHER_WORKROOM, "reported", "2026-02", &[], 1);
    let request = query(&["publicity.audience"], "2026-01", "2026-01", "", &[]);
    let ask = |standings: &dyn Standings| county.ask_while(&request, standings).unwrap().end.coverage.unwrap();
    let states = |coverage: &v1::Coverage| -> Vec<String> {
        coverage.absent.iter().map(|unit| format!("{} {} {}", unit.code, unit.state, unit.since_ms)).collect()
    };
    let coverage = ask(&Links(|_| None));
    assert_eq!((coverage.expected, coverage.reported, coverage.as_of_ms), (2, 1, NOW_MS - 1_000));
    assert!(coverage.absent.is_empty(), "{coverage:?}");

    let absent = ask(&Links(|unit| (unit == code(TOWNSHIP)).then_some(("absent", 7))));
    assert_eq!(states(&absent), [format!("{TOWNSHIP} absent 7")]);
    county.child(TOWNSHIP, |child| child.catching_up = true);
    county.child(OTHER_TOWNSHIP, Child::want_walk);
    let behind = ask(&Links(|_| None));
    let since = NOW_MS - 1_000;
    assert_eq!(
        states(&behind),
        [format!("{TOWNSHIP} catching-up {since}"), format!("{OTHER_TOWNSHIP} re-syncing {since}")]
    );
    county.child(OTHER_TOWNSHIP, |child| *child = Child::default());
    let planned = ask(&Links(|_| Some(("absent", 7))));
    assert_eq!(states(&planned), [format!("{TOWNSHIP} absent 7"), format!("{OTHER_TOWNSHIP} planned 0")]);
    assert_eq!(planned.as_of_ms, NOW_MS - 1_000, "one that never connected is missing, and not old");
    county.child(TOWNSHIP, |child| child.complete_at_ms = 0);
    assert_eq!(ask(&Links(|_| None)).as_of_ms, 0, "one that has connected was never complete");
}

proptest! {
    /// However a time is cut into periods, units and words, a flow's rows add up to the same.
    #[test]
    fn rows_add_up_to_the_totals_and_to_the_whole(
        cells in prop::collection::vec((0..2_usize, 0..6_i8, 0..3_usize, -50..50_i64), 0..20),
    ) {
        let county = County::new();
        let mut sum = 0;
        let mut seen = std::collections::BTreeSet::new();
        for (township, month, word, amount) in cells {
            if seen.insert((township, month, word)) {
                sum += amount;
                let unit = [TOWNSHIP, OTHER_TOWNSHIP][township];
                let month = format!("2026-{:02}", month + 1);
                county.cell(unit, "publicity.events", &month, &[("form", ["宣讲", "资料", ""][word])], amount);
            }
        }
        for (grain, by) in [("", &["unit"][..]), ("month", &["unit"]), ("quarter", &["form", "unit"]), ("", &["township", "form"])] {
            let answer = county.ask(&query(&["publicity.events"], "2026-01", "2026-06", grain, by)).unwrap();
            let rows: i64 = answer.rows().map(|row| shown(&row.figures[0]).parse::<i64>().unwrap()).sum();
            prop_assert_eq!(rows, sum);
            prop_assert_eq!(all(&answer.end.totals), sum.to_string());
        }
    }
}

#[test]
fn a_period_is_labelled_as_it_is_asked_for() {
    let county = County::new();
    let labels = |from: &str, to: &str, grain: &str| {
        let answer = county.ask(&query(&["publicity.audience"], from, to, grain, &[])).unwrap();
        answer.rows().map(|row| row.period).collect::<Vec<_>>().join(" ")
    };
    for (from, to, grain, expected) in [
        ("2025-12", "2026-02", "month", "2025-12 2026-01 2026-02"),
        ("2025-12-31", "2026-01-01", "day", "2025-12-31 2026-01-01"),
        ("2025", "2026-H1", "half-year", "2025-H1 2025-H2 2026-H1"),
        ("2026-01", "2026-06", "quarter", "2026-Q1 2026-Q2"),
        ("2024-01-01", "2025-12-31", "year", "2024 2025"),
        ("2026-02-28", "2026-03-01", "day", "2026-02-28 2026-03-01"),
        ("2026", "", "", ""),
    ] {
        assert_eq!(labels(from, to, grain), expected, "{from} to {to} by {grain}");
    }
}
