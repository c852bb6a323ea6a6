//! Nodes with records and with the cells that roll-up would make of them, and lines between
//! them without a wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wuji_proto::stored::RecordHead;
use wuji_proto::v1::query_reply;
use wuji_proto::v1::value::Kind;
use wuji_proto::{
    CellKey, DivisionCode, Grain, Incarnation, ItemKey, MeasureId, Part, Period, RecordId, Sequence, Tier, period, v1,
};

use crate::catalogue::{self, Catalogue, EXPECTED, RECEIVED, RECEIVED_MONTHS, REPORTED, Values};
use crate::env::{Env, Workers};
use crate::feed::child::Child;
use crate::feed::item::ItemValue;
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::memory::MemoryIndex;
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError, Writes};
use crate::ledger::LedgerError;
use crate::pull::Gone;
use crate::pull::double::LocalBelow;
use crate::relay::{Here, Out, ParentAnswers, Relay, RelayError};
use crate::statistics::Figures;
use crate::statistics::answer::{Answer, Asked, QueryError, answer};
use crate::statistics::directory::Directory;
use crate::statistics::memory::Memory;
use crate::statistics::records::{self, Of};
use crate::statistics::reporting::Reporting;
use crate::statistics::standing::Unlinked;

pub(super) const NOW_MS: i64 = 1_770_000_000_000;
pub(super) const WITHIN: Duration = Duration::from_secs(20);

/// Province, a city, a county under it and one right under the province, townships, workrooms.
pub(super) const UNITS: [(&str, &str); 9] = [
    ("37", ""),
    ("3711", "37"),
    ("371122", "3711"),
    ("371302", "37"),
    ("371122101", "371122"),
    ("371302101", "371302"),
    ("371122101201", "371122101"),
    ("371122101202", "371122101"),
    ("371302101201", "371302101"),
];

/// From when units are expected, unless from 2025 on.
const EXPECTED_FROM: [(&str, &str); 2] = [("371122101202", "2026-02-01"), ("371302101201", "2026-01-15")];

/// Workrooms that were connected on a day, with nothing to tell.
const CONNECTED: [(&str, &str); 2] = [("371122101202", "2026-02-10"), ("371302101201", "2026-01-31")];

pub(super) fn code(text: &str) -> DivisionCode {
    text.parse().unwrap()
}

pub(super) fn day(text: &str) -> i32 {
    period::days(text.parse::<Period>().unwrap().first_day())
}

/// A directory of units with their parents.
pub(crate) fn directory(units: &[(&str, &str)]) -> Directory {
    let index = MemoryIndex::default();
    for (unit, parent) in units {
        put_unit(&index, unit, parent);
    }
    Directory::read(&index).unwrap()
}

fn put(index: &MemoryIndex, key: Vec<u8>, value: Vec<u8>) {
    index.apply(&Writes::from([(key, Some(value))])).unwrap();
}

fn put_unit(index: &MemoryIndex, unit: &str, parent: &str) {
    let entry = v1::UnitEntry { name: format!("单位{unit}"), parent: parent.to_owned(), ..Default::default() };
    let value = ItemValue::Unit(entry);
    let item = OwnItem { sequence: Sequence { start: 1, number: 1 }, value };
    put(index, keys::item(&ItemKey::Unit(code(unit)).to_bytes()), item.to_bytes());
}

/// A record that a unit wrote.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) unit: &'static str,
    pub(super) ledger: &'static str,
    pub(super) date: i32,
    pub(super) values: Values,
    pub(super) voided: bool,
}

/// A mediation case.
pub(super) fn case(unit: &'static str, date: &str, words: &[(&str, &str)]) -> Written {
    let mut values = Values::new();
    let mut text = |field: &str, word: &str| {
        values.insert(field.to_owned(), v1::Value { kind: Some(Kind::Text(word.to_owned())) });
    };
    for (field, word) in [("dispute_type", "邻里"), ("source", "法院"), ("difficulty", "一般"), ("form", "书面")]
    {
        text(field, word);
    }
    for (field, word) in words {
        text(field, word);
    }
    values.insert("accepted_on".to_owned(), v1::Value { kind: Some(Kind::Date(day(date))) });
    values.insert("people_count".to_owned(), v1::Value { kind: Some(Kind::Integer(2)) });
    Written { unit, ledger: "mediation", date: day(date), values, voided: false }
}

/// One node.
pub(super) struct Node {
    own: DivisionCode,
    catalogue: Arc<Catalogue>,
    pub(super) index: MemoryIndex,
    /// What it lists as its own.
    pub(super) listed: Mutex<Vec<v1::Record>>,
}

#[tonic::async_trait]
impl Here for Node {
    fn own(&self) -> DivisionCode {
        self.own
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    async fn settled(&self) {}

    fn today(&self) -> i32 {
        day("2026-03-01")
    }

    fn directory(&self) -> Result<Arc<Directory>, IndexError> {
        Directory::read(&self.index).map(Arc::new)
    }

    fn reporting(&self, by_day: bool) -> Result<Arc<Reporting>, IndexError> {
        Reporting::held(by_day, &Figures { index: &self.index, memory: &Memory::default(), own: self.own })
    }

    fn answer(&self, question: &v1::QueryRequest) -> Result<Answer, QueryError> {
        let memory = Memory::default();
        let asked = Asked { catalogue: &self.catalogue, now_ms: NOW_MS, standings: &Unlinked };
        answer(question, &Figures { index: &self.index, memory: &memory, own: self.own }, &asked)
    }

    fn entries(&self, question: &v1::QueryRequest, asker: Tier) -> Result<Vec<v1::QueryRow>, QueryError> {
        records::rows(question, &self.catalogue, &self.index, Of { unit: self.own, today: self.today() }, asker)
    }

    fn list(&self, _request: &v1::ListRequest) -> Result<v1::ListReply, LedgerError> {
        Ok(v1::ListReply { records: self.listed.lock().clone(), next_page_token: String::new() })
    }
}

/// The tree.
pub(super) struct World {
    pub(super) nodes: BTreeMap<DivisionCode, Arc<Node>>,
    pub(super) below: BTreeMap<DivisionCode, Arc<LocalBelow>>,
    pub(super) relays: BTreeMap<DivisionCode, Relay>,
}

impl World {
    /// With these records everywhere counted.
    pub(super) fn new(records: &[Written]) -> Self {
        let catalogue = Arc::new(Catalogue::embedded().unwrap());
        let mut world = Self { nodes: BTreeMap::new(), below: BTreeMap::new(), relays: BTreeMap::new() };
        for (unit, _) in UNITS {
            let (own, catalogue) = (code(unit), Arc::clone(&catalogue));
            let (index, listed) = (MemoryIndex::default(), Mutex::default());
            world.nodes.insert(own, Arc::new(Node { own, catalogue, index, listed }));
            world.below.insert(own, Arc::default());
        }
        for (unit, parent) in UNITS {
            for above in path(code(unit)) {
                put_unit(&world.nodes[&above].index, unit, parent);
            }
            if let Ok(parent) = parent.parse::<DivisionCode>() {
                world.register(parent, code(unit));
            }
        }
        for (number, record) in (0_u8..).zip(records) {
            world.write(number, record, &catalogue);
        }
        world.report(records);
        world.connect();
        world
    }

    fn register(&self, parent: DivisionCode, child: DivisionCode) {
        let index = &self.nodes[&parent].index;
        let mut draft = Draft::new(index);
        let incarnation = Some(Incarnation::from_random([1; 16]));
        Child { incarnation, complete_at_ms: NOW_MS - 1_000, ..Child::default() }.write(&mut draft, child);
        index.apply(&draft.into_writes()).unwrap();
        let tier = Part { split: 1, words: vec![child.tier().name().to_owned()] };
        let (_, from) = EXPECTED_FROM.iter().find(|(unit, _)| *unit == child.as_str()).unwrap_or(&("", "2025-01-01"));
        self.count(Link::Registry, child, EXPECTED, &tier, day(from), 1);
    }

    /// Days of workrooms with entries, and those that only the node above has stated.
    fn report(&self, records: &[Written]) {
        let live = records.iter().filter(|record| !record.voided);
        let days: BTreeSet<(&str, i32)> = live.map(|record| (record.unit, record.date)).collect();
        for (unit, day) in days {
            self.count(Link::Unit(code(unit)), code(unit), REPORTED, &Part::default(), day, 1);
        }
        for (unit, on) in CONNECTED {
            let part = Part { split: 1, words: catalogue::Reporting::words(false, true) };
            self.count(Link::Registry, code(unit), RECEIVED, &part, day(on), 1);
            self.count(Link::Registry, code(unit), RECEIVED_MONTHS, &Part::default(), day(on), 1);
        }
    }

    /// Puts a record where it was written, and what it adds into every index above.
    fn write(&self, number: u8, record: &Written, catalogue: &Catalogue) {
        let facts = catalogue.ledger(record.ledger).unwrap().facts(&record.values);
        let head =
            RecordHead { event_date: record.date, facts: facts.clone(), voided: record.voided, ..Default::default() };
        let key = keys::record(record.ledger, RecordId::from_bytes([number; 16]));
        put(&self.nodes[&code(record.unit)].index, key, prost::Message::encode_to_vec(&head));
        if record.voided {
            return;
        }
        let unit = code(record.unit);
        catalogue.contributions(record.ledger, &facts, record.date, &mut |adds| {
            self.count(Link::Unit(unit), unit, adds.measure, &adds.part, adds.day, adds.amount);
        });
    }

    /// Adds a cell of a unit to its totals and to those of all above: as it tells itself, or, from
    /// its parent up, as the parent's registry states.
    fn count(&self, by: Link, unit: DivisionCode, measure: MeasureId, part: &Part, day: i32, amount: i64) {
        let cell = |scope, grain| {
            let period = Period::of(period::date(day), grain);
            CellKey { scope, measure, period, part: part.clone() }
        };
        let path: Vec<DivisionCode> = path(unit).collect();
        let first = usize::from(by == Link::Registry);
        for (at, node) in path.iter().enumerate().skip(first) {
            let index = &self.nodes[node].index;
            add_item(index, &cell(*node, Grain::Day), amount);
            path[..at].iter().for_each(|below| add_item(index, &cell(*below, Grain::Month), amount));
            let teller = path[at.saturating_sub(1)];
            let link = if at == first { by } else { Link::Unit(teller) };
            add_held(index, link, &cell(teller, Grain::Day), amount);
        }
    }

    fn connect(&mut self) {
        for (own, node) in &self.nodes {
            let env = Env { workers: Workers::Tasks, ..Env::production() };
            let below: Arc<LocalBelow> = Arc::clone(&self.below[own]);
            self.relays.insert(*own, Relay::new(Arc::clone(node) as _, below, env));
        }
        for (unit, parent) in UNITS {
            let Ok(parent) = parent.parse::<DivisionCode>() else { continue };
            let relay = self.relays[&code(unit)].clone();
            self.below[&parent].connect(unit, Arc::new(ParentAnswers { relay, parent: parent.tier() }));
        }
    }

    /// The relayed answer to a question that is put to a node.
    pub(super) async fn relayed(&self, node: &str, question: &v1::QueryRequest) -> Result<Whole, RelayError> {
        let out = Collected::default();
        let own = code(node);
        self.relays[&own].relay(question.clone(), own.tier(), WITHIN, &out).await?;
        Ok(out.answer())
    }

    /// The answer that a node gives by itself.
    pub(super) fn local(&self, node: &str, question: &v1::QueryRequest) -> Result<Whole, QueryError> {
        let answer = self.nodes[&code(node)].answer(question)?;
        Ok(Whole { rows: answer.rows().collect(), head: answer.head, end: answer.end })
    }
}

/// The unit and all above it.
fn path(unit: DivisionCode) -> impl Iterator<Item = DivisionCode> {
    let parent = |unit: &DivisionCode| UNITS.iter().find(|(code, _)| code == &unit.as_str()).unwrap().1.parse().ok();
    std::iter::successors(Some(unit), parent)
}

fn add_item(index: &MemoryIndex, cell: &CellKey, amount: i64) {
    let key = keys::item(&cell.to_bytes());
    let former = index.get(&key).unwrap().map_or(0, |bytes| match OwnItem::from_bytes(&bytes).unwrap().value {
        ItemValue::Amount(amount) => amount,
        ItemValue::Unit(_) => 0,
    });
    let item = OwnItem { sequence: Sequence { start: 1, number: 1 }, value: ItemValue::Amount(former + amount) };
    put(index, key, item.to_bytes());
}

fn add_held(index: &MemoryIndex, link: Link, cell: &CellKey, amount: i64) {
    let key = keys::held(link, &cell.to_bytes());
    let former = index.get(&key).unwrap().map_or(0, |bytes| HeldItem::from_bytes(&bytes).unwrap().amount());
    put(index, key, HeldItem { aside: false, value: ItemValue::Amount(former + amount) }.to_bytes());
}

/// An answer with all its rows.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) head: v1::QueryHead,
    pub(super) rows: Vec<v1::QueryRow>,
    pub(super) end: v1::QueryEnd,
}

/// Keeps the parts of an answer.
#[derive(Default)]
pub(super) struct Collected(Mutex<Vec<query_reply::Part>>);

#[tonic::async_trait]
impl Out for Collected {
    async fn put(&self, part: query_reply::Part) -> Result<(), Gone> {
        self.0.lock().push(part);
        Ok(())
    }
}

impl Collected {
    pub(super) fn answer(&self) -> Whole {
        let (mut head, mut rows, mut end) = (None, Vec::new(), None);
        for part in self.0.lock().drain(..) {
            assert!(end.is_none(), "a part after the end");
            match part {
                query_reply::Part::Head(it) => {
                    assert!(head.replace(it).is_none() && rows.is_empty(), "the head comes first");
                }
                query_reply::Part::Row(row) => rows.push(row),
                query_reply::Part::End(it) => end = Some(it),
            }
        }
        Whole { head: head.unwrap(), rows, end: end.unwrap() }
    }
}

pub(super) fn query(
    scope: &str,
    measures: &[&str],
    from: &str,
    to: &str,
    grain: &str,
    by: &[&str],
) -> v1::QueryRequest {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    v1::QueryRequest {
        scope: scope.to_owned(),
        measures: words(measures),
        from: from.to_owned(),
        to: to.to_owned(),
        grain: grain.to_owned(),
        by: words(by),
        ..v1::QueryRequest::default()
    }
}

pub(super) fn shown(figures: &[v1::Figure]) -> String {
    let one = |figure: &v1::Figure| match figure.denominator() {
        None => figure.numerator().to_string(),
        Some(denominator) => format!("{}/{denominator}", figure.numerator()),
    };
    figures.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Period, unit, words and figures of each row, with its comparisons.
pub(super) fn rows(answer: &Whole) -> Vec<String> {
    let row = |row: &v1::QueryRow| {
        let labels = [&row.period, &row.unit].into_iter().chain(&row.words).filter(|label| !label.is_empty());
        let compared: Vec<String> =
            row.comparisons.iter().map(|one| format!(" | {} {}", one.period, shown(&one.figures))).collect();
        format!("{}: {}{}", labels.cloned().collect::<Vec<_>>().join(" "), shown(&row.figures), compared.concat())
    };
    answer.rows.iter().map(row).collect()
}

pub(super) fn unreached(answer: &Whole) -> Vec<String> {
    let coverage = answer.end.coverage.as_ref().unwrap();
    coverage.unreached.iter().map(|unit| format!("{} {}", unit.code, unit.reason)).collect()
}
