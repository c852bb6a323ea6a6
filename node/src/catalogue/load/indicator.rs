//! Reads the indicators.

use wuji_proto::Grain;

use super::super::builtin;
use super::super::document::{Node, Section};
use super::super::indicator::{Indicator, IndicatorTerm, Show};
use super::super::ledger::Ledger;
use super::super::measure::{Measure, MeasureKind, RESERVED_NUMBERS_MAX, Split};
use super::super::suggest::suggestion;
use super::super::term::{chosen, words};
use super::{find_measure, read_name, read_title};

/// Reads the `[[indicator]]`s.
pub(super) fn read_all(section: &Section<'_>, ledgers: &[Ledger], measures: &[Measure]) -> Vec<Indicator> {
    let mut indicators: Vec<Indicator> = Vec::new();
    for one in section.sections("indicator") {
        let id = read_name(&one, "id");
        let taken = indicators.iter().any(|other| other.id == id) || measures.iter().any(|measure| measure.id == id);
        if taken && !id.is_empty() {
            one.wrong(format!("`{id}` is the id of another indicator or measure"), "choose another");
        }
        let title = read_title(&one);
        let reader = Reader { section: &one, ledgers, measures };
        let (numerator, denominator) = (reader.terms("numerator"), reader.terms("denominator"));
        let show = read_show(&one);
        one.finish();
        indicators.push(Indicator { id, title, numerator, denominator, show });
    }
    section.finish();
    indicators
}

/// `show = "number"`; a percentage where nothing is said.
fn read_show(section: &Section<'_>) -> Show {
    let Some((node, word)) = section.get("show").and_then(|node| node.text().map(|word| (node, word))) else {
        return Show::Percent;
    };
    Show::ALL.into_iter().find(|show| show.name() == word).unwrap_or_else(|| {
        let what = format!("`{word}` is no way of showing an indicator");
        section.report.add(&node.at, what, suggestion(&word, Show::ALL.map(Show::name)));
        Show::Percent
    })
}

struct Reader<'s, 'd> {
    section: &'s Section<'d>,
    ledgers: &'s [Ledger],
    measures: &'s [Measure],
}

impl Reader<'_, '_> {
    /// `["mediation.succeeded"]` or `[{ measure = "…", where = { performance = ["履行"] } }]`;
    /// of a stock also `each = "month"`.
    fn terms(&self, key: &'static str) -> Vec<IndicatorTerm> {
        let Some(node) = self.section.need(key) else { return Vec::new() };
        let elements = node.elements();
        if elements.is_empty() && node.is_array() {
            self.section.report.add(&node.at, format!("`{key}` is empty"), "list measures");
        }
        elements.iter().filter_map(|element| self.term(element)).collect()
    }

    fn term(&self, node: &Node<'_>) -> Option<IndicatorTerm> {
        if !node.is_table() {
            let id = node.text()?;
            self.measure(&id, node)?;
            return Some(IndicatorTerm { measure: id, words: Vec::new(), each: None });
        }
        let table = node.section()?;
        let (id, _) = table.need_text("measure");
        let each = table.get("each");
        let filter = if each.is_some() { table.get("where") } else { table.need("where") };
        table.finish();
        let measure = self.measure(&id, node)?;
        let each = each.and_then(|each| self.each(measure, &each));
        let words = match filter.map(|filter| filter.section()) {
            Some(section) => self.words(measure, &section?),
            None => Vec::new(),
        };
        Some(IndicatorTerm { measure: id, words, each })
    }

    fn each(&self, measure: &Measure, node: &Node<'_>) -> Option<Grain> {
        let text = node.text()?;
        let month = Grain::Month.name();
        if text != month {
            let advice = format!("use \"{month}\": every tier holds every unit by month");
            self.section.report.add(&node.at, format!("`each` is `{text}`"), advice);
        }
        if measure.kind != MeasureKind::Stock {
            let what = format!("measure `{}` is a flow, and a flow adds up by itself", measure.id);
            self.section.report.add(&node.at, what, "leave `each` out; it is for stocks");
        }
        (text == month).then_some(Grain::Month)
    }

    fn measure(&self, id: &str, node: &Node<'_>) -> Option<&Measure> {
        let found = find_measure(self.measures.iter(), id);
        if found.is_none() {
            let known: Vec<&str> = self.measures.iter().map(Measure::id).collect();
            self.section.report.add(&node.at, format!("there is no measure `{id}`"), suggestion(id, known));
        }
        found
    }

    fn words(&self, measure: &Measure, filter: &Section<'_>) -> Vec<(String, Vec<String>)> {
        let fields = self.ledgers.iter().find(|ledger| ledger.id == measure.ledger);
        let built_in = measure.key.number <= RESERVED_NUMBERS_MAX;
        let mut chosen_words = Vec::new();
        for (name, node) in filter.entries() {
            let split = measure.splits.iter().any(|split: &Split| split.fields.contains(&name));
            let words = match fields.and_then(|ledger| ledger.field(&name)) {
                Some(field) if split => words(filter, field, &node),
                None if split && built_in => chosen(filter, &name, &self.built_in(&name), &node),
                _ => {
                    let splits: Vec<&str> =
                        measure.splits.iter().flat_map(|split| &split.fields).map(String::as_str).collect();
                    let what = format!("measure `{}` is not split by `{name}`", measure.id);
                    filter.report.add(&node.at, what, suggestion(&name, splits));
                    continue;
                }
            };
            chosen_words.push((name, words));
        }
        let names: Vec<&str> = chosen_words.iter().map(|(name, _)| name.as_str()).collect();
        if names.len() > 1 && measure.covering_split(&names).is_none() {
            let what = format!("no split of `{}` has all of {}", measure.id, names.join(", "));
            filter.wrong(what, "add such a split to the measure");
        }
        chosen_words
    }

    fn built_in(&self, field: &str) -> Vec<String> {
        let ledgers: Vec<String> = self.ledgers.iter().map(|ledger| ledger.id.clone()).collect();
        let later = self.measures.iter().filter(|measure| measure.key.revision > 1);
        match field {
            "revision" => later.map(|measure| measure.key.to_string()).collect(),
            _ => builtin::words(field, &ledgers),
        }
    }
}
