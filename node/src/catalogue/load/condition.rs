//! Reads the conditions over a unit's own ledgers.

use super::super::condition::{AtLeast, Condition, Since};
use super::super::document::Section;
use super::super::ledger::{FieldKind, Ledger};
use super::super::measure::{Measure, MeasureKind};
use super::super::measuring::Rule;
use super::super::problem::At;
use super::super::suggest::suggestion;
use super::ledger::find_field;
use super::measure::read_head;
use super::{find_ledger, find_measure};

/// Reads the `[[condition]]`s. `measures` are the ledgers' own, which conditions may name.
pub(super) fn read_all(section: &Section<'_>, ledgers: &[Ledger], measures: &[(Measure, At)]) -> Vec<(Measure, At)> {
    let conditions =
        section.sections("condition").iter().filter_map(|one| read(one, ledgers, measures)).collect::<Vec<_>>();
    section.finish();
    conditions
}

fn read(section: &Section<'_>, ledgers: &[Ledger], measures: &[(Measure, At)]) -> Option<(Measure, At)> {
    let id = section.get("id").and_then(|node| node.text()).unwrap_or_default();
    let ledger = id.split('.').next().unwrap_or_default();
    find_ledger(section, ledgers, ledger);
    let head = read_head(section, ledger);
    let since: Vec<_> = section.sections("since").iter().map(|term| read_since(term, ledgers)).collect();
    let at_least: Vec<_> = section.sections("at_least").iter().map(|term| read_at_least(term, measures)).collect();
    section.finish();
    if since.is_empty() && at_least.is_empty() {
        section.wrong("the condition asks nothing", "add `[[condition.since]]` or `[[condition.at_least]]`");
    }
    let (mut measure, at) = head?;
    measure.kind = MeasureKind::Stock;
    let (since, since_texts): (Vec<_>, Vec<_>) = since.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
    let (at_least, at_least_texts): (Vec<_>, Vec<_>) =
        at_least.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
    measure.rule = Rule::Condition(Condition { since, at_least });
    measure.define(&[since_texts, at_least_texts].concat());
    Some((measure, at))
}

fn read_since(section: &Section<'_>, ledgers: &[Ledger]) -> Option<(Since, String)> {
    let (name, _) = section.need_text("ledger");
    let node = section.need("fields");
    section.finish();
    let ledger = find_ledger(section, ledgers, &name)?;
    let node = node?;
    let texts = node.texts();
    let mut dates = Vec::new();
    for (name, at) in &texts {
        let field = find_field(section, &ledger.fields, name, &node)?;
        if field.kind != FieldKind::Date || field.class > 0 {
            let what = format!("`{name}` is of type {} and class {}", field.kind.name(), field.class);
            section.report.add(at, what, "`since` takes date fields of class 0");
            return None;
        }
        dates.extend(ledger.facts.iter().position(|fact| fact == name));
    }
    if dates.is_empty() {
        section.wrong("`since` names no fields", "list date fields");
        return None;
    }
    let names: Vec<&str> = texts.iter().map(|(name, _)| name.as_str()).collect();
    let text = format!("since {name} has {}", names.join(", "));
    Some((Since { ledger: name, dates }, text))
}

fn read_at_least(section: &Section<'_>, measures: &[(Measure, At)]) -> Option<(AtLeast, String)> {
    let (id, at) = section.need_text("stock");
    let amount = section.need("amount").and_then(|node| node.integer());
    section.finish();
    if amount.is_some_and(|amount| amount < 1) {
        section.wrong("`amount` is below 1", "a condition that always holds says nothing");
    }
    let own = || measures.iter().map(|(measure, _)| measure);
    let stocks = || own().filter(|measure| matches!(measure.rule, Rule::Stock(_)));
    let Some(stock) = find_measure(stocks(), &id) else {
        let known: Vec<&str> = stocks().map(Measure::id).collect();
        let advice = suggestion(&id, known);
        let what = if find_measure(own(), &id).is_some() { "is not a stock over records" } else { "does not exist" };
        section.report.add(&at, format!("measure `{id}` {what}"), advice);
        return None;
    };
    let position = own().position(|measure| measure.key == stock.key)?;
    let amount = amount?;
    // The stock's own hash: a condition means another thing when its stock does.
    let text = format!("{} {} ({}) >= {amount}", stock.id, stock.key, blake3::Hash::from_bytes(stock.hash).to_hex());
    Some((AtLeast { ledger: stock.ledger.clone(), stock: position, amount }, text))
}
