//! The shipped catalogue read as the documents that they are: what a measure means, in SQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::{Table, Value};
use wuji_node::catalogue::Catalogue;

/// The ledgers' forms, the measures and the indicators.
pub struct Standard {
    pub ledgers: BTreeMap<String, Table>,
    pub measures: BTreeMap<String, Measure>,
    pub indicators: BTreeMap<String, Indicator>,
}

pub struct Measure {
    pub id: String,
    /// Of whose records it is; empty: of none.
    pub ledger: String,
    pub stock: bool,
    pub splits: Vec<Vec<String>>,
    pub rule: Rule,
}

pub enum Rule {
    /// Facts of records; the SQL makes them.
    Records(String),
    /// The built-in measures.
    Entries,
    Reported,
    Expected,
    Received,
    ReceivedMonths,
    /// Of what does not happen here: no measure has a second revision.
    Nothing,
    /// Dates of one record of a ledger that must all be there, and stocks with their least amounts.
    Condition {
        since: Vec<(String, Vec<String>)>,
        at_least: Vec<(String, i64)>,
    },
}

/// Sums of measures, each with the words that its parts must have.
pub struct Indicator {
    pub numerator: Vec<Term>,
    pub denominator: Vec<Term>,
}

#[derive(Clone)]
pub struct Term {
    pub measure: String,
    pub only: Vec<(String, Vec<String>)>,
    /// A stock at the end of each month, added up.
    pub each_month: bool,
}

/// The documents.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue")
}

/// The shipped catalogue, and one of another version that says the same.
pub fn catalogues() -> [Arc<Catalogue>; 2] {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(directory()).unwrap() {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap().replace("\nversion = \"", "\nversion = \"other-");
        std::fs::write(copy.path().join(file.file_name()), text).unwrap();
    }
    [Catalogue::load(&directory()), Catalogue::load(copy.path())].map(|loaded| Arc::new(loaded.unwrap()))
}

impl Standard {
    pub fn read() -> Self {
        let mut standard = Self { ledgers: BTreeMap::new(), measures: BTreeMap::new(), indicators: BTreeMap::new() };
        for file in std::fs::read_dir(directory()).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            standard.take(text.parse().unwrap());
        }
        let ledgers = vec![vec!["ledger".to_owned()]];
        standard.built_in("entries", false, ledgers, Rule::Entries);
        standard.built_in("reported", false, Vec::new(), Rule::Reported);
        standard.built_in("expected", true, vec![vec!["tier".to_owned()]], Rule::Expected);
        let received = vec![vec!["via".to_owned(), "timeliness".to_owned()]];
        standard.built_in("received", false, received, Rule::Received);
        standard.built_in("received.months", false, Vec::new(), Rule::ReceivedMonths);
        standard.built_in("adopted", true, vec![vec!["revision".to_owned()]], Rule::Nothing);
        standard
    }

    fn built_in(&mut self, id: &str, stock: bool, splits: Vec<Vec<String>>, rule: Rule) {
        self.measures.insert(id.to_owned(), Measure { id: id.to_owned(), ledger: String::new(), stock, splits, rule });
    }

    fn take(&mut self, document: Table) {
        for measure in tables(&document, "measure") {
            let ledger = text(&document, "id");
            let stock = text(measure, "kind") == "stock";
            let splits = measure.get("splits").map_or_else(Vec::new, |splits| {
                splits.as_array().unwrap().iter().map(|split| texts(Some(split))).collect()
            });
            let rule = Rule::Records(facts(&document, ledger, measure));
            self.built_in(text(measure, "id"), stock, splits, rule);
            self.measures.get_mut(text(measure, "id")).unwrap().ledger.push_str(ledger);
        }
        for condition in tables(&document, "condition") {
            let since = tables(condition, "since")
                .map(|term| (text(term, "ledger").to_owned(), texts(term.get("fields"))))
                .collect();
            let at_least = tables(condition, "at_least")
                .map(|term| (text(term, "stock").to_owned(), term["amount"].as_integer().unwrap()))
                .collect();
            self.built_in(text(condition, "id"), true, Vec::new(), Rule::Condition { since, at_least });
        }
        for indicator in tables(&document, "indicator") {
            let terms = |side: &str| indicator[side].as_array().unwrap().iter().map(term).collect();
            let ratio = Indicator { numerator: terms("numerator"), denominator: terms("denominator") };
            self.indicators.insert(text(indicator, "id").to_owned(), ratio);
        }
        if document.contains_key("field") {
            self.ledgers.insert(text(&document, "id").to_owned(), document);
        }
    }

    /// Whether one split of a measure has all of these fields.
    pub fn divides(&self, measure: &str, fields: &[&str]) -> bool {
        let splits = &self.measures[measure].splits;
        let has_all = |split: &Vec<String>| fields.iter().all(|field| split.iter().any(|own| own == field));
        fields.is_empty() || splits.iter().any(has_all)
    }

    /// The words of a field, in any ledger that has it.
    pub fn words(&self, field: &str) -> Vec<String> {
        match field {
            "ledger" => self.ledgers.keys().cloned().collect(),
            "tier" => super::tree::TIERS.map(str::to_owned).into(),
            "via" => vec!["报送".to_owned(), "在线".to_owned()],
            "timeliness" => vec!["按时".to_owned(), "迟报".to_owned()],
            "revision" => vec!["32@2".to_owned()],
            _ => {
                let fields = self.ledgers.values().flat_map(|form| tables(form, "field"));
                fields
                    .filter(|known| text(known, "name") == field)
                    .flat_map(|known| texts(known.get("words")))
                    .collect()
            }
        }
    }

    /// The code fields of a ledger.
    pub fn codes(&self, ledger: &str) -> Vec<String> {
        let codes = tables(&self.ledgers[ledger], "field").filter(|field| text(field, "type") == "code");
        codes.map(|field| text(field, "name").to_owned()).collect()
    }

    /// The highest tier that may divide by a field; none may by one that is no code, or of persons.
    pub fn ceiling(&self, ledger: &str, name: &str) -> Option<String> {
        let mut fields = tables(self.ledgers.get(ledger)?, "field");
        let field = fields.find(|field| text(field, "name") == name)?;
        let divides = text(field, "type") == "code" && field["class"].as_integer() == Some(0);
        divides.then(|| text(field, "ceiling").to_owned())
    }

    /// A column's two sums; of a measure there is no denominator.
    pub fn terms(&self, column: &str) -> (Vec<Term>, Option<Vec<Term>>) {
        match self.indicators.get(column) {
            Some(ratio) => (ratio.numerator.clone(), Some(ratio.denominator.clone())),
            None => (vec![Term { measure: column.to_owned(), only: Vec::new(), each_month: false }], None),
        }
    }

    /// Whether the sums of a column are values at a date: what is divided, and by what.
    pub fn stocks(&self, column: &str) -> (bool, bool) {
        let is_stock = |terms: &[Term]| terms.iter().any(|term| self.measures[&term.measure].stock && !term.each_month);
        let (numerator, denominator) = self.terms(column);
        (is_stock(&numerator), denominator.is_some_and(|terms| is_stock(&terms)))
    }
}

fn term(value: &Value) -> Term {
    if let Value::String(measure) = value {
        return Term { measure: measure.clone(), only: Vec::new(), each_month: false };
    }
    let table = value.as_table().unwrap();
    let only = table.get("where").and_then(Value::as_table).into_iter().flatten();
    let only = only.map(|(field, words)| (field.clone(), texts(Some(words)))).collect();
    Term { measure: text(table, "measure").to_owned(), only, each_month: table.contains_key("each") }
}

/// What live records of a ledger mean for a measure: version, first day, first day no more, amount.
fn facts(document: &Table, ledger: &str, measure: &Table) -> String {
    let id = text(measure, "id");
    let amount = measure.get("sum").map_or("1".to_owned(), |field| json(field.as_str().unwrap()));
    let filter = measure.get("where").map_or("true".to_owned(), filter);
    let (first, until) = match measure.get("date") {
        Some(date) => (json(date.as_str().unwrap()), "NULL".to_owned()),
        None => (begin(document, &measure["from"]), measure.get("until").map_or("NULL".to_owned(), end)),
    };
    format!(
        "INSERT INTO fact SELECT '{id}', version, {first} AS first, {until} AS until, {amount} AS amount FROM record
         WHERE ledger = '{ledger}' AND NOT voided AND version > ?1 AND ({filter})
         AND first IS NOT NULL AND amount IS NOT NULL AND (until IS NULL OR until > first)"
    )
}

/// The latest of the dates, all of which must be there, and then some days.
fn begin(document: &Table, from: &Value) -> String {
    let mut dates: Vec<String> = from.get("field").iter().map(|field| json(field.as_str().unwrap())).collect();
    dates.extend(texts(from.get("fields")).iter().map(|field| json(field)));
    if let Some(deadline) = from.get("deadline") {
        let of_id = |table: &&Table| table.get("id") == Some(deadline);
        let deadline = tables(document, "deadline").find(of_id).unwrap();
        let days = deadline["dates"].as_table().unwrap();
        let cases: Vec<String> = days.iter().map(|(word, day)| format!("WHEN '{word}' THEN '{day}'")).collect();
        dates.push(format!("CASE {} {} END", json(text(deadline, "field")), cases.join(" ")));
    }
    let latest = if dates.len() == 1 { dates.remove(0) } else { format!("max({})", dates.join(", ")) };
    match from.get("plus_days") {
        Some(days) => format!("date({latest}, '+{days} days')"),
        None => latest,
    }
}

/// The first of the dates that is there, where the condition holds.
fn end(until: &Value) -> String {
    let dates: Vec<String> = texts(until.get("fields")).iter().map(|field| json(field)).collect();
    let when = until.get("when").map_or("true".to_owned(), filter);
    format!("CASE WHEN {when} THEN coalesce({}, NULL) END", dates.join(", "))
}

fn filter(terms: &Value) -> String {
    let one = |(field, test): (&String, &Value)| match test {
        Value::Array(_) => format!("{} IN ({})", json(field), quoted(&texts(Some(test)))),
        Value::Table(limits) => {
            let limit = |(name, limit): (&String, &Value)| {
                format!("{} {} {limit}", json(field), if name == "max" { "<=" } else { ">=" })
            };
            limits.iter().map(limit).collect::<Vec<_>>().join(" AND ")
        }
        other => panic!("what does {other} ask of {field}?"),
    };
    terms.as_table().unwrap().iter().map(one).collect::<Vec<_>>().join(" AND ")
}

/// A field of a record.
pub fn json(field: &str) -> String {
    format!("value ->> '$.{field}'")
}

pub fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

pub fn text<'t>(table: &'t Table, name: &str) -> &'t str {
    table[name].as_str().unwrap()
}

pub fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

pub fn tables<'t>(table: &'t Table, name: &str) -> impl Iterator<Item = &'t Table> {
    let list = table.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|item| item.as_table().unwrap())
}
