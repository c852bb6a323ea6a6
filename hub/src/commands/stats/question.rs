//! What is typed after `wuji stats`, and the question that it makes.

use clap::{Args, ValueEnum};
use wuji_proto::v1::{CatalogueReply, Filter, QueryRequest};
use wuji_proto::{DivisionCode, Grain, ParseError, Period, Tier};

use crate::clock;
use crate::exit::UsageError;
use crate::names::{self, Divider};
use crate::within;

/// How many absent and missing units `--all-units` asks for: more than a province has.
pub const UNITS_NAMED_ALL: u32 = 100_000;

/// Another period that every figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// 同比: the same period a year before.
    YearAgo,
    /// 环比: the period right before.
    Previous,
}

impl Compare {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::YearAgo => "year-ago",
            Self::Previous => "previous",
        }
    }

    /// What the change is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::YearAgo => "同比",
            Self::Previous => "环比",
        }
    }

    /// What the former value is called.
    pub const fn former(self) -> &'static str {
        match self {
            Self::YearAgo => "去年同期",
            Self::Previous => "上期",
        }
    }

    /// The comparison of the contract's word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::YearAgo, Self::Previous].into_iter().find(|it| it.name() == word)
    }

    /// For clap: accepts the contract's word and the Chinese one.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let known = [Self::YearAgo, Self::Previous];
        let found = known.into_iter().find(|it| it.name() == text || it.title() == text);
        found.ok_or_else(|| ParseError::new("comparison", text, "write year-ago (同比) or previous (环比)"))
    }
}

/// Whose figures the answer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Consistency {
    /// What this node holds now
    #[default]
    Local,
    /// First asks every unit of the scope for its newest figures
    Confirmed,
}

/// The question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Question {
    /// Measures or indicators, by id or title, `ID@2` for a revision; several: separated by commas, or repeated
    #[arg(long = "measure", short, value_delimiter = ',', num_args = 1.., value_name = "MEASURE")]
    pub measures: Vec<String>,
    /// The unit whose subtree is meant [default: the node's own]
    #[arg(long, value_name = "CODE")]
    pub scope: Option<DivisionCode>,
    /// The first period [default: this year]
    #[arg(long, value_name = "PERIOD")]
    pub from: Option<Period>,
    /// The last period, inclusive [default: the first]
    #[arg(long, value_name = "PERIOD")]
    pub to: Option<Period>,
    /// A row for each day, week, month, quarter, half-year or year [default: one for all]
    #[arg(long)]
    pub grain: Option<Grain>,
    /// `unit` (the scope's children), a tier (all units of it), or a field of the measures' ledger
    #[arg(long, value_delimiter = ',', num_args = 1.., value_name = "FIELD|unit|TIER")]
    pub by: Vec<String>,
    /// Each figure also for another period, and the change: 同比 (year-ago), 环比 (previous)
    #[arg(long, value_delimiter = ',', num_args = 1.., value_parser = Compare::parse, value_name = "同比|环比")]
    pub compare: Vec<Compare>,
    /// Only what has one of these words; `FIELD=`: where it was not filled in; may be repeated
    #[arg(long = "where", value_name = "FIELD=WORD,…")]
    pub filters: Vec<String>,
    /// The rows in the order of a column's figures rather than of codes
    #[arg(long, value_name = "MEASURE")]
    pub order_by: Option<String>,
    /// The largest first
    #[arg(long)]
    pub descending: bool,
    /// Only the N largest rows, by --order-by or the first measure
    #[arg(long, value_name = "N", conflicts_with_all = ["bottom", "descending"], value_parser = clap::value_parser!(u32).range(1..))]
    pub top: Option<u32>,
    /// Only the N smallest rows, by --order-by or the first measure
    #[arg(long, value_name = "N", conflicts_with = "descending", value_parser = clap::value_parser!(u32).range(1..))]
    pub bottom: Option<u32>,
    /// Whose figures: those that this node holds, or confirmed ones [default: local]
    #[arg(long, value_enum)]
    pub consistency: Option<Consistency>,
    /// How long nodes below may take to answer: 500ms, 10s, 2m [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = within::parse)]
    pub within: Option<u32>,
    /// Refuse rather than ask nodes below for what this node does not hold
    #[arg(long)]
    pub local: bool,
    /// Name every absent and missing unit
    #[arg(long)]
    pub all_units: bool,
}

fn usage(text: impl Into<String>) -> anyhow::Error {
    UsageError(text.into()).into()
}

impl Question {
    /// The question as the node is asked it.
    pub fn request(&self, catalogue: &CatalogueReply) -> anyhow::Result<QueryRequest> {
        let mut measures: Vec<String> = Vec::new();
        for wanted in &self.measures {
            let id = measure(catalogue, wanted)?;
            match measures.iter().find(|other| bare(other) == bare(&id)) {
                Some(other) if *other == id => {}
                Some(other) => return Err(usage(format!("{other} and {id} are one column: ask for them one by one"))),
                None => measures.push(id),
            }
        }
        let bare: Vec<&str> = measures.iter().map(|id| bare(id)).collect();
        let dividers = names::dividers(catalogue, &bare);
        let by = self.by(&dividers)?;
        let mut filters: Vec<Filter> = Vec::new();
        for filter in self.filters.iter().map(|text| filter(&dividers, text)) {
            let filter = filter?;
            if filters.iter().any(|other| other.field == filter.field) {
                return Err(usage(format!("--where names {0} twice: write {0}=WORD,WORD", filter.field)));
            }
            filters.push(filter);
        }
        let (from, to) = span(self.from, self.to)?;
        let (order_by, descending, limit) = self.order(catalogue, &measures, &by)?;
        let mut compare: Vec<String> = Vec::new();
        for word in self.compare.iter().map(|compare| compare.name().to_owned()) {
            if !compare.contains(&word) {
                compare.push(word);
            }
        }
        let confirmed = self.consistency == Some(Consistency::Confirmed);
        if self.within.is_some() && self.local && !confirmed {
            return Err(usage("with --local nobody else is asked, so --within has nothing to wait for: leave one out"));
        }
        Ok(QueryRequest {
            scope: self.scope.map(|code| code.to_string()).unwrap_or_default(),
            measures,
            from: from.to_string(),
            to: to.to_string(),
            grain: self.grain.map(|grain| grain.name().to_owned()).unwrap_or_default(),
            by,
            compare,
            r#where: filters,
            order_by,
            descending,
            limit,
            confirmed,
            within_ms: self.within.unwrap_or_default(),
            local_only: self.local,
            units_named: if self.all_units { UNITS_NAMED_ALL } else { 0 },
            ..QueryRequest::default()
        })
    }

    fn by(&self, dividers: &[Divider<'_>]) -> anyhow::Result<Vec<String>> {
        let mut by: Vec<String> = Vec::new();
        for wanted in &self.by {
            let name = match wanted.parse::<Tier>() {
                Ok(tier) => tier.name().to_owned(),
                Err(_) if wanted == "unit" => wanted.clone(),
                Err(_) => names::divider(dividers, wanted)?.name.to_owned(),
            };
            if by.contains(&name) {
                return Err(usage(format!("--by names {name} twice: name it once")));
            }
            by.push(name);
        }
        if by.iter().filter(|name| is_unit(name)).count() > 1 {
            return Err(usage("--by divides by units once: write `unit`, or one tier"));
        }
        Ok(by)
    }

    /// The column of the order, whether the largest comes first, and how many rows.
    fn order(
        &self,
        catalogue: &CatalogueReply,
        measures: &[String],
        by: &[String],
    ) -> anyhow::Result<(String, bool, u32)> {
        let limit = self.top.or(self.bottom);
        let column = match (&self.order_by, limit) {
            (Some(wanted), _) => {
                let id = measure(catalogue, wanted)?;
                let found = measures.iter().find(|asked| **asked == id || bare(asked) == id);
                found.ok_or_else(|| usage(format!("--order-by {id}: add it to --measure, or order by one of them")))?
            }
            (None, Some(_)) => measures.first().ok_or_else(|| usage("name what is wanted with --measure"))?,
            (None, None) if self.descending => {
                return Err(usage("--descending needs a column: add --order-by MEASURE"));
            }
            (None, None) => return Ok((String::new(), false, 0)),
        };
        if by.is_empty() {
            return Err(usage("there is one row only, so nothing to put in order: add --by unit, a tier or a field"));
        }
        Ok((bare(column).to_owned(), self.descending || self.top.is_some(), limit.unwrap_or(0)))
    }
}

/// Whether a word of `by` means units.
pub fn is_unit(by: &str) -> bool {
    by == "unit" || by.parse::<Tier>().is_ok()
}

/// A measure's id without its revision.
fn bare(id: &str) -> &str {
    id.split_once('@').map_or(id, |(id, _)| id)
}

/// The id of a measure or indicator, with the revision that was asked for.
pub fn measure(catalogue: &CatalogueReply, wanted: &str) -> anyhow::Result<String> {
    let Some((name, revision)) = wanted.rsplit_once('@') else {
        return Ok(names::measure(catalogue, wanted)?.to_owned());
    };
    let id = names::measure(catalogue, name)?;
    let known: Vec<u32> = catalogue.measures.iter().filter(|it| it.id == id).map(|it| it.revision).collect();
    if known.is_empty() {
        return Err(usage(format!("{id} is an indicator and has no revisions: write {id}")));
    }
    match revision.parse::<u32>() {
        Ok(number) if known.contains(&number) => Ok(format!("{id}@{number}")),
        _ => {
            let known = known.iter().map(|number| format!("{id}@{number}")).collect::<Vec<_>>().join(", ");
            Err(usage(format!("{id} has no revision {revision:?}: known are {known}")))
        }
    }
}

/// From when to when; this year where nothing is said.
pub fn span(from: Option<Period>, to: Option<Period>) -> anyhow::Result<(Period, Period)> {
    let from = from.or(to).unwrap_or_else(|| Period::of(clock::today(), Grain::Year));
    let to = to.unwrap_or(from);
    if to.last_day() < from.first_day() {
        return Err(usage(format!("--to {to} ends before --from {from} begins")));
    }
    Ok((from, to))
}

/// A `FIELD=WORD,…`.
fn filter(dividers: &[Divider<'_>], text: &str) -> anyhow::Result<Filter> {
    let (name, words) = text.split_once('=').ok_or_else(|| {
        usage(format!("--where {text:?} has no `=`: write FIELD=WORD, or FIELD= for what was not filled in"))
    })?;
    let field = names::divider(dividers, name.trim())?;
    let words = words.split([',', '，']).map(|word| field.word(word.trim())).collect::<Result<_, _>>()?;
    Ok(Filter { field: field.name.to_owned(), words })
}
