//! Whatever a link held and whatever it is sent, it holds the child's items in the end, and
//! every total is the sum of its parts.

use proptest::prelude::*;
use wuji_proto::{Incarnation, MeasureId, Part, period};

use super::*;
use crate::catalogue::REPORTED;
use crate::feed::child::Child;
use crate::feed::group::FeedHead;
use crate::index::Index;
use crate::index::memory::MemoryIndex;
use crate::index::values::OwnItem;

type Items = BTreeMap<Vec<u8>, i64>;

const OWN: &str = "371122101";
const CHILDREN: [&str; 2] = ["371122101201", "371122101202"];

fn code(text: &str) -> DivisionCode {
    text.parse().unwrap()
}

fn hasher() -> ItemHasher {
    ItemHasher::new(code(CHILDREN[0]), Incarnation::from_random([7; 16]))
}

/// Items of one child: a few days, measures and parts; some in range of nothing.
fn items(child: usize) -> impl Strategy<Value = Items> {
    let item = (0..4_i32, 1..3_u16, 0..3_u8, -5..50_i64, any::<bool>());
    prop::collection::vec(item, 0..12).prop_map(move |items| {
        items
            .into_iter()
            .map(|(day, number, word, amount, foreign)| {
                let scope = code(if foreign && amount < 3 { OWN } else { CHILDREN[child] });
                let cell = CellKey {
                    scope,
                    measure: MeasureId { number, revision: 1 },
                    period: Period::day(period::date(42_000 + day * 20)),
                    part: Part { split: 1, words: vec![word.to_string()] },
                };
                (cell.to_bytes(), amount)
            })
            .collect()
    })
}

fn feed(items: &Items) -> Vec<FeedItem> {
    items.iter().map(|(key, amount)| FeedItem { key: key.clone(), value: ItemValue::Amount(*amount) }).collect()
}

struct Parent {
    index: MemoryIndex,
    own_hasher: ItemHasher,
    head: FeedHead,
    holdings: [Holding; 2],
}

impl Parent {
    fn new() -> Self {
        let own_hasher = ItemHasher::new(code(OWN), Incarnation::from_random([1; 16]));
        let mut parent =
            Self { index: MemoryIndex::default(), own_hasher, head: FeedHead::default(), holdings: Default::default() };
        parent.batch(|group, _| {
            for child in CHILDREN {
                Child::default().write(&mut group.draft, code(child));
            }
        });
        parent
    }

    fn batch(&mut self, work: impl FnOnce(&mut Group<'_>, &mut [Holding; 2])) {
        let mut group = Group::new(&self.index, code(OWN), self.head, &self.own_hasher);
        work(&mut group, &mut self.holdings);
        let head = group.settle();
        let (writes, _) = group.finish();
        self.index.apply(&writes).unwrap();
        self.head = head;
    }

    fn take(&mut self, child: usize, items: &Items) {
        self.batch(|group, holdings| {
            let hasher = hasher();
            let mut intake = Intake::new(group, code(CHILDREN[child]), &hasher, holdings[child]);
            intake.take(feed(items)).unwrap();
            holdings[child] = intake.holding();
        });
    }

    fn replace(&mut self, child: usize, range: KeyRange<'_>, items: &Items) {
        self.batch(|group, holdings| {
            let hasher = hasher();
            let mut intake = Intake::new(group, code(CHILDREN[child]), &hasher, holdings[child]);
            intake.replace(range, feed(items)).unwrap();
            holdings[child] = intake.holding();
        });
    }

    fn scan<T>(&self, prefix: &[u8], read: impl Fn(&[u8], &[u8]) -> T) -> Vec<T> {
        let mut found = Vec::new();
        self.index
            .scan(prefix, keys::after(prefix).as_deref(), &mut |key, value| {
                found.push(read(key, value));
                Ok(std::ops::ControlFlow::Continue(()))
            })
            .unwrap();
        found
    }

    fn held(&self, child: usize) -> Items {
        let read = |key: &[u8], value: &[u8]| match HeldItem::from_bytes(value).unwrap().value {
            ItemValue::Amount(amount) => (keys::parse_held(key).unwrap().to_vec(), amount),
            ItemValue::Unit(_) => panic!("no units were sent"),
        };
        self.scan(&keys::held_by(Link::Unit(code(CHILDREN[child]))), read).into_iter().collect()
    }

    /// Every total that is not 0, as stored.
    fn totals(&self) -> BTreeMap<CellKey, i64> {
        let read = |key: &[u8], value: &[u8]| {
            let item = ItemKey::from_bytes(keys::parse_item(key).unwrap()).unwrap();
            match (item, OwnItem::from_bytes(value).unwrap().value) {
                (ItemKey::Cell(cell), ItemValue::Amount(amount)) => (cell, amount),
                _ => panic!("no units were sent"),
            }
        };
        self.scan(&keys::items(), read).into_iter().filter(|(_, amount)| *amount != 0).collect()
    }

    /// Every total as it should be, added up from what the children have.
    fn wanted(children: [&Items; 2]) -> BTreeMap<CellKey, i64> {
        let mut totals = BTreeMap::new();
        for (child, items) in children.into_iter().enumerate() {
            for (key, amount) in items {
                let Ok(ItemKey::Cell(cell)) = ItemKey::from_bytes(key) else { panic!("only cells were sent") };
                if let Some(targets) = Targets::of(code(OWN), code(CHILDREN[child]), &cell) {
                    targets.each().for_each(|target| *totals.entry(target.clone()).or_insert(0) += amount);
                }
            }
        }
        totals.retain(|_, amount| *amount != 0);
        totals
    }
}

fn digest(items: &Items) -> Digest {
    items.iter().fold(Digest::default(), |digest, (key, amount)| {
        digest.with(hasher().hash(key, &ItemValue::Amount(*amount).to_bytes()))
    })
}

proptest! {
    #[test]
    fn items_sent_again_late_or_twice_change_nothing(first in items(0), second in items(0), other in items(1)) {
        let mut parent = Parent::new();
        parent.take(1, &other);
        parent.take(0, &first);
        parent.take(0, &first);
        parent.take(0, &second);
        let mut now = first;
        now.extend(second);
        prop_assert_eq!(parent.held(0), now.clone());
        prop_assert_eq!(parent.holdings[0].digest, digest(&now));
        prop_assert_eq!(parent.totals(), Parent::wanted([&now, &other]));
    }

    #[test]
    fn a_walk_mends_any_copy_into_any_other(copy in items(0), child in items(0), other in items(1), cuts in prop::collection::btree_set(0..12_usize, 0..4)) {
        let mut parent = Parent::new();
        parent.take(1, &other);
        parent.take(0, &copy);
        // Ranges begin at some keys of either side, from the first key on.
        let keys: Vec<&Vec<u8>> = copy.keys().chain(child.keys()).collect();
        let mut bounds: Vec<Vec<u8>> = cuts.into_iter().filter_map(|cut| keys.get(cut).map(|key| (*key).clone())).collect();
        bounds.push(Vec::new());
        bounds.sort();
        bounds.dedup();
        for (at, from) in bounds.iter().enumerate() {
            let to = bounds.get(at + 1);
            let inside = |key: &Vec<u8>| key >= from && to.is_none_or(|to| key < to);
            let range: Items = child.iter().filter(|(key, _)| inside(key)).map(|(key, amount)| (key.clone(), *amount)).collect();
            parent.replace(0, (from, to.map(Vec::as_slice)), &range);
        }
        prop_assert_eq!(parent.held(0), child.clone());
        prop_assert_eq!(parent.holdings[0].digest, digest(&child));
        prop_assert_eq!(parent.totals(), Parent::wanted([&child, &other]));
    }
}

#[test]
fn an_item_that_would_carry_a_total_out_of_range_is_set_aside_and_the_rest_flows() {
    let mut parent = Parent::new();
    let cell = |child: usize, number| CellKey {
        scope: code(CHILDREN[child]),
        measure: MeasureId { number, revision: 1 },
        period: Period::day(period::date(42_000)),
        part: Part::default(),
    };
    parent.take(0, &[(cell(0, 1).to_bytes(), AMOUNT_MAX)].into());
    parent.take(1, &[(cell(1, 1).to_bytes(), AMOUNT_MAX), (cell(1, 2).to_bytes(), 5)].into());
    let own = |number| CellKey { scope: code(OWN), ..cell(0, number) };
    assert_eq!(parent.totals().get(&own(1)), Some(&AMOUNT_MAX));
    assert_eq!(parent.totals().get(&own(2)), Some(&5));
    assert_eq!(parent.holdings[1].malformed, 1);
    assert_eq!(parent.holdings[1].digest.count, 2, "both ends still agree on what was sent");
}

/// Takes one item of the first child; whether it was set aside.
fn is_set_aside(parent: &mut Parent, key: Vec<u8>, value: ItemValue) -> bool {
    let mut aside = false;
    parent.batch(|group, holdings| {
        let hasher = hasher();
        let mut intake = Intake::new(group, code(CHILDREN[0]), &hasher, holdings[0]);
        intake.take(vec![FeedItem { key, value }]).unwrap();
        aside = intake.holding().malformed > holdings[0].malformed;
        holdings[0] = intake.holding();
    });
    aside
}

fn entry(name: &str) -> ItemValue {
    ItemValue::Unit(v1::UnitEntry { name: name.to_owned(), ..v1::UnitEntry::default() })
}

/// A unit's directory entry, and a cell: by day of the first child, by month of any other.
fn named(scope: &str) -> [(Vec<u8>, ItemValue); 2] {
    let day = Period::day(period::date(42_000));
    let period = if scope == CHILDREN[0] { day } else { day.within(Grain::Month) };
    let measure = MeasureId { number: 1, revision: 1 };
    let cell = CellKey { scope: code(scope), measure, period, part: Part::default() };
    [(ItemKey::Unit(code(scope)).to_bytes(), entry("told")), (cell.to_bytes(), ItemValue::Amount(1))]
}

#[test]
fn a_child_cannot_speak_for_its_parent_its_siblings_or_units_that_cannot_lie_below_it() {
    let mut parent = Parent::new();
    let foreign = [OWN, CHILDREN[1], "371122102201", "371122", "37"];
    for (scope, is_aside) in foreign.map(|scope| (scope, true)).into_iter().chain([(CHILDREN[0], false)]) {
        for (key, value) in named(scope) {
            assert_eq!(is_set_aside(&mut parent, key, value.clone()), is_aside, "{value:?} of {scope}");
        }
    }
}

/// Whether a parent sets a child's cell aside.
fn puts_aside(own: &str, child: &str, cell: &CellKey) -> bool {
    let (index, hasher) = (MemoryIndex::default(), hasher());
    let mut group = Group::new(&index, code(own), FeedHead::default(), &hasher);
    let mut intake = Intake::new(&mut group, code(child), &hasher, Holding::default());
    intake.take(vec![FeedItem { key: cell.to_bytes(), value: ItemValue::Amount(1) }]).unwrap();
    intake.holding().malformed == 1
}

#[test]
fn what_the_first_node_above_a_unit_states_of_it_the_unit_cannot_say_itself() {
    const COUNTY: &str = "371122";
    let workroom = CHILDREN[0];
    for (parent, child, scope, measure, words, is_aside) in [
        (OWN, workroom, workroom, EXPECTED, "workroom", true),
        (OWN, workroom, workroom, RECEIVED, "报送 按时", true),
        (OWN, workroom, workroom, RECEIVED_MONTHS, "", true),
        (OWN, workroom, workroom, REPORTED, "", false),
        // A unit with children has the sums of what it states of them, and of units further down.
        (COUNTY, OWN, OWN, EXPECTED, "workroom", false),
        (COUNTY, OWN, OWN, RECEIVED, "报送 按时", false),
        (COUNTY, OWN, OWN, RECEIVED_MONTHS, "", false),
        (COUNTY, OWN, workroom, EXPECTED, "workroom", false),
        (COUNTY, OWN, workroom, RECEIVED, "报送 按时", false),
        (COUNTY, OWN, workroom, RECEIVED_MONTHS, "", false),
        // But not of itself or of what cannot lie below it.
        (COUNTY, OWN, OWN, EXPECTED, "township", true),
        (COUNTY, OWN, OWN, EXPECTED, "county", true),
        (COUNTY, OWN, OWN, EXPECTED, "", true),
    ] {
        let day = Period::day(period::date(42_000));
        let period = if scope == child { day } else { day.within(Grain::Month) };
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let part = Part { split: u8::from(!words.is_empty()), words };
        let cell = CellKey { scope: code(scope), measure, period, part };
        assert_eq!(puts_aside(parent, child, &cell), is_aside, "{child} sends {cell:?} to {parent}");
    }
}

#[test]
fn what_was_set_aside_goes_without_taking_anything_of_another_with_it() {
    let mut parent = Parent::new();
    for scope in [OWN, CHILDREN[1]] {
        let ItemValue::Unit(own) = entry("its own") else { panic!("an entry") };
        parent.batch(|group, _| group.publish_unit(code(scope), own).unwrap());
        let [(key, value), _] = named(scope);
        assert!(is_set_aside(&mut parent, key, value));
    }
    parent.replace(0, (&[], None), &Items::new());
    for scope in [OWN, CHILDREN[1]] {
        let stored = parent.index.get(&keys::item(&ItemKey::Unit(code(scope)).to_bytes())).unwrap().unwrap();
        assert_eq!(OwnItem::from_bytes(&stored).unwrap().value, entry("its own"), "entry of {scope}");
    }
}
