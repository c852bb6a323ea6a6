//! While replication is running, a node may hold some of what a unit below it sent last and
//! not the rest. Each cell is then as it was at some moment since the last complete mark: every
//! figure lies between the sums of the least and the most that the cells were in that time.

use std::collections::BTreeMap;

use super::compare::{figures, same};
use super::database::{Oracle, word};
use super::federation::Federation;
use super::question::Question;
use super::standard::{Measure, Rule, Term, quoted};
use super::tree::TIERS;

/// Least and most by period, line and words.
type Bounds = BTreeMap<(usize, String, Vec<String>), (i64, i64)>;

/// Whether what a node says is possible, of a scope below which it lacks something; how many
/// figures there were.
pub fn plausible(federation: &Federation, node: usize, question: &Question) -> Result<usize, String> {
    let Ok(answer) = federation.ask(node, &question.request()) else { return Ok(0) };
    let whole = Question { units: "", limit: 0, ..question.clone() };
    let whole = federation.ask(node, &whole.request()).map_err(|error| error.to_string())?;
    let end = &answer.end;
    let mut shown = figures(&end.totals);
    for more in [&end.rest, &end.in_transit] {
        for (sum, more) in shown.iter_mut().zip(figures(more)) {
            *sum = (sum.0 + more.0, sum.1.map(|below| below + more.1.unwrap_or(0)));
        }
    }
    same("totals, rest and in transit are the scope's own", &shown, &figures(&whole.end.totals))?;
    let oracle = &federation.oracle;
    let own = &federation.places[node].code;
    oracle.periods(question);
    oracle.lines_of_all(&federation.places.iter().map(|place| place.code.clone()).collect::<Vec<_>>(), own);
    let labels = oracle.codes("SELECT label FROM period WHERE shift = ?1 ORDER BY n", "");
    let mut compared = 0;
    for (at, column) in question.columns.iter().enumerate() {
        let (numerator, denominator) = oracle.standard.terms(column);
        for (is_below, terms) in [(false, Some(numerator)), (true, denominator)] {
            let Some(terms) = terms else { continue };
            let Some(bounds) = sum(oracle, question, &terms) else { continue };
            for row in &answer.rows {
                let Some(unit) = line(federation, own, question, &row.unit) else { continue };
                let n = labels.iter().position(|label| *label == row.period).unwrap();
                let (least, most) = bounds.get(&(n, unit, row.words.clone())).copied().unwrap_or_default();
                let figure = &row.figures[at];
                let shown = if is_below { figure.denominator().unwrap() } else { figure.numerator() };
                if !(least..=most).contains(&shown) {
                    return Err(format!("{column} of {row:?} is not between {least} and {most}"));
                }
                compared += 1;
            }
        }
    }
    Ok(compared)
}

/// The line that a row is of; `None`: what a unit below wrote itself is a difference of two.
fn line(federation: &Federation, own: &str, question: &Question, unit: &str) -> Option<String> {
    let tier = |code: &str| federation.places.iter().find(|place| place.code == code).map(|place| place.tier);
    let place = |tier: &str| TIERS.iter().position(|known| *known == tier);
    let between = match question.units {
        "" => return Some(question.scope.clone()),
        "unit" => unit == question.scope,
        wanted => place(tier(unit)?) < place(wanted),
    };
    match between {
        true if unit == own => Some(format!("of {own}")),
        true => None,
        false => Some(unit.to_owned()),
    }
}

fn sum(oracle: &Oracle, question: &Question, terms: &[Term]) -> Option<Bounds> {
    let mut sums = Bounds::new();
    for term in terms {
        for (key, (least, most)) in bounds(oracle, term, &question.fields, &question.filters)? {
            let sum = sums.entry(key).or_default();
            *sum = (sum.0 + least, sum.1 + most);
        }
    }
    Some(sums)
}

/// Bounds of a term; of what is not a sum over records there are none.
fn bounds(oracle: &Oracle, term: &Term, fields: &[String], wheres: &[(String, Vec<String>)]) -> Option<Bounds> {
    let measure = &oracle.standard.measures[&term.measure];
    let words: String =
        fields.iter().enumerate().map(|(n, field)| format!(", {} AS w{n}", word(measure, field))).collect();
    let names: String = (0..fields.len()).map(|n| format!(", w{n}")).collect();
    let filters = term.only.iter().chain(wheres);
    let filters: String =
        filters.map(|(field, words)| format!(" AND {} IN ({})", word(measure, field), quoted(words))).collect();
    let during = if measure.stock { "cell.day <= p.last" } else { "cell.day BETWEEN p.first AND p.last" };
    let query = format!(
        "WITH delta (version, day, amount) AS ({}),
         -- How long, of the time since all was known, a version was live.
         part AS (SELECT id, unit, since, at, d.day, d.amount,
            min(gone, at + 1) - max(op, since) AS lived {words}
            FROM record r JOIN seen USING (unit) JOIN delta d USING (version) WHERE op <= at AND gone > since {filters}),
         cell AS (SELECT unit, day, min(min(amount), iif(sum(lived) = at - since + 1, max(amount), 0)) AS least,
            max(max(amount), iif(sum(lived) = at - since + 1, min(amount), 0)) AS most {names}
            FROM part GROUP BY id, unit, day {names})
         SELECT p.n, line, sum(least), sum(most) {names} FROM cell JOIN line USING (unit) JOIN period p ON {during}
         WHERE p.shift = '' GROUP BY p.n, line {names}",
        deltas(measure)?,
    );
    let mut statement = oracle.sql.prepare(&query).unwrap_or_else(|error| panic!("{error}: {query}"));
    let rows = statement.query_map([], |row| {
        let words = (4..4 + fields.len()).map(|at| row.get(at)).collect::<Result<Vec<String>, _>>()?;
        let n: u32 = row.get(0)?;
        Ok(((n as usize, row.get(1)?, words), (row.get(2)?, row.get(3)?)))
    });
    Some(rows.unwrap().map(Result::unwrap).collect())
}

/// What a version adds on which day; a stock ends by taking back.
fn deltas(measure: &Measure) -> Option<String> {
    match measure.rule {
        Rule::Records(_) => Some(format!(
            "SELECT version, first, amount FROM fact WHERE measure = '{id}'
             UNION ALL SELECT version, until, -amount FROM fact WHERE measure = '{id}' AND until IS NOT NULL",
            id = measure.id
        )),
        Rule::Entries => Some("SELECT version, day, 1 FROM record WHERE NOT voided".to_owned()),
        _ => None,
    }
}
