//! Issued reports: what they said, and what has to be told of it later.

use rusqlite::params;
use wuji_proto::v1;

use super::compare::{figures, same};
use super::database::Oracle;
use super::expected::{Figure, said};
use super::question::Question;
use super::random::Random;
use super::times::{Span, Time};

/// Reports of one scope and time that are told of at most.
const TOLD_MAX: usize = 8;

/// A report that a node has issued.
pub struct Issued {
    pub node: usize,
    pub scope: String,
    pub span: Span,
    pub columns: Vec<String>,
}

/// What a report said, where it is no longer so: report, when, column, then and now.
pub type Adjusted = (String, i64, String, Figure, Figure);

impl Issued {
    /// A question about what a report is about.
    pub fn question(&self, random: &mut Random) -> Question {
        let grain = *random.pick(&["", "month"]);
        let mut question = Question::plain(&self.scope, Time { from: self.span, to: self.span, grain });
        for _ in 0..random.between(1, 4) {
            let column = random.pick(&self.columns);
            if !question.columns.contains(column) {
                question.columns.push(column.clone());
            }
        }
        question.units = *random.pick(&["", "", "unit"]);
        if random.percent(15) {
            question.filters = vec![("source".to_owned(), vec!["法院".to_owned()])];
        }
        question
    }
}

/// Keeps what a report of `own` says now, by the records.
pub fn keep(oracle: &Oracle, own: &str, issued: &Issued, id: &str, at_ms: i64) {
    let time = Time { from: issued.span, to: issued.span, grain: "" };
    let question = Question { columns: issued.columns.clone(), ..Question::plain(&issued.scope, time) };
    let says = said(oracle, &question, own, false);
    let totals = says.total("", says.tables[""].keys());
    for (column, (numerator, denominator)) in issued.columns.iter().zip(totals) {
        oracle.run(
            "INSERT INTO issued SELECT ?, ?, ?, ?, first, last, ?, ?, ? FROM period WHERE shift = 'whole'",
            params![id, at_ms, own, issued.scope, column, numerator, denominator],
        );
    }
}

/// What has to be told of reports of the scope and the whole time, whose totals are now these; of
/// the newest report first, and in the order of columns.
pub fn adjusted(oracle: &Oracle, question: &Question, own: &str, totals: &[Figure]) -> Vec<Adjusted> {
    if !question.filters.is_empty() {
        return Vec::new();
    }
    let same_time = "SELECT DISTINCT report, at FROM issued i JOIN period p USING (first, last)
        WHERE p.shift = 'whole' AND node = ?1 AND scope = ?2 ORDER BY at DESC";
    let mut statement = oracle.sql.prepare(same_time).unwrap();
    let reports = statement.query_map(params![own, question.scope], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut adjusted = Vec::new();
    for (report, at) in reports.unwrap().map(Result::unwrap).take(TOLD_MAX).collect::<Vec<(String, i64)>>() {
        for (column, now) in question.columns.iter().zip(totals) {
            let then = "SELECT numerator, denominator FROM issued WHERE report = ? AND measure = ?";
            let then = oracle.sql.query_row(then, params![report, column], |row| Ok((row.get(0)?, row.get(1)?)));
            adjusted.extend(
                then.ok().filter(|then| then != now).map(|then| (report.clone(), at, column.clone(), then, *now)),
            );
        }
    }
    adjusted
}

/// Whether an answer tells this.
pub fn compare(told: &[v1::Adjustment], wanted: &Vec<Adjusted>) -> Result<(), String> {
    let one = |told: &v1::Adjustment| {
        let figure = |figure: &Option<v1::Figure>| figures(figure.as_slice())[0];
        (told.report.clone(), told.issued_at_ms, told.column.clone(), figure(&told.issued), figure(&told.now))
    };
    same("adjustments", &told.iter().map(one).collect(), wanted)
}
