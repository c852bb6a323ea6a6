//! Reads the indicators.

use super::super::document::{Node, Section};
use super::super::indicator::{Indicator, IndicatorTerm, Show};
use super::super::ledger::Ledger;
use super::super::measure::Measure;
use super::super::suggest::suggestion;
use super::super::term::words;
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
    /// `["mediation.succeeded"]` or `[{ measure = "…", where = { performance = ["履行"] } }]`.
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
            return Some(IndicatorTerm { measure: id, words: Vec::new() });
        }
        let table = node.section()?;
        let (id, _) = table.need_text("measure");
        let filter = table.need("where").and_then(|node| node.section());
        table.finish();
        let measure = self.measure(&id, node)?;
        let words = self.words(measure, &filter?);
        Some(IndicatorTerm { measure: id, words })
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
        let mut chosen = Vec::new();
        for (name, node) in filter.entries() {
            let known = |split: &super::super::measure::Split| split.fields.contains(&name);
            let field = fields.and_then(|ledger| ledger.field(&name));
            let Some(field) = field.filter(|_| measure.splits.iter().any(known)) else {
                let splits: Vec<&str> =
                    measure.splits.iter().flat_map(|split| &split.fields).map(String::as_str).collect();
                let what = format!("measure `{}` is not split by `{name}`", measure.id);
                filter.report.add(&node.at, what, suggestion(&name, splits));
                continue;
            };
            chosen.push((name, words(filter, field, &node)));
        }
        let names: Vec<&str> = chosen.iter().map(|(name, _)| name.as_str()).collect();
        if names.len() > 1 && measure.covering_split(&names).is_none() {
            let what = format!("no split of `{}` has all of {}", measure.id, names.join(", "));
            filter.wrong(what, "add such a split to the measure");
        }
        chosen
    }
}
