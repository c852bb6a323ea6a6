//! What a city sends: its own figures by day, those of every unit below it by month, and the
//! directory of them; as its node would have them after a year of its workrooms' entries.

use std::collections::BTreeMap;

use wuji_node::catalogue::{Catalogue, Contribution, EXPECTED, MeasureKind};
use wuji_node::feed::item::{FeedItem, ItemValue};
use wuji_proto::{CellKey, DivisionCode, Grain, ItemKey, MeasureId, Part, Period, Tier, period, v1};

use super::entries::{Clerk, Span};
use super::tree::Tree;

/// Amounts by what follows the scope in a cell's key.
type Cells = BTreeMap<Vec<u8>, i64>;

/// A city's feed.
#[derive(Debug, Default)]
pub struct CityFeed {
    directory: Vec<FeedItem>,
    scopes: BTreeMap<DivisionCode, Cells>,
    /// What the flows add up to, counted from the records alone, by measure.
    pub totals: BTreeMap<MeasureId, i64>,
    /// How many workrooms it has.
    pub workrooms: u64,
}

impl CityFeed {
    /// How many items it has.
    pub fn len(&self) -> usize {
        self.directory.len() + self.scopes.values().map(BTreeMap::len).sum::<usize>()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.directory.is_empty() && self.scopes.is_empty()
    }

    /// The items in the order of keys.
    pub fn into_items(self) -> impl Iterator<Item = FeedItem> {
        let cells = self.scopes.into_iter().flat_map(|(scope, cells)| {
            let prefix = CellKey::scope_prefix(scope);
            cells.into_iter().map(move |(rest, amount)| FeedItem {
                key: [prefix.as_slice(), &rest].concat(),
                value: ItemValue::Amount(amount),
            })
        });
        self.directory.into_iter().chain(cells)
    }
}

/// Makes the feeds of cities.
pub struct Feeds<'c> {
    tree: &'c Tree,
    catalogue: &'c Catalogue,
    clerk: Clerk<'c>,
    span: Span,
}

impl<'c> Feeds<'c> {
    /// Of the cities of a tree.
    pub fn new(tree: &'c Tree, catalogue: &'c Catalogue, span: Span) -> Self {
        Self { tree, catalogue, clerk: Clerk::new(catalogue, span), span }
    }

    /// A city's feed.
    pub fn of(&self, city: DivisionCode) -> CityFeed {
        let mut feed = CityFeed { directory: self.directory(city), ..CityFeed::default() };
        let mut days = Cells::new();
        for county in self.tree.children(city) {
            self.gather(*county, &mut days, &mut feed);
        }
        feed.scopes.insert(city, days);
        // A day on which a stock rises and falls is no change of it.
        feed.scopes.values_mut().for_each(|cells| cells.retain(|_, amount| *amount != 0));
        feed
    }

    /// A unit's cells by month, which go into the feed; `days` are the city's.
    fn gather(&self, unit: DivisionCode, days: &mut Cells, feed: &mut CityFeed) -> Cells {
        let mut cells = Cells::new();
        for child in self.tree.children(unit) {
            for (rest, amount) in self.gather(*child, days, feed) {
                *cells.entry(rest).or_default() += amount;
            }
        }
        let first = self.span.days().0;
        let part = Part { split: 1, words: vec![unit.tier().name().to_owned()] };
        // As the registry of its parent counts it.
        let mut add = |of: Contribution| {
            *days.entry(behind_scope(unit, &of, Grain::Day)).or_default() += of.amount;
            *cells.entry(behind_scope(unit, &of, Grain::Month)).or_default() += of.amount;
        };
        add(Contribution { measure: EXPECTED, day: first, part, amount: 1 });
        if unit.tier() == Tier::Workroom {
            feed.workrooms += 1;
            self.clerk.write(unit, &mut |of| {
                self.tally(&of, &mut feed.totals);
                add(of);
            });
        }
        feed.scopes.insert(unit, cells.clone());
        cells
    }

    fn tally(&self, of: &Contribution, totals: &mut BTreeMap<MeasureId, i64>) {
        let (first, last) = self.span.days();
        let is_flow = self.catalogue.measure_numbered(of.measure).is_some_and(|m| m.kind() == MeasureKind::Flow);
        if is_flow && of.part.split <= 1 && (first..=last).contains(&of.day) {
            *totals.entry(of.measure).or_default() += of.amount;
        }
    }

    fn directory(&self, city: DivisionCode) -> Vec<FeedItem> {
        let entry = |unit: &wuji_node::division::Division| FeedItem {
            key: ItemKey::Unit(unit.code).to_bytes(),
            value: ItemValue::Unit(v1::UnitEntry {
                name: unit.name.clone(),
                parent: unit.parent.map(|parent| parent.to_string()).unwrap_or_default(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                catalogue_version: self.catalogue.version().to_owned(),
                ..v1::UnitEntry::default()
            }),
        };
        self.tree.subtree(city).map(entry).collect()
    }
}

/// What follows the scope in the key of a cell.
pub(super) fn behind_scope(scope: DivisionCode, of: &Contribution, grain: Grain) -> Vec<u8> {
    let period = Period::of(period::date(of.day), grain);
    let key = CellKey { scope, measure: of.measure, period, part: of.part.clone() }.to_bytes();
    key.get(CellKey::scope_prefix(scope).len()..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_the_sum_of_its_units_in_every_measure() {
        let catalogue = Catalogue::embedded().unwrap();
        let tree = Tree::shandong(24).unwrap();
        let span = Span { first: "2025-01".parse().unwrap(), months: 2 };
        let city = tree.of_tier(Tier::City).next().unwrap().code;
        let feed = Feeds::new(&tree, &catalogue, span).of(city);
        let (workrooms, items) = (feed.workrooms, feed.len());
        let sent: Vec<FeedItem> = feed.into_items().collect();
        assert_eq!(sent.len(), items);
        assert!(sent.is_sorted_by(|a, b| a.key < b.key));
        // By measure and part, whatever the period: of the city, and of each tier below it.
        let mut sums = BTreeMap::<_, BTreeMap<Tier, i64>>::new();
        for item in &sent {
            let (Ok(ItemKey::Cell(cell)), ItemValue::Amount(amount)) = (ItemKey::from_bytes(&item.key), &item.value)
            else {
                continue;
            };
            assert_eq!(cell.period.grain(), if cell.scope == city { Grain::Day } else { Grain::Month });
            *sums.entry((cell.measure, cell.part)).or_default().entry(cell.scope.tier()).or_default() += amount;
        }
        for ((measure, part), by_tier) in &sums {
            // Of an intermediate tier the registry of the tier above counts one more.
            let below = by_tier.iter().filter(|(tier, _)| **tier != Tier::City);
            let wanted = by_tier.get(&Tier::City).copied().unwrap_or(0);
            if *measure == EXPECTED {
                let tier: Tier = Tier::ALL.into_iter().find(|tier| tier.name() == part.words[0]).unwrap();
                assert_eq!(by_tier.get(&tier), Some(&wanted), "{tier:?}");
            } else {
                assert!(below.clone().all(|(_, sum)| *sum == wanted), "{measure:?} {part:?}: {by_tier:?}");
            }
        }
        assert_eq!(
            sums[&(EXPECTED, Part { split: 1, words: vec!["workroom".to_owned()] })][&Tier::City],
            i64::try_from(workrooms).unwrap()
        );
    }
}
