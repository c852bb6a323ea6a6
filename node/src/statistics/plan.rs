//! A question, checked: what is asked for, of which units, over which periods, and whether
//! this node holds it finely enough.

use thiserror::Error;
use wuji_proto::{DivisionCode, Grain, Period, Tier, period, v1};

use super::directory::Directory;
use crate::catalogue::{Catalogue, Indicator, IndicatorTerm, Measure, MeasureKind};

/// Columns of one answer at most.
pub const COLUMNS_MAX: usize = 64;
/// Periods of one answer at most.
pub const PERIODS_MAX: usize = 4_000;
/// Fields to divide by at most.
pub const FIELDS_MAX: usize = 4;

/// Why a question cannot be answered here.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// It makes no sense; in words for who asked.
    #[error("{0}")]
    Question(String),
    /// This node has not got it.
    #[error("{0}")]
    NotHeld(String),
}

/// Which units the rows are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Units {
    /// The scope as a whole.
    Scope,
    /// These, a row each.
    Each {
        /// In the order of codes.
        units: Vec<DivisionCode>,
        /// They are all of the scope's children: with what the scope itself wrote they add
        /// up to it.
        children: bool,
    },
}

/// A sum of one measure's cells.
#[derive(Clone, Debug)]
pub struct Term<'c> {
    /// The measure.
    pub measure: &'c Measure,
    /// The split that is added up; 0: the undivided measure.
    pub split: u8,
    /// Where in a part's words the fields asked for stand.
    pub places: Vec<usize>,
    /// Only parts whose word at this place is one of these.
    pub only: Vec<(usize, Vec<String>)>,
}

/// One figure of each row.
#[derive(Clone, Debug)]
pub enum Column<'c> {
    /// A measure.
    Measure(Term<'c>),
    /// A ratio of sums.
    Indicator(&'c Indicator, Vec<Term<'c>>, Vec<Term<'c>>),
}

/// A checked question.
#[derive(Clone, Debug)]
pub struct Plan<'c> {
    /// The unit whose subtree is meant.
    pub scope: DivisionCode,
    /// The figures.
    pub columns: Vec<Column<'c>>,
    /// The first day.
    pub from: i32,
    /// The last day.
    pub to: i32,
    /// Rows by period; `None`: one for the whole time.
    pub grain: Option<Grain>,
    /// Rows by these fields' words.
    pub fields: Vec<String>,
    /// Rows by unit.
    pub units: Units,
}

fn question(text: impl Into<String>) -> PlanError {
    PlanError::Question(text.into())
}

impl<'c> Plan<'c> {
    /// Checks a question put to the node `own`.
    pub fn check(
        request: &v1::QueryRequest,
        catalogue: &'c Catalogue,
        directory: &Directory,
        own: DivisionCode,
    ) -> Result<Self, PlanError> {
        let scope = scope(&request.scope, directory, own)?;
        let (from, to, grain) = span(request)?;
        let (fields, units) = by(&request.by, directory, scope)?;
        if request.measures.is_empty() || request.measures.len() > COLUMNS_MAX {
            return Err(question(format!("ask for 1 to {COLUMNS_MAX} measures or indicators")));
        }
        let columns =
            request.measures.iter().map(|id| column(id, &fields, catalogue)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { scope, columns, from, to, grain, fields, units })
    }

    /// Every period of a row, in order; one for the whole time without a grain.
    pub fn periods(&self) -> Vec<(i32, i32)> {
        let Some(grain) = self.grain else { return vec![(self.from, self.to)] };
        let mut periods = Vec::new();
        let mut at = Period::of(period::date(self.from), grain);
        while period::days(at.first_day()) <= self.to {
            periods.push((period::days(at.first_day()), period::days(at.last_day())));
            at = at.next();
        }
        periods
    }

    /// Whether days are needed: units below the direct children are held by month.
    pub fn needs_days(&self) -> bool {
        let starts_month = period::date(self.from).day() == 1;
        let ends_month = period::date(self.to.saturating_add(1)).day() == 1;
        self.grain == Some(Grain::Day) || !starts_month || !ends_month
    }

    /// The terms of all columns.
    pub fn terms(&self) -> impl Iterator<Item = &Term<'c>> {
        self.columns.iter().flat_map(|column| match column {
            Column::Measure(term) => std::slice::from_ref(term).iter().chain(&[]),
            Column::Indicator(_, numerator, denominator) => numerator.iter().chain(denominator),
        })
    }
}

fn scope(text: &str, directory: &Directory, own: DivisionCode) -> Result<DivisionCode, PlanError> {
    if text.is_empty() {
        return Ok(own);
    }
    let scope: DivisionCode = text.parse().map_err(|error: wuji_proto::ParseError| question(error.to_string()))?;
    if scope == own || directory.get(scope).is_some() {
        return Ok(scope);
    }
    Err(PlanError::NotHeld(format!("{own} has no unit {scope} below it: `wuji tree` shows what there is")))
}

fn span(request: &v1::QueryRequest) -> Result<(i32, i32, Option<Grain>), PlanError> {
    let read = |text: &str, name: &str| text.parse::<Period>().map_err(|error| question(format!("{name}: {error}")));
    let from = read(&request.from, "from")?;
    let to = if request.to.is_empty() { from } else { read(&request.to, "to")? };
    let (first, last) = (period::days(from.first_day()), period::days(to.last_day()));
    if first > last {
        return Err(question(format!("the time from {from} to {to} is empty: swap them")));
    }
    if request.grain.is_empty() {
        return Ok((first, last, None));
    }
    let grain: Grain = request.grain.parse().map_err(|error: wuji_proto::ParseError| question(error.to_string()))?;
    let whole = period::days(Period::of(from.first_day(), grain).first_day()) == first
        && period::days(Period::of(to.last_day(), grain).last_day()) == last;
    if !whole {
        return Err(question(format!("{from} to {to} is not made of whole {grain}s: widen it or take a finer grain")));
    }
    let days_each = if grain == Grain::Day { 1 } else { 28 };
    if usize::try_from((last - first) / days_each).unwrap_or(usize::MAX) > PERIODS_MAX {
        return Err(question(format!(
            "that is more than {PERIODS_MAX} periods: take a coarser grain or a shorter time"
        )));
    }
    Ok((first, last, Some(grain)))
}

fn by(by: &[String], directory: &Directory, scope: DivisionCode) -> Result<(Vec<String>, Units), PlanError> {
    let (mut fields, mut units) = (Vec::new(), Units::Scope);
    for word in by {
        let tier = word.parse::<Tier>().ok();
        if word == "unit" || tier.is_some() {
            if units != Units::Scope {
                return Err(question("divide by units once: by \"unit\" or by one tier"));
            }
            let of_tier = |tier| move |code: &DivisionCode| code.tier() == tier && directory.lies_under(*code, scope);
            units = Units::Each {
                units: match tier {
                    None => directory.children(scope),
                    Some(tier) => directory.units().map(|(code, _)| code).filter(of_tier(tier)).collect(),
                },
                children: tier.is_none(),
            };
        } else if fields.contains(word) || fields.len() == FIELDS_MAX {
            return Err(question(format!("divide by at most {FIELDS_MAX} fields, each once")));
        } else {
            fields.push(word.clone());
        }
    }
    Ok((fields, units))
}

fn column<'c>(id: &str, fields: &[String], catalogue: &'c Catalogue) -> Result<Column<'c>, PlanError> {
    if let Some(measure) = catalogue.measure(id) {
        return Ok(Column::Measure(term(measure, fields, &[])?));
    }
    if let Some(indicator) = catalogue.indicators().iter().find(|indicator| indicator.id() == id) {
        let terms = |terms: &'c [IndicatorTerm]| {
            terms.iter().map(|part| indicator_term(part, fields, catalogue)).collect::<Result<Vec<_>, _>>()
        };
        return Ok(Column::Indicator(indicator, terms(indicator.numerator())?, terms(indicator.denominator())?));
    }
    let known = catalogue.measures().iter().map(Measure::id).chain(catalogue.indicators().iter().map(Indicator::id));
    let near = known.map(|known| (strsim::damerau_levenshtein(known, id), known)).min().map(|(_, known)| known);
    let advice = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
    Err(question(format!("there is no measure or indicator {id:?}{advice}")))
}

fn indicator_term<'c>(
    part: &IndicatorTerm,
    fields: &[String],
    catalogue: &'c Catalogue,
) -> Result<Term<'c>, PlanError> {
    let measure = catalogue.measure(&part.measure);
    let measure = measure.ok_or_else(|| question(format!("there is no measure {:?}", part.measure)))?;
    term(measure, fields, &part.words)
}

fn term<'c>(measure: &'c Measure, fields: &[String], only: &[(String, Vec<String>)]) -> Result<Term<'c>, PlanError> {
    let wanted: Vec<&str> = fields.iter().chain(only.iter().map(|(field, _)| field)).map(String::as_str).collect();
    let split = measure.covering_split(&wanted).ok_or_else(|| {
        let splits: Vec<String> = measure.splits().iter().map(|split| split.fields().join(" × ")).collect();
        let kept = if splits.is_empty() {
            "is not divided".to_owned()
        } else {
            format!("is divided by {}", splits.join("; "))
        };
        question(format!("{} cannot be divided by {}: it {kept}", measure.id(), wanted.join(" × ")))
    })?;
    let of_split = measure.split(split).map(crate::catalogue::Split::fields).unwrap_or_default();
    let place = |field: &str| of_split.iter().position(|own| own == field);
    Ok(Term {
        measure,
        split,
        places: fields.iter().filter_map(|field| place(field)).collect(),
        only: only.iter().filter_map(|(field, words)| Some((place(field)?, words.clone()))).collect(),
    })
}

impl Term<'_> {
    /// Whether the term is a value at a date.
    pub fn is_stock(&self) -> bool {
        self.measure.kind() == MeasureKind::Stock
    }
}
