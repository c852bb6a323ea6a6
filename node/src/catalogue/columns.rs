//! Understands the header of a file that is imported: which column fills which field.

use std::collections::BTreeMap;

use wuji_proto::v1::{self, value::Kind};

use super::ledger::{FieldKind, Ledger, Values};
use super::reading::{fold_width, is_money_unit, names_money_unit};
use super::suggest::nearest;
use super::violation::{Refusal, Violation};

/// The most columns of a file.
pub const COLUMNS_MAX: usize = 256;

/// Begins the title of a column that no field is to take.
pub const REMARK: char = '#';

/// The remark that says which entry a row is; exports write it.
const RECORD_ID: &str = "#id";

/// The remark that says whether the entry counts.
const STATE: &str = "#state";

/// What it says of one that does not.
const VOIDED: &str = "voided";

/// What a header was understood as.
#[derive(Clone, Debug)]
pub struct Columns {
    targets: Vec<Option<Target>>,
    record_id: Option<usize>,
    state: Option<usize>,
}

#[derive(Clone, Debug)]
struct Target {
    field: String,
    /// The unit that the header names, for amounts of money that name none.
    money_unit: Option<String>,
}

impl Columns {
    /// Reads column titles: field names, Chinese or English titles, in any width and case,
    /// the unit in parentheses where there is one. Columns that are like no field are left
    /// out (see [`fields`](Self::fields)); one that is nearly a field's name is refused, for
    /// it would lose its values in silence. A title that begins with `#` is a remark and never
    /// taken by a field; `#id` says which entry a row is (see [`record_id`](Self::record_id)).
    pub fn read(ledger: &Ledger, titles: &[String]) -> Result<Self, Vec<Violation>> {
        if titles.len() > COLUMNS_MAX {
            let refusal = Refusal::too_many_columns(COLUMNS_MAX, titles.len());
            return Err(vec![Violation::new("", &ledger.title.zh, None, &refusal)]);
        }
        let mut violations = Vec::new();
        let mut refuse = |title: &str, refusal: Refusal| {
            violations.push(Violation::new(title, "列", Some(title), &refusal));
            None
        };
        let headings = headings(ledger);
        let mut taken: Vec<&str> = Vec::new();
        let mut targets = Vec::with_capacity(titles.len());
        for title in titles {
            let target = match find(ledger, &headings, title) {
                Found::Field(field, _) if taken.contains(&field) => refuse(title, Refusal::column_twice(field)),
                Found::Field(field, money_unit) => {
                    taken.push(field);
                    Some(Target { field: field.to_owned(), money_unit })
                }
                Found::UnknownUnit(field) => {
                    taken.push(field);
                    refuse(title, Refusal::unknown_money_unit())
                }
                Found::Near(field, near) => {
                    // That its field is missing would be one complaint too many.
                    taken.push(field);
                    refuse(title, Refusal::column_near(near))
                }
                Found::Nothing => None,
            };
            targets.push(target);
        }
        for field in ledger.fields.iter().filter(|field| field.required && !taken.contains(&field.name.as_str())) {
            violations.push(Violation::new(&field.name, &field.title.zh, None, &Refusal::column_missing()));
        }
        if !violations.is_empty() {
            return Err(violations);
        }
        let remark = |wanted: &str| titles.iter().position(|title| heading(title) == wanted);
        Ok(Self { targets, record_id: remark(RECORD_ID), state: remark(STATE) })
    }

    /// The field that each column fills; empty for a column that is not taken.
    pub fn fields(&self) -> Vec<String> {
        let name = |target: &Option<Target>| target.as_ref().map_or_else(String::new, |target| target.field.clone());
        self.targets.iter().map(name).collect()
    }

    /// How many columns the header has. A row with more cells than this holds a separator
    /// that was not meant as one.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether the header has no columns.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The id of the entry that a row is, as an export wrote it. Without it an export of entries
    /// that were amended, or not imported, would come back as new ones.
    pub fn record_id<'c>(&self, cells: &'c [String]) -> Option<&'c str> {
        remark(self.record_id, cells)
    }

    /// Whether the entry that a row is was voided, as an export wrote it.
    pub fn is_voided(&self, cells: &[String]) -> bool {
        remark(self.state, cells) == Some(VOIDED)
    }

    /// The values of a row, as text for [`Ledger::check`] to read. Empty cells are left out,
    /// and so are cells beyond the header.
    pub fn values(&self, cells: &[String]) -> Values {
        let filled = self.targets.iter().zip(cells).filter(|(_, cell)| !cell.trim().is_empty());
        filled
            .filter_map(|(target, cell)| {
                let target = target.as_ref()?;
                let text = match &target.money_unit {
                    Some(unit) if !names_money_unit(cell) => format!("{}{unit}", cell.trim()),
                    _ => cell.clone(),
                };
                Some((target.field.clone(), v1::Value { kind: Some(Kind::Text(text)) }))
            })
            .collect()
    }
}

fn remark(at: Option<usize>, cells: &[String]) -> Option<&str> {
    at.and_then(|at| cells.get(at)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
}

enum Found<'l> {
    Field(&'l str, Option<String>),
    /// A money field with a unit that is none.
    UnknownUnit(&'l str),
    /// Nearly the field with this title.
    Near(&'l str, &'l str),
    Nothing,
}

/// Every heading that means a field, with the field's place.
fn headings(ledger: &Ledger) -> BTreeMap<String, usize> {
    let mut headings = BTreeMap::new();
    for (at, field) in ledger.fields.iter().enumerate() {
        for name in [&field.name, &field.title.zh, &field.title.en] {
            headings.entry(heading(name)).or_insert(at);
        }
    }
    headings
}

/// A heading without what people change about it: width, case, spaces, marks of required columns.
pub(super) fn heading(text: &str) -> String {
    let unimportant = |c: char| c.is_whitespace() || matches!(c, '_' | '*' | ':');
    fold_width(text).to_lowercase().replace(unimportant, "")
}

fn find<'l>(ledger: &'l Ledger, headings: &BTreeMap<String, usize>, title: &str) -> Found<'l> {
    let title = heading(title);
    if title.starts_with(REMARK) {
        return Found::Nothing;
    }
    let field = |name: &str| headings.get(name).and_then(|at| ledger.fields.get(*at));
    if let Some(field) = field(&title) {
        return Found::Field(&field.name, None);
    }
    let (base, unit) = match title.strip_suffix(')').and_then(|title| title.split_once('(')) {
        Some((base, unit)) => (base, Some(unit)),
        None => (title.as_str(), None),
    };
    if let Some(field) = field(base) {
        let money = matches!(field.kind, FieldKind::Money { .. });
        return match unit {
            Some(unit) if money && !is_money_unit(unit) => Found::UnknownUnit(&field.name),
            unit => Found::Field(&field.name, unit.filter(|_| money).map(str::to_owned)),
        };
    }
    let near = nearest(base, headings.keys().map(String::as_str)).and_then(field);
    near.map_or(Found::Nothing, |field| Found::Near(&field.name, &field.title.zh))
}
