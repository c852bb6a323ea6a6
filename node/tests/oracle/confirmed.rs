//! Answers for which every unit was asked for its newest figures: what was acknowledged before, at
//! whoever has confirmed, has to be in them.

use std::collections::BTreeSet;

use wuji_node::statistics::answer::QueryError;
use wuji_node::statistics::plan::PlanError;
use wuji_proto::v1;

use super::compare::{Answered, compare, same};
use super::coverage::names;
use super::database::Seen;
use super::expected::expected;
use super::federation::Federation;
use super::question::Question;
use super::random::Random;
use super::times::{Span, Time};

/// More than there are units.
const ALL: usize = 1_000;

/// Mistakes that are made on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    None,
    /// The answer is given before what the units show has come.
    Early,
    /// One that cannot be asked has confirmed.
    Absent,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The figures are right, and without asking they were not.
    Newer,
    /// They are right.
    Right,
    /// Of some below it is not known what of theirs has arrived.
    Unknown,
}

/// A question of which the answer changes with all that is written; now and then another one.
pub fn question(random: &mut Random, question: Question) -> Question {
    if random.percent(25) {
        return question;
    }
    let time = Time { from: Span::year(2015), to: Span::year(2018), grain: ["", "year"][random.below(2)] };
    let units = *random.pick(&["", "unit", "county", "workroom"]);
    let columns = ["entries", "reported"].map(str::to_owned).into();
    Question { columns, units, ..Question::plain(&question.scope, time) }
}

/// Has all units of a question's scope confirm; what differs, if anything.
pub async fn ask(
    federation: &mut Federation,
    node: usize,
    question: &Question,
    mistake: Mistake,
) -> Result<Asked, String> {
    let request = question.request();
    let before = match federation.ask(node, &request) {
        // Its parent has planned it, and that has not come up yet.
        Err(QueryError::Plan(PlanError::NoUnit { .. })) => return Ok(Asked::Unknown),
        before => before.ok(),
    };
    let latest = federation.latest();
    let mut confirmation = federation.confirm(node, &question.scope).await;
    let mut answer = federation.ask(node, &request);
    let figures = |answer: &Answered| (answer.rows.clone(), answer.end.totals.clone());
    let is_newer = before.as_ref().map(figures) != answer.as_ref().ok().map(figures);
    match mistake {
        Mistake::None => {}
        Mistake::Early => answer = answer.map(|now| before.clone().unwrap_or(now)),
        Mistake::Absent => {
            confirmation.confirmed += u64::from(confirmation.unconfirmed.pop().is_some());
            confirmation.unconfirmed_count = confirmation.unconfirmed.len() as u64;
        }
    }
    let open = open(federation, node);
    let mut seen = federation.seen(node);
    for unit in federation.oracle.all_below(&question.scope).intersection(&open) {
        let at = latest[unit];
        seen.insert(unit.clone(), Seen { since: at, at });
    }
    let oracle = &federation.oracle;
    oracle.look(&seen);
    let scope = oracle.below(&question.scope);
    confirmed(federation, &confirmation, &scope, &open)?;
    if scope.iter().any(|unit| seen.get(unit).is_some_and(|seen| seen.since != seen.at)) {
        return Ok(Asked::Unknown);
    }
    let wanted = expected(oracle, question, &federation.places[node].code);
    compare(question, &answer, &wanted)?;
    Ok(if is_newer { Asked::Newer } else { Asked::Right })
}

/// The units to which a question of a node can come.
fn open(federation: &Federation, node: usize) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    let mut waiting = vec![node];
    while let Some(at) = waiting.pop() {
        open.insert(federation.places[at].code.clone());
        let is_child = |child: &usize| federation.places[*child].parent == Some(at);
        let children = (0..federation.places.len()).filter(is_child);
        waiting.extend(children.filter(|child| federation.is_open(at, *child)));
    }
    open
}

/// Those that were reached have confirmed, and all others of the scope are named.
fn confirmed(
    federation: &Federation,
    told: &v1::Confirmation,
    scope: &[String],
    open: &BTreeSet<String>,
) -> Result<(), String> {
    let planned =
        "SELECT code FROM known WHERE code NOT IN (SELECT unit FROM start JOIN seen USING (unit) WHERE op <= at)";
    let planned = federation.oracle.codes(&format!("{planned} AND ?1 = ''"), "");
    let state = |unit: &String| {
        let below = federation.above(unit).filter(|above| open.contains(above));
        let away = below.and_then(|_| federation.away(unit)).unwrap_or_else(|| "unknown".to_owned());
        (unit.clone(), if planned.contains(unit) { "planned".to_owned() } else { away })
    };
    let others: BTreeSet<_> = scope.iter().filter(|unit| !open.contains(*unit)).map(state).collect();
    same("how many have confirmed", &told.confirmed, &((scope.len() - others.len()) as u64))?;
    same("how many have not", &told.unconfirmed_count, &(others.len() as u64))?;
    names("unconfirmed", ALL, told.unconfirmed.iter().map(|unit| (unit.code.clone(), unit.state.clone())), &others)
}
