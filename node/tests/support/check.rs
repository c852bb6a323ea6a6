//! What a federation must hold after quiet, counted anew.

use std::collections::{BTreeMap, BTreeSet};

use wuji_node::catalogue::{EXPECTED, RECEIVED, RECEIVED_MONTHS, REPORTED, Reporting};
use wuji_node::feed::item::ItemValue;
use wuji_node::index::keys;
use wuji_node::index::values::OwnItem;
use wuji_node::invariant;
use wuji_node::ledger::read::Filter;
use wuji_proto::stored::DayReceived;
use wuji_proto::{CellKey, DivisionCode, Grain, ItemKey, MeasureId, Part, Period, period, stored};

use super::{FIRST_LEAF, Federation, TREE};

impl Federation {
    pub fn items(&self, node: usize) -> BTreeMap<CellKey, i64> {
        let mut cells = BTreeMap::new();
        let prefix = keys::items();
        let view = self.state(node).store.view();
        view.index
            .scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
                let item = ItemKey::from_bytes(keys::parse_item(key).unwrap()).unwrap();
                if let (ItemKey::Cell(cell), ItemValue::Amount(amount)) = (item, OwnItem::from_bytes(value)?.value)
                    && amount != 0
                {
                    cells.insert(cell, amount);
                }
                Ok(std::ops::ControlFlow::Continue(()))
            })
            .unwrap();
        cells
    }

    /// Every node's cells are a recount of the live records below it.
    pub fn check(&self) {
        for node in 0..TREE.len() {
            let (store, own) = (&self.state(node).store, self.units[node].options.code);
            assert_eq!(invariant::false_totals(store.index(), own).unwrap(), [], "totals of {own} are no sums");
            let head = store.view().state.head;
            invariant::digests_are_of_items(store.index(), &store.hasher, head.digest).unwrap();
            let mut wanted = BTreeMap::new();
            for leaf in FIRST_LEAF..TREE.len() {
                for (measure, day, part, amount) in self.recount(leaf) {
                    for scope in self.scopes_between(node, leaf) {
                        let own = scope == self.units[node].options.code;
                        let day = Period::day(period::date(day));
                        let period = if own { day } else { day.within(Grain::Month) };
                        let cell = CellKey { scope, measure, period, part: Part::clone(&part) };
                        *wanted.entry(cell).or_insert(0) += amount;
                    }
                }
            }
            self.add_received(node, &mut wanted);
            wanted.retain(|_, amount| *amount != 0);
            let mut found = self.items(node);
            found.retain(|cell, _| cell.measure != EXPECTED);
            assert_eq!(found, wanted, "cells of {}", self.units[node].options.code);
        }
    }

    /// The units from `node` down to `leaf`; none if the leaf is not below.
    fn scopes_between(&self, node: usize, leaf: usize) -> Vec<DivisionCode> {
        let (mut scopes, mut at) = (Vec::new(), leaf);
        loop {
            scopes.push(self.units[at].options.code);
            match TREE[at].1 {
                _ if at == node => return scopes,
                Some(parent) => at = parent,
                None => return Vec::new(),
            }
        }
    }

    /// What the live records of a leaf contribute, counted anew.
    fn recount(&self, leaf: usize) -> Vec<(MeasureId, i32, Part, i64)> {
        let filter = Filter { voided: Some(false), ..Filter::default() };
        let (records, more) = self.state(leaf).ledgers.page("mediation", &filter, None, 1_000).unwrap();
        assert!(!more);
        let ledger = self.catalogue.ledger("mediation").unwrap();
        let mut parts = Vec::new();
        for record in records {
            let facts = ledger.facts(&record.values);
            self.catalogue.contributions("mediation", &facts, record.event_date, &mut |part| {
                parts.push((part.measure, part.day, part.part, part.amount));
            });
        }
        parts.extend(self.reported(leaf).into_iter().map(|day| (REPORTED, day, Part::default(), 1)));
        parts
    }

    /// The days that a leaf has reported: with a live record or a zero report.
    pub fn reported(&self, leaf: usize) -> BTreeSet<i32> {
        let filter = Filter { voided: Some(false), ..Filter::default() };
        let (records, _) = self.state(leaf).ledgers.page("mediation", &filter, None, 1_000).unwrap();
        let zeros = self.zeros.get(&leaf).cloned().unwrap_or_default();
        records.iter().map(|record| record.event_date).chain(zeros).collect()
    }

    /// Remembers what a leaf has reported: it may take it back.
    pub fn note_reported(&mut self, leaf: usize) {
        let reported = self.reported(leaf);
        self.ever.entry(leaf).or_default().extend(reported);
    }

    /// What the days add up to that the first nodes above have stated, each once, in their own
    /// journals; and whether those are the days that were reported.
    fn add_received(&self, node: usize, wanted: &mut BTreeMap<CellKey, i64>) {
        for leaf in FIRST_LEAF..TREE.len() {
            let stamps = self.stamps(leaf);
            let reported = |stamp: &&DayReceived| stamp.by_report;
            let stated: BTreeSet<i32> = stamps.iter().filter(reported).map(|stamp| stamp.day).collect();
            let all: BTreeSet<i32> = stamps.iter().map(|stamp| stamp.day).collect();
            assert!(all.is_superset(&self.reported(leaf)), "days of {leaf} were never stated");
            let ever = self.ever.get(&leaf).cloned().unwrap_or_default();
            assert!(ever.is_superset(&stated), "{stated:?} of {leaf} were stated, it reported {ever:?}");
            let scopes = self.scopes_between(node, leaf);
            // A leaf does not know what was stated of it.
            let scopes = scopes.into_iter().filter(|_| node != leaf);
            let mut months = BTreeSet::new();
            let scopes: Vec<_> = scopes.collect();
            for stamp in stamps {
                let day = Period::day(period::date(stamp.day));
                let words = Reporting::words(stamp.by_report, stamp.on_time);
                let mut parts = vec![(RECEIVED, Part { split: 1, words })];
                parts.extend(months.insert(day.within(Grain::Month)).then(|| (RECEIVED_MONTHS, Part::default())));
                for scope in &scopes {
                    let own = *scope == self.units[node].options.code;
                    let period = if own { day } else { day.within(Grain::Month) };
                    for (measure, part) in parts.clone() {
                        *wanted.entry(CellKey { scope: *scope, measure, period, part }).or_insert(0) += 1;
                    }
                }
            }
        }
    }

    /// What a leaf's parent has stated of it, in the order of its journal.
    pub fn stamps(&self, leaf: usize) -> Vec<DayReceived> {
        let (code, parent) = (self.units[leaf].options.code.to_string(), TREE[leaf].1.unwrap());
        let mut stamps: Vec<DayReceived> = Vec::new();
        for frame in self.state(parent).journal.entries_from(1) {
            if let Some(stored::entry::Event::DaysReceived(received)) = frame.unwrap().entry.event {
                stamps.extend(received.days.into_iter().filter(|stamp| stamp.code == code));
            }
        }
        let days: BTreeSet<i32> = stamps.iter().map(|stamp| stamp.day).collect();
        assert_eq!(days.len(), stamps.len(), "a day of {code} was stated twice: {stamps:?}");
        stamps
    }
}
