//! Reads a measure of a ledger and resolves every field that it names.

use wuji_proto::MeasureId;

use super::super::document::{Node, Section};
use super::super::ledger::{CLASS_NONE, Field, FieldKind, Ledger};
use super::super::measure::{
    Measure, MeasureKind, PLUS_DAYS_MAX, RESERVED_NUMBERS_MAX, SPLIT_COMBINATIONS_MAX, SPLITS_MAX, Split,
};
use super::super::measuring::{Amount, DatesByWord, End, Filter, Rule, Start, StockRule};
use super::super::problem::At;
use super::super::suggest::suggestion;
use super::super::term::Term;
use super::ledger::find_field;
use super::{read_name, read_title};

const KINDS: [&str; 2] = ["flow", "stock"];
const UNITS: [&str; 5] = ["件", "人", "分", "个", "天"];

/// Reads one `[[measure]]` of a ledger; `None` where it says nothing that could be measured.
pub(super) fn read(section: &Section<'_>, ledger: &Ledger) -> Option<(Measure, At)> {
    let (mut measure, at) = read_head(section, &ledger.id)?;
    let reader = Reader { section, ledger };
    let (kind, kind_at) = section.need_text("kind");
    let filter = reader.filter(section, "where");
    let (amount, amount_text) = reader.amount();
    let (splits, splits_text) = reader.splits();
    let body = match kind.as_str() {
        "flow" => reader.flow(filter.0, amount),
        "stock" => {
            measure.kind = MeasureKind::Stock;
            reader.stock(filter.0, amount)
        }
        other => {
            if !other.is_empty() {
                section.report.add(&kind_at, format!("`{other}` is not a kind of measure"), suggestion(other, KINDS));
            }
            None
        }
    };
    // Of an unknown kind it cannot be said which keys it has.
    if KINDS.contains(&kind.as_str()) {
        section.finish();
    }
    let (rule, rule_text) = body?;
    measure.rule = rule;
    measure.splits = splits;
    let parts = [rule_text, amount_text, filter.1, splits_text];
    measure.define(&parts);
    Some((measure, at))
}

/// What measures of ledgers and conditions have in common.
pub(super) fn read_head(section: &Section<'_>, ledger: &str) -> Option<(Measure, At)> {
    let id = read_name(section, "id");
    if !id.strip_prefix(ledger).is_some_and(|rest| rest.starts_with('.')) && !id.is_empty() {
        let what = format!("measure `{id}` stands under ledger `{ledger}`");
        section.wrong(what, format!("name it `{ledger}.…`"));
    }
    let title = read_title(section);
    let (unit, unit_at) = section.need_text("unit");
    if !unit.is_empty() && !UNITS.contains(&unit.as_str()) {
        section.report.add(&unit_at, format!("`{unit}` is not a unit"), suggestion(&unit, UNITS));
    }
    let number = section.need("number").and_then(|node| read_number(section, &node));
    let revision = section.need("revision").and_then(|node| node.unsigned::<u16>());
    if revision == Some(0) {
        section.wrong("revision 0 does not exist", "revisions begin with 1");
    }
    let key = MeasureId { number: number?, revision: revision? };
    let measure = Measure {
        id,
        key,
        kind: MeasureKind::Flow,
        ledger: ledger.to_owned(),
        unit,
        title,
        splits: Vec::new(),
        definition: String::new(),
        hash: [0; 32],
        rule: Rule::Tally,
    };
    Some((measure, section.at.clone()))
}

fn read_number(section: &Section<'_>, node: &Node<'_>) -> Option<u16> {
    let number = node.unsigned::<u16>()?;
    if number <= RESERVED_NUMBERS_MAX {
        let what = format!("number {number} is reserved for built-in measures");
        section.report.add(&node.at, what, format!("use a number from {}", RESERVED_NUMBERS_MAX + 1));
    }
    Some(number)
}

impl Measure {
    /// Sets definition and hash from the canonical texts of its parts.
    pub(in super::super) fn define(&mut self, parts: &[String]) {
        let head = format!("{} {}: {} over {}", self.id, self.key, self.kind.name(), self.ledger);
        let parts = parts.iter().filter(|part| !part.is_empty()).cloned();
        self.definition = std::iter::once(head).chain(parts).collect::<Vec<_>>().join("; ");
        self.hash = blake3::derive_key("wuji 2026-01 measure definition", self.definition.as_bytes());
    }
}

/// What a field is wanted for, and which types fit.
struct Use {
    what: &'static str,
    fits: fn(&FieldKind) -> bool,
    advice: &'static str,
}

const DATE: Use =
    Use { what: "date", fits: |kind| matches!(kind, FieldKind::Date), advice: "name a field of type date" };
const SUM: Use = Use {
    what: "sum",
    fits: |kind| matches!(kind, FieldKind::Integer { .. } | FieldKind::Money { .. }),
    advice: "sum an integer or money field; leave `sum` out to count records",
};
const SPLIT: Use = Use {
    what: "split",
    fits: |kind| matches!(kind, FieldKind::Code { .. }),
    advice: "split by code fields: their words are few and known",
};
const FILTER: Use = Use {
    what: "filter",
    fits: |kind| !matches!(kind, FieldKind::Text { .. } | FieldKind::List { .. }),
    advice: "measures read codes, numbers, dates and flags",
};

struct Reader<'s, 'd> {
    section: &'s Section<'d>,
    ledger: &'s Ledger,
}

impl Reader<'_, '_> {
    /// The field's place among the facts, if it fits its use.
    fn slot(&self, name: &str, node: &Node<'_>, wanted: &Use) -> Option<(usize, &Field)> {
        let field = find_field(self.section, &self.ledger.fields, name, node)?;
        let report = self.section.report;
        if !(wanted.fits)(&field.kind) {
            let what = format!("`{name}` is of type {} and does not fit a {}", field.kind.name(), wanted.what);
            report.add(&node.at, what, wanted.advice);
            return None;
        }
        if field.class != CLASS_NONE {
            let what =
                format!("a {} over `{name}`, which is personal information of class {}", wanted.what, field.class);
            report.add(&node.at, what, "measures read fields of class 0 only");
            return None;
        }
        self.ledger.facts.iter().position(|fact| fact == name).map(|slot| (slot, field))
    }

    fn slots(&self, node: &Node<'_>, wanted: &Use) -> Option<(Vec<usize>, String)> {
        let texts = node.texts();
        let slots: Option<Vec<usize>> =
            texts.iter().map(|(name, _)| self.slot(name, node, wanted).map(|(slot, _)| slot)).collect();
        if texts.is_empty() {
            self.section.report.add(&node.at, "no field is named", wanted.advice);
            return None;
        }
        Some((slots?, texts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")))
    }

    fn filter(&self, section: &Section<'_>, key: &'static str) -> (Filter, String) {
        let Some(node) = section.get(key) else { return (Filter::new(), String::new()) };
        let Some(table) = node.section() else { return (Filter::new(), String::new()) };
        let mut terms = Term::read_all(&table, &self.ledger.fields);
        // The order of keys in the file is nothing that a revision's hash should depend on.
        terms.sort_by(|a, b| a.field.cmp(&b.field));
        let text = terms.iter().map(Term::text).collect::<Vec<_>>().join(" and ");
        let filter =
            terms.into_iter().filter_map(|term| Some((self.slot(&term.field, &node, &FILTER)?.0, term.test))).collect();
        (filter, format!("{key} {text}"))
    }

    fn amount(&self) -> (Amount, String) {
        let field = self.section.get("sum").and_then(|node| Some((node.text()?, node)));
        let slot = field.as_ref().and_then(|(name, node)| self.slot(name, node, &SUM));
        match slot {
            Some((slot, field)) => (Amount::Field(slot), format!("sum {}", field.name)),
            None => (Amount::Count, "count".to_owned()),
        }
    }

    fn flow(&self, filter: Filter, amount: Amount) -> Option<(Rule, String)> {
        let node = self.section.need("date")?;
        let name = node.text()?;
        let (date, _) = self.slot(&name, &node, &DATE)?;
        Some((Rule::Flow { date, filter, amount }, format!("on {name}")))
    }

    fn stock(&self, filter: Filter, amount: Amount) -> Option<(Rule, String)> {
        let from = self.section.need("from").and_then(|node| node.section());
        let until = self.section.get("until");
        let from = from.and_then(|from| self.start(&from));
        let until_read = until.as_ref().and_then(|node| self.end(&node.section()?));
        let (from, from_text) = from?;
        if until.is_some() && until_read.is_none() {
            return None;
        }
        let (until, until_text) = until_read.unzip();
        let text = [Some(from_text), until_text].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Some((Rule::Stock(StockRule { from, until, filter, amount }), text))
    }

    /// `{ field = "accepted_on", plus_days = 31 }`, `{ fields = […], deadline = "…" }`.
    fn start(&self, from: &Section<'_>) -> Option<(Start, String)> {
        let (mut dates, mut texts, mut sound) = (Vec::new(), Vec::new(), true);
        if let Some(node) = from.get("field") {
            let name = node.text().unwrap_or_default();
            match self.slot(&name, &node, &DATE) {
                Some((slot, _)) => dates.push(slot),
                None => sound = false,
            }
            texts.push(name);
        }
        if let Some(node) = from.get("fields") {
            match self.slots(&node, &DATE) {
                Some((slots, text)) => {
                    dates.extend(slots);
                    texts.push(text);
                }
                None => sound = false,
            }
        }
        let deadline = from.get("deadline").map(|node| self.deadline(&node));
        let plus = from.get("plus_days");
        let plus_days = plus.as_ref().and_then(Node::unsigned::<i32>).unwrap_or(0);
        if let Some(node) = plus.filter(|_| plus_days > PLUS_DAYS_MAX) {
            from.report.add(&node.at, format!("a delay of {plus_days} days"), format!("use at most {PLUS_DAYS_MAX}"));
        }
        from.finish();
        if dates.is_empty() && deadline.is_none() && sound {
            from.wrong("the stock never begins", "name a date `field`, `fields` or a `deadline`");
            return None;
        }
        let deadline = match deadline {
            Some(found) => {
                let (dates, text) = found?;
                texts.push(text);
                Some(dates)
            }
            None => None,
        };
        let text = format!("from the latest of {} +{plus_days}", texts.join(", "));
        sound.then_some((Start { dates, deadline, plus_days }, text))
    }

    fn deadline(&self, node: &Node<'_>) -> Option<(DatesByWord, String)> {
        let id = node.text()?;
        let Some(deadline) = self.ledger.deadlines.iter().find(|deadline| deadline.id == id) else {
            let known: Vec<&str> = self.ledger.deadlines.iter().map(|deadline| deadline.id.as_str()).collect();
            self.section.report.add(&node.at, format!("there is no deadline `{id}`"), suggestion(&id, known));
            return None;
        };
        let (slot, _) = self.slot(&deadline.field, node, &SPLIT)?;
        let dates: Vec<String> = deadline.dates.iter().map(|(word, day)| format!("{word} {day}")).collect();
        Some(((slot, deadline.dates.clone()), format!("deadline by {} ({})", deadline.field, dates.join(", "))))
    }

    /// `{ fields = ["agreed_on", "mediated_on"], when = { result = ["成功"] } }`.
    fn end(&self, until: &Section<'_>) -> Option<(End, String)> {
        let node = until.need("fields");
        let (when, when_text) = self.filter(until, "when");
        until.finish();
        let (dates, text) = self.slots(&node?, &DATE)?;
        Some((End { dates, when }, format!("until the first present of {text} {when_text}")))
    }

    fn splits(&self) -> (Vec<Split>, String) {
        let Some(node) = self.section.get("splits") else { return (Vec::new(), String::new()) };
        let elements = node.elements();
        let mut splits: Vec<Split> = Vec::new();
        for element in &elements {
            splits.extend(self.split(element));
        }
        if elements.is_empty() || elements.len() > SPLITS_MAX {
            let what = format!("the measure has {} splits", elements.len());
            self.section.report.add(&node.at, what, format!("list 1 to {SPLITS_MAX}, or leave `splits` out"));
        }
        for (at, split) in splits.iter().enumerate() {
            let inside = |other: &Split| split.fields.iter().all(|field| other.fields.contains(field));
            let by = splits.iter().enumerate().find(|(other_at, other)| {
                *other_at != at && inside(other) && (other.fields.len() > split.fields.len() || *other_at < at)
            });
            if let Some((_, by)) = by {
                let (small, large) = (split.fields.join(" × "), by.fields.join(" × "));
                let what = format!("split {small} is contained in split {large}");
                self.section.report.add(&node.at, what, format!("drop it; queries add up {large}"));
            }
        }
        let text = splits.iter().map(|split| split.fields.join("×")).collect::<Vec<_>>().join(", ");
        (splits, format!("by {text}"))
    }

    fn split(&self, node: &Node<'_>) -> Option<Split> {
        let (mut fields, mut slots, mut combinations) = (Vec::<String>::new(), Vec::new(), 1_usize);
        let texts = node.texts();
        for (name, _) in texts {
            let (slot, field) = self.slot(&name, node, &SPLIT)?;
            if fields.contains(&name) {
                self.section.report.add(&node.at, format!("`{name}` stands twice in a split"), "name it once");
                return None;
            }
            // One more for the empty word.
            combinations = combinations.saturating_mul(field.kind.words().len() + 1);
            slots.push(slot);
            fields.push(name);
        }
        if combinations > SPLIT_COMBINATIONS_MAX {
            let what = format!("split {} has {combinations} combinations", fields.join(" × "));
            self.section.report.add(&node.at, what, format!("at most {SPLIT_COMBINATIONS_MAX}; split by fewer fields"));
        }
        if fields.is_empty() {
            self.section.report.add(&node.at, "a split has no fields", "name code fields, or leave it out");
            return None;
        }
        Some(Split { fields, combinations, slots })
    }
}
