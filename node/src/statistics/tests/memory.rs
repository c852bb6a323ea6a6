//! What is kept in memory is what the index holds, whatever the writer did since it was read.

use proptest::prelude::*;
use wuji_proto::{Digest, DivisionCode, Incarnation, Part, Period, v1};

use super::{NOW_MS, code, query};
use crate::catalogue::{Catalogue, EXPECTED};
use crate::feed::changes::Changes;
use crate::feed::group::{FeedHead, Group};
use crate::feed::history::History;
use crate::index::memory::MemoryIndex;
use crate::statistics::Figures;
use crate::statistics::answer::{Asked, answer};
use crate::statistics::memory::Memory;
use crate::statistics::standing::Unlinked;
use crate::store::{State, Store};

const UNITS: [(&str, &str); 5] = [
    ("3711", "37"),
    ("371122", "3711"),
    ("371122101", "371122"),
    ("371122101201", "371122101"),
    ("371122101202", "371122101"),
];

fn store() -> Store {
    let state = State {
        head: FeedHead { digest: Digest::default(), ..FeedHead::default() },
        history: History::default(),
        changes: Changes::default(),
        applied: 0,
        catching_up: false,
        holding: None,
    };
    Store::new(code("3711"), Incarnation::from_random([1; 16]), Box::new(MemoryIndex::default()), state)
}

/// One batch of the writer.
fn write(store: &Store, work: impl FnOnce(&mut Group<'_>)) {
    let head = store.view().state.head;
    let mut group = Group::new(store.index(), store.own, head, &store.hasher);
    work(&mut group);
    let head = group.settle();
    let (writes, moved) = group.finish();
    store.commit(&writes, moved, |state| state.head = head).unwrap();
}

#[derive(Clone, Debug)]
enum Act {
    Cell { unit: usize, measure: &'static str, month: i8, word: usize, amount: i64 },
    Expect { unit: usize, month: i8, amount: i64 },
    Unit { unit: usize, named: bool },
    Ask,
}

fn act() -> impl Strategy<Value = Act> {
    let measure = prop_oneof![Just("publicity.events"), Just("publicity.audience")];
    let reported = |(unit, month, amount)| Act::Cell { unit, measure: "reported", month, word: 0, amount };
    prop_oneof![
        6 => (0..UNITS.len(), measure, 1..5_i8, 0..3_usize, -3..9_i64)
            .prop_map(|(unit, measure, month, word, amount)| Act::Cell { unit, measure, month, word, amount }),
        3 => (3..UNITS.len(), 1..5_i8, -1..2_i64).prop_map(reported),
        1 => (3..UNITS.len(), 1..5_i8, 0..2_i64).prop_map(|(unit, month, amount)| Act::Expect { unit, month, amount }),
        1 => (0..UNITS.len(), any::<bool>()).prop_map(|(unit, named)| Act::Unit { unit, named }),
        4 => Just(Act::Ask),
    ]
}

fn cell(
    own: DivisionCode,
    unit: DivisionCode,
    month: i8,
    part: Part,
    measure: wuji_proto::MeasureId,
) -> wuji_proto::CellKey {
    let day = jiff::civil::Date::constant(2026, month, 1);
    let grain = if unit == own { wuji_proto::Grain::Day } else { wuji_proto::Grain::Month };
    wuji_proto::CellKey { scope: unit, measure, period: Period::of(day, grain), part }
}

fn entry(parent: &str) -> v1::UnitEntry {
    v1::UnitEntry { name: "单位".to_owned(), parent: parent.to_owned(), ..v1::UnitEntry::default() }
}

fn told(store: &Store, memory: Option<&Memory>, catalogue: &Catalogue, request: &v1::QueryRequest) -> String {
    let view = store.view();
    let figures = Figures { memory: memory.unwrap_or(view.figures().memory), ..view.figures() };
    let asked = Asked { catalogue, now_ms: NOW_MS, standings: &Unlinked };
    match answer(request, &figures, &asked) {
        Ok(answer) => format!("{:?} {:?}", answer.rows().collect::<Vec<_>>(), answer.end),
        Err(error) => error.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_answer_from_memory_is_the_answer_of_the_index(acts in prop::collection::vec(act(), 1..60)) {
        let (store, catalogue) = (store(), Catalogue::embedded().unwrap());
        let units: Vec<(DivisionCode, &str)> = UNITS.iter().map(|(unit, parent)| (code(unit), *parent)).collect();
        let questions = [
            query(&["publicity.events", "publicity.audience"], "2026-01", "2026-04", "month", &["workroom"]),
            query(&["publicity.events"], "2026-02", "2026-03", "", &["unit", "form"]),
            query(&["publicity.audience"], "2026-01", "2026-02", "", &[]),
        ];
        for (unit, parent) in &units {
            write(&store, |group| group.publish_unit(*unit, entry(parent)).unwrap());
        }
        for act in acts {
            match act {
                Act::Cell { unit, measure, month, word, amount } => write(&store, |group| {
                    let measure = catalogue.measure(measure).unwrap();
                    let words = vec![["宣讲", "资料", ""][word].to_owned()];
                    let part = if measure.splits().is_empty() { Part::default() } else { Part { split: 1, words } };
                    group.add(&cell(store.own, units[unit].0, month, part, measure.key()), amount).unwrap();
                }),
                Act::Expect { unit, month, amount } => write(&store, |group| {
                    let part = Part { split: 1, words: vec!["workroom".to_owned()] };
                    group.set(&cell(store.own, units[unit].0, month, part, EXPECTED), amount).unwrap();
                }),
                Act::Unit { unit, named } => write(&store, |group| {
                    let entry = if named { entry(units[unit].1) } else { v1::UnitEntry::default() };
                    group.publish_unit(units[unit].0, entry).unwrap();
                }),
                Act::Ask => {
                    for question in &questions {
                        let (kept, read) =
                            (told(&store, None, &catalogue, question), told(&store, Some(&Memory::default()), &catalogue, question));
                        prop_assert_eq!(kept, read);
                    }
                }
            }
        }
    }
}
