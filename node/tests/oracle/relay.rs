//! What has to come of a question that the asked node does not hold finely enough: which node
//! answers, who cannot be asked, and what the records of all others say.

use std::collections::BTreeSet;

use super::compare::{Answered, same, whole};
use super::coverage::counts;
use super::expected::{Expected, Refused, needs_days, refused, said, said_without};
use super::federation::Federation;
use super::question::Question;
use super::random::Random;
use super::standard::Rule;
use super::tree::TIERS;

/// A question whose rows others hold: of days, of divisions that no split has, or of anything.
pub fn question(random: &mut Random, federation: &Federation, mut question: Question) -> Question {
    let standard = &federation.oracle.standard;
    if random.percent(50) {
        let counted: Vec<_> =
            standard.measures.values().filter(|measure| matches!(measure.rule, Rule::Records(_))).collect();
        let measure = random.pick(&counted);
        let same = counted.iter().filter(|other| other.ledger == measure.ledger);
        let same: Vec<String> = same.map(|measure| measure.id.clone()).collect();
        question.columns = vec![measure.id.clone()];
        question.columns.extend(Some(random.pick(&same).clone()).filter(|other| *other != measure.id));
        let fields = standard.codes(&measure.ledger);
        (question.fields, question.filters, question.order_by) = (Vec::new(), Vec::new(), String::new());
        for _ in 0..random.between(1, 2) {
            let field = random.pick(&fields).clone();
            if !question.fields.contains(&field) {
                question.fields.push(field);
            }
        }
        if random.percent(30) {
            let field = random.pick(&fields).clone();
            let words = standard.words(&field);
            question.filters.push((field, vec![random.pick(&words).clone(), String::new()]));
        }
    } else if random.percent(60) {
        question.units = *random.pick(&TIERS[1..]);
    }
    // Figures of indicators are those of one catalogue, and of these measures the node above a
    // unit states what the unit itself does not know.
    let stated = ["expected", "received", "received.months"];
    question.columns.retain(|column| {
        let terms = standard.terms(column);
        let is_ratio = terms.1.is_some();
        !(is_ratio && federation.mixed)
            && terms.0.iter().chain(terms.1.iter().flatten()).all(|term| !stated.contains(&term.measure.as_str()))
    });
    if question.columns.is_empty() {
        question.columns.push("entries".to_owned());
        question.fields.retain(|field| field == "ledger");
        question.filters.clear();
    }
    if !question.columns.contains(&question.order_by) {
        question.order_by.clear();
    }
    question
}

/// Who answers, and what.
pub struct Wanted {
    said: Expected,
    /// Not from its own view, or not the node that was asked.
    relayed: bool,
}

/// A node that cannot answer, or cannot be reached.
struct Unanswered;

/// A node's answer, and what it has to be; `None`: rightly it has none.
pub async fn answered(
    federation: &Federation,
    node: usize,
    question: &Question,
    by_asking: bool,
) -> Result<Option<(Answered, Wanted)>, String> {
    let answer = federation.relayed(node, &question.request(), by_asking).await;
    match (wanted(federation, node, question, by_asking), answer) {
        (Ok(wanted), Ok(answer)) => Ok(Some((answer, wanted))),
        (Err(Unanswered), Err(_)) => Ok(None),
        (Ok(_), Err(error)) => Err(format!("refused: {error}")),
        (Err(Unanswered), Ok(_)) => Err("answered, and it cannot be".to_owned()),
    }
}

/// Has a node answer; what differs, if anything. True: others were asked.
pub async fn ask(federation: &Federation, node: usize, question: &Question, by_asking: bool) -> Result<bool, String> {
    let Some((answer, wanted)) = answered(federation, node, question, by_asking).await? else { return Ok(false) };
    wanted.compare(question, &answer)?;
    Ok(wanted.relayed)
}

impl Wanted {
    /// Whether this is the answer; what differs otherwise.
    pub fn compare(&self, question: &Question, answer: &Answered) -> Result<(), String> {
        same("relayed", &answer.relayed, &self.relayed)?;
        whole(question, answer, &self.said)
    }
}

/// The question goes down the path to its scope, until a node holds the answer.
fn wanted(federation: &Federation, asked: usize, question: &Question, by_asking: bool) -> Result<Wanted, Unanswered> {
    let Federation { oracle, places, .. } = federation;
    federation.look(asked);
    let path = federation.path(asked, &question.scope);
    let mut at = asked;
    for hop in path.into_iter().skip(1).map(Some).chain([None]) {
        federation.look(at);
        let own = &places[at].code;
        let why = if by_asking && at == asked { Some(Refused::NotHeld) } else { refused(oracle, question, own) };
        let undivided = refused(oracle, question, own) == Some(Refused::Undivided);
        if undivided && !is_counted(federation, question, places[asked].tier) {
            return Err(Unanswered);
        }
        if why.is_none() {
            let mut said = said(oracle, question, own, false);
            named_above(federation, asked, at, question, &mut said);
            return Ok(Wanted { said, relayed: at != asked });
        }
        match hop {
            Some(hop) if federation.is_open(at, hop) => at = hop,
            Some(_) => return Err(Unanswered),
            None => {}
        }
    }
    let mut said = gathered(federation, at, question);
    named_above(federation, asked, at, question, &mut said);
    Ok(Wanted { said, relayed: true })
}

/// Whether records can be told apart so, for somebody of this tier.
fn is_counted(federation: &Federation, question: &Question, tier: &str) -> bool {
    let standard = &federation.oracle.standard;
    let rank = |tier: &str| TIERS.iter().position(|known| *known == tier).unwrap();
    let fields = || question.fields.iter().chain(question.filters.iter().map(|(field, _)| field));
    question.columns.iter().all(|column| {
        let (numerator, denominator) = standard.terms(column);
        numerator.iter().chain(denominator.iter().flatten()).all(|term| {
            let measure = &standard.measures[&term.measure];
            let is_seen = |field: &String| {
                standard.ceiling(&measure.ledger, field).is_some_and(|ceiling| rank(&ceiling) <= rank(tier))
            };
            matches!(measure.rule, Rule::Records(_)) && fields().all(is_seen)
        })
    })
}

/// When a workroom was expected and its days received, the node above it says, not itself.
fn named_above(federation: &Federation, asked: usize, at: usize, question: &Question, said: &mut Expected) {
    let place = &federation.places[at];
    if asked == at || place.tier != "workroom" || ["", "unit"].contains(&question.units) {
        return;
    }
    let (oracle, above) = (&federation.oracle, place.parent.unwrap());
    federation.look(above);
    oracle.periods(question);
    oracle.lines(&[(place.code.clone(), true)]);
    let needs_days = needs_days(oracle, question);
    said.reporting = counts(oracle, &federation.places[above].code, needs_days, "");
}

/// What all say that can be asked by a node for its own scope.
fn gathered(federation: &Federation, at: usize, question: &Question) -> Expected {
    let oracle = &federation.oracle;
    let own = &federation.places[at].code;
    let mut unreached = BTreeSet::new();
    visit(federation, at, question, true, &mut unreached);
    federation.look(at);
    let mut missing = BTreeSet::new();
    for unit in &unreached {
        missing.extend(oracle.below(unit));
    }
    let everything = said(oracle, question, own, true);
    let mut said = said_without(oracle, question, own, &missing);
    let is_plain = refused(oracle, &Question { fields: Vec::new(), units: "", ..question.clone() }, own).is_none();
    if is_plain {
        let sums = |said: &Expected| said.total("", said.tables[""].keys());
        said.in_transit = sums(&everything)
            .into_iter()
            .zip(sums(&said))
            .map(|(all, there)| (all.0 - there.0, all.1.map(|below| below - there.1.unwrap_or(0))))
            .collect();
    }
    said.adjusted = if is_plain { everything.adjusted } else { Vec::new() };
    let in_order = question.order_by.is_empty() && question.limit == 0;
    let tier = |tier: &str| TIERS.iter().position(|known| *known == tier);
    let strung = tier(question.units).is_some_and(|wanted| tier(federation.places[at].tier).unwrap() < wanted);
    Expected { unreached, strung: strung && in_order, reporting: everything.reporting, ..said }
}

/// Goes where the question goes, and notes who cannot be asked.
fn visit(federation: &Federation, at: usize, question: &Question, first: bool, unreached: &mut BTreeSet<String>) {
    let Federation { oracle, places, .. } = federation;
    federation.look(at);
    let why = refused(oracle, question, &places[at].code);
    if why.is_none() && !first {
        return;
    }
    let divided = refused(oracle, question, &places[at].code) == Some(Refused::Undivided);
    let rank = |tier: &str| TIERS.iter().position(|known| *known == tier);
    for (child, place) in places.iter().enumerate().filter(|(_, place)| place.parent == Some(at)) {
        let by_unit = rank(question.units).is_some_and(|wanted| rank(place.tier).unwrap() < wanted);
        let above = rank(question.units).is_some_and(|wanted| rank(places[at].tier).unwrap() >= wanted);
        // Children are held by day.
        if !divided && (!by_unit || above) {
            continue;
        }
        if !federation.is_open(at, child) {
            unreached.insert(place.code.clone());
            continue;
        }
        let units = if by_unit && !above { question.units } else { "" };
        let asked =
            Question { scope: place.code.clone(), units, order_by: String::new(), limit: 0, ..question.clone() };
        visit(federation, child, &asked, false, unreached);
    }
}
