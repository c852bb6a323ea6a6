//! What the oracle says to a question.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::{Counts, Coverage};
use super::database::Oracle;
use super::question::{Question, divisible};
use super::reports::{Adjusted, adjusted};
use super::times::Shift;
use super::tree::TIERS;

/// A sum, or the two of a ratio.
pub type Figure = (i64, Option<i64>);

/// A unit (`of CODE`: only what it wrote itself) and words.
pub type Line = (String, Vec<String>);

/// By line the columns of every period. A line that has nothing but zeros may be lacking.
pub type Table = BTreeMap<Line, Vec<Vec<Figure>>>;

/// What the answer has to say.
pub struct Expected {
    /// Whether each column's sums are values at a date.
    pub stocks: Vec<(bool, bool)>,
    /// Of the periods themselves and of what they are compared with.
    pub labels: BTreeMap<&'static str, Vec<String>>,
    pub tables: BTreeMap<&'static str, Table>,
    /// Units that have rows of what they wrote themselves.
    pub between: Vec<String>,
    /// Lines that are there even if they have only zeros.
    pub certain: BTreeSet<Line>,
    pub zeros: Vec<Figure>,
    pub coverage: Coverage,
    /// Figures of issued reports that are no longer so.
    pub adjusted: Vec<Adjusted>,
    /// What the scope's own total has beside the rows.
    pub in_transit: Vec<Figure>,
    /// Units that could not be asked.
    pub unreached: BTreeSet<String>,
    /// Rows come as branches answer, and not in the order of codes.
    pub strung: bool,
    /// Of whole units: who was expected and has reported in each period.
    pub reporting: BTreeMap<(String, usize), Counts>,
    /// The same in what the periods are compared with first.
    pub former: BTreeMap<(String, usize), Counts>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A column is not divided so.
    Undivided,
    /// Units further down are held by month.
    NotHeld,
}

/// Answers as the node `own` would, which holds itself and its children by day.
pub fn expected(oracle: &Oracle, question: &Question, own: &str) -> Result<Expected, Refused> {
    match refused(oracle, question, own) {
        Some(refused) => Err(refused),
        None => Ok(said(oracle, question, own, false)),
    }
}

/// Why a node cannot answer by itself.
pub fn refused(oracle: &Oracle, question: &Question, own: &str) -> Option<Refused> {
    let fields: Vec<String> = question.fields.iter().chain(question.filters.iter().map(|(f, _)| f)).cloned().collect();
    if !question.columns.iter().all(|column| divisible(&oracle.standard, column, &fields)) {
        return Some(Refused::Undivided);
    }
    oracle.periods(question);
    let (shown, between) = units(oracle, question);
    let parts: Vec<String> =
        between.iter().filter(|unit| *unit != own).flat_map(|unit| oracle.children(unit)).collect();
    not_held(oracle, question, own, shown.iter().chain(&between).chain(&parts))
}

/// Days are needed of units, or of the scope, that are held by month.
pub fn not_held<'u>(
    oracle: &Oracle,
    question: &'u Question,
    own: &str,
    units: impl Iterator<Item = &'u String>,
) -> Option<Refused> {
    let by_day = oracle.children(own);
    let far = |unit: &String| unit != own && !by_day.contains(unit);
    let mut needed = units.chain([&question.scope]);
    (needs_days(oracle, question) && needed.any(far)).then_some(Refused::NotHeld)
}

/// What the records say. `relayed`: rows are of the nodes that hold them finely enough, and each
/// is named by the node above its unit.
pub fn said(oracle: &Oracle, question: &Question, own: &str, relayed: bool) -> Expected {
    told(oracle, question, own, relayed, &BTreeSet::new())
}

/// The same of a relayed question, where some units say nothing.
pub fn said_without(oracle: &Oracle, question: &Question, own: &str, silent: &BTreeSet<String>) -> Expected {
    told(oracle, question, own, true, silent)
}

fn told(oracle: &Oracle, question: &Question, own: &str, relayed: bool, silent: &BTreeSet<String>) -> Expected {
    let periods = oracle.periods(question);
    let needs_days = needs_days(oracle, question);
    let (shown, between) = units(oracle, question);
    let coverage = Coverage::of(oracle, own, &question.scope, needs_days);
    let whole = shown.iter().map(|unit| (unit.clone(), true));
    oracle.lines(&whole.chain(between.iter().map(|unit| (unit.clone(), false))).collect::<Vec<_>>());
    if relayed {
        oracle.told_above(&question.scope, own);
    }
    for unit in silent {
        oracle.run("DELETE FROM line WHERE unit = ?", [unit]);
    }
    let shown: Vec<String> = shown.into_iter().filter(|unit| !silent.contains(unit)).collect();
    let labels = [Shift::None, Shift::YearAgo, Shift::Previous].map(|shift| {
        let labels = oracle.codes("SELECT label FROM period WHERE shift = ?1 ORDER BY n", shift.name());
        (shift.name(), labels)
    });
    let mut said = Expected {
        stocks: question.columns.iter().map(|column| oracle.standard.stocks(column)).collect(),
        labels: labels.into(),
        tables: tables(oracle, question, periods),
        certain: shown.iter().filter(|_| question.fields.is_empty()).map(|unit| (unit.clone(), Vec::new())).collect(),
        in_transit: zeros(oracle, question),
        unreached: BTreeSet::new(),
        strung: false,
        zeros: zeros(oracle, question),
        reporting: super::coverage::counts(oracle, own, needs_days, ""),
        former: question
            .compare
            .first()
            .map_or_else(BTreeMap::new, |shift| super::coverage::counts(oracle, own, needs_days, shift.name())),
        coverage,
        between: between.clone(),
        adjusted: Vec::new(),
    };
    let totals = said.total("", said.tables[""].keys());
    said.adjusted = adjusted(oracle, question, own, &totals);
    said
}

/// The units whose whole subtrees are rows, and those above them.
pub fn units(oracle: &Oracle, question: &Question) -> (Vec<String>, Vec<String>) {
    let scope = &question.scope;
    match question.units {
        "" => (vec![scope.clone()], Vec::new()),
        "unit" => (oracle.children(scope), vec![scope.clone()]),
        tier => {
            // A unit of a lower tier right under one of a higher tier has a row too.
            let rank = |tier: &str| format!("instr('{}', {tier})", TIERS.join(" "));
            let (of_unit, wanted) = (rank("tier"), rank(&format!("'{tier}'")));
            let under = format!(
                "WITH RECURSIVE under (code) AS (SELECT ?1 UNION SELECT known.code FROM under
                 JOIN unit up ON up.code = under.code JOIN known ON known.parent = under.code WHERE {} < {wanted})
                 SELECT code FROM under JOIN unit USING (code)",
                rank("up.tier")
            );
            let select = |relation: &str| oracle.codes(&format!("{under} WHERE {of_unit} {relation} {wanted}"), scope);
            (select(">="), select("<"))
        }
    }
}

pub fn needs_days(oracle: &Oracle, question: &Question) -> bool {
    let uneven = "SELECT label FROM period WHERE shift = ?1
        AND (first <> date(first, 'start of month') OR date(last, '+1 day') <> date(last, '+1 day', 'start of month'))";
    let shifts = question.compare.iter().chain([&Shift::None]);
    let mut uneven = shifts.map(|shift| oracle.codes(uneven, shift.name()));
    ["day", "week"].contains(&question.time.grain) || uneven.any(|periods| !periods.is_empty())
}

/// The figures of all lines, by shift.
fn tables(oracle: &Oracle, question: &Question, periods: usize) -> BTreeMap<&'static str, Table> {
    let zeros = vec![zeros(oracle, question); periods];
    let shifts = [Shift::None, Shift::YearAgo, Shift::Previous];
    let mut tables: BTreeMap<_, _> = shifts.map(|shift| (shift.name(), Table::new())).into();
    for (at, column) in question.columns.iter().enumerate() {
        let (numerator, denominator) = oracle.standard.terms(column);
        let below = denominator.iter().flatten().map(|term| (term, true));
        for (term, is_below) in numerator.iter().map(|term| (term, false)).chain(below) {
            for ((shift, n, line, words), amount) in oracle.sums(term, &question.fields, &question.filters) {
                let Some(table) = tables.get_mut(shift.as_str()) else { continue };
                let row = table.entry((line, words)).or_insert_with(|| zeros.clone());
                let figure = &mut row[n][at];
                *(if is_below { figure.1.as_mut().unwrap() } else { &mut figure.0 }) += amount;
            }
        }
    }
    tables
}

fn zeros(oracle: &Oracle, question: &Question) -> Vec<Figure> {
    question.columns.iter().map(|column| (0, oracle.standard.terms(column).1.map(|_| 0))).collect()
}

impl Expected {
    /// The sum of lines; of a stock, of their last periods.
    pub fn total<'l>(&self, shift: &str, lines: impl IntoIterator<Item = &'l Line>) -> Vec<Figure> {
        let mut total = self.zeros.clone();
        for periods in lines.into_iter().filter_map(|line| self.tables[shift].get(line)) {
            for (n, figures) in periods.iter().enumerate() {
                for (at, figure) in figures.iter().enumerate() {
                    let is_last = n + 1 == periods.len();
                    let (stock, stock_below) = self.stocks[at];
                    total[at].0 += if is_last || !stock { figure.0 } else { 0 };
                    let below = figure.1.filter(|_| is_last || !stock_below).unwrap_or(0);
                    total[at].1 = total[at].1.map(|sum| sum + below);
                }
            }
        }
        total
    }
}

/// Whether a row has nothing but zeros.
pub fn is_zero(periods: &[Vec<Figure>]) -> bool {
    periods.iter().flatten().all(|(numerator, denominator)| *numerator == 0 && denominator.unwrap_or(0) == 0)
}
