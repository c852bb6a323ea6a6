//! Checks a record's form: what can be said without knowing any other record. It forgives
//! how values are written and explains what it refuses, all at once.

mod value;

use prost::Message;
use wuji_proto::period;
use wuji_proto::v1::{self, value::Kind};

use self::value::{Place, Refused, read_value};
use super::ledger::{FIELDS_MAX, Field, Ledger, Values};
use super::reading::{fold_width, print};
use super::suggest::nearest;
use super::term::Test;
use super::violation::{Refusal, Violation};

/// The largest record, in encoded bytes.
pub const RECORD_BYTES_MAX: usize = 64 * 1_024;

/// Version of [`CheckedRecord::canonical_bytes`].
const CANONICAL_VERSION: u8 = 1;

/// A record whose form is right, its values parsed and told apart by who may hold them.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedRecord {
    /// The day that it is counted under, days since 1900-01-01.
    pub event_date: i32,
    /// Values of class 0 and 1.
    pub public: Values,
    /// Values of class 2 and 3; a list goes here whole if one of its columns is.
    pub sealed: Values,
    /// Keys that no other live record of the unit may have; [`Ledger::unique_rule`] tells the
    /// rule of one.
    pub unique: Vec<Vec<u8>>,
}

impl CheckedRecord {
    /// All values in one deterministic encoding: two records say the same exactly if these
    /// bytes are the same, however the values had been written.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let values =
            self.public.iter().chain(&self.sealed).map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut bytes = vec![CANONICAL_VERSION];
        bytes.extend(v1::Row { values }.encode_to_vec());
        bytes
    }
}

impl Ledger {
    /// Checks the values of a record. `today` is the node's day, in days since 1900-01-01.
    /// All that is wrong is returned; messages never repeat personal values.
    pub fn check(&self, values: Values, today: i32) -> Result<CheckedRecord, Vec<Violation>> {
        let mut checker = Checker { ledger: self, today, violations: Vec::new() };
        if values.len() > FIELDS_MAX {
            checker.refuse_record(&Refusal::too_many_values(FIELDS_MAX));
            return Err(checker.violations);
        }
        checker.refuse_unknown(&values);
        let read = checker.read_all(values);
        for field in &self.fields {
            checker.check_rules(field, &read);
        }
        let size = v1::Row { values: read.clone() }.encoded_len();
        if size > RECORD_BYTES_MAX {
            checker.refuse_record(&Refusal::record_too_large(RECORD_BYTES_MAX, size));
        }
        match day(&read, &self.event_date) {
            Some(event_date) if checker.violations.is_empty() => {
                let unique = self.unique_keys(&read, event_date);
                let is_sealed = |name: &String| self.field(name).is_none_or(Field::sealed);
                let (sealed, public) = read.into_iter().partition(|(name, _)| is_sealed(name));
                Ok(CheckedRecord { event_date, public, sealed, unique })
            }
            _ => Err(checker.violations),
        }
    }

    /// The rule that a key of [`CheckedRecord::unique`] stands for.
    pub fn unique_rule(&self, key: &[u8]) -> Option<&super::UniqueRule> {
        let number = key.strip_prefix(self.id.as_bytes())?.strip_prefix(b"\x1f")?.first()?;
        self.unique.get(usize::from(*number))
    }

    /// A record that leaves one of the fields empty has no key for the rule.
    fn unique_keys(&self, read: &Values, event_date: i32) -> Vec<Vec<u8>> {
        let key = |(number, rule): (u8, &super::UniqueRule)| {
            let mut hasher = blake3::Hasher::new_derive_key("wuji 2026-01 unique key");
            if rule.within_year {
                hasher.update(&period::date(event_date).year().to_le_bytes());
            }
            for name in &rule.fields {
                let text = print(self.field(name)?.kind(), read.get(name)?);
                // Width and spaces make no two cases of one case number.
                let text = fold_width(&text).replace(char::is_whitespace, "");
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
            let digest: [u8; 32] = hasher.finalize().into();
            Some([self.id.as_bytes(), &[0x1f, number], digest.get(..16)?].concat())
        };
        (0..=u8::MAX).zip(&self.unique).filter_map(key).collect()
    }
}

fn day(values: &Values, name: &str) -> Option<i32> {
    match values.get(name)?.kind {
        Some(Kind::Date(days)) => Some(days),
        _ => None,
    }
}

struct Checker<'l> {
    ledger: &'l Ledger,
    today: i32,
    violations: Vec<Violation>,
}

impl<'l> Checker<'l> {
    fn refuse_record(&mut self, refusal: &Refusal) {
        self.violations.push(Violation::new("", &self.ledger.title.zh, None, refusal));
    }

    fn refuse(&mut self, field: &Field, value: Option<&v1::Value>, refusal: &Refusal) {
        let shown = value.filter(|_| !field.sealed()).map(|value| print(&field.kind, value));
        self.violations.push(Violation::new(&field.name, &field.title.zh, shown.as_deref(), refusal));
    }

    fn refuse_unknown(&mut self, values: &Values) {
        for name in values.keys().filter(|name| self.ledger.field(name).is_none()) {
            let refusal = Refusal::unknown_field(nearest(name, self.ledger.field_names()));
            self.violations.push(Violation::new(name, "栏目", Some(name), &refusal));
        }
    }

    fn read_all(&mut self, mut values: Values) -> Values {
        let mut read = Values::new();
        for field in &self.ledger.fields {
            let Some(value) = values.remove(&field.name) else { continue };
            let place = Place { path: field.name.clone(), title: field.title.zh.clone() };
            match read_value(field, value, &place, &mut self.violations) {
                Ok(Some(value)) => {
                    read.insert(field.name.clone(), value);
                }
                Ok(None) => {}
                // Its own violation has been told; that it is also missing would be one too many.
                Err(Refused) => {
                    read.insert(field.name.clone(), v1::Value { kind: None });
                }
            }
        }
        read
    }

    fn check_rules(&mut self, field: &Field, read: &Values) {
        let Some(value) = read.get(&field.name) else {
            self.check_missing(field, read);
            return;
        };
        match value.kind {
            Some(Kind::Date(date)) => self.check_date(field, value, date, read),
            Some(Kind::Integer(number)) => {
                let other = field.rules.same_year_as.as_deref();
                let year = other.and_then(|other| day(read, other)).map(|day| period::date(day).year());
                if let Some((other, year)) = other.zip(year).filter(|(_, year)| i64::from(*year) != number) {
                    self.refuse(field, Some(value), &Refusal::other_year(self.title(other), year));
                }
            }
            _ => {}
        }
    }

    fn check_missing(&mut self, field: &Field, read: &Values) {
        let rules = &field.rules.required_when;
        if field.required {
            self.refuse(field, None, &Refusal::missing());
        } else if !rules.is_empty() && rules.iter().all(|term| term.test.holds(read.get(&term.field))) {
            let reasons = rules
                .iter()
                .map(|term| format!("{}{}", self.title(&term.field), in_words(&term.test, read.get(&term.field))));
            let reasons = reasons.collect::<Vec<_>>().join("、");
            self.refuse(field, None, &Refusal::missing_because(&reasons));
        }
    }

    fn check_date(&mut self, field: &Field, value: &v1::Value, date: i32, read: &Values) {
        if (field.rules.past_only || field.name == self.ledger.event_date) && date > self.today {
            self.refuse(field, Some(value), &Refusal::future(self.today));
        }
        let other = field.rules.not_before.as_deref();
        if let Some((other, other_day)) = other.and_then(|other| Some((other, day(read, other)?)))
            && date < other_day
        {
            self.refuse(field, Some(value), &Refusal::before(self.title(other), other_day));
        }
    }

    fn title(&self, name: &str) -> &'l str {
        self.ledger.field(name).map_or("", |field| &field.title.zh)
    }
}

/// A condition that holds as a clerk reads it, behind the field's title.
fn in_words(test: &Test, value: Option<&v1::Value>) -> String {
    match test {
        Test::Words(words) => match value.and_then(|value| value.kind.as_ref()) {
            Some(Kind::Text(word)) => format!("为“{word}”"),
            _ => format!("为“{}”", words.join("”或“")),
        },
        Test::Flag(flag) => format!("为“{}”", if *flag { "是" } else { "否" }),
        Test::Between { min: Some(min), max: None } => format!("不小于 {min}"),
        Test::Between { min: None, max: Some(max) } => format!("不大于 {max}"),
        Test::Between { min, max } => format!("在 {} 至 {} 之间", min.unwrap_or(0), max.unwrap_or(0)),
        Test::Present(true) => "已填".to_owned(),
        Test::Present(false) => "未填".to_owned(),
    }
}
