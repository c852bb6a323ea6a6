//! Places of units by an indicator, as the oracle gives them.

use std::collections::BTreeMap;

use wuji_proto::v1;

use super::compare::{by_value, figures, same};
use super::coverage::Counts;
use super::expected::{Figure, Refused, expected};
use super::federation::Federation;
use super::question::Question;
use super::random::Random;
use super::times::Shift;
use super::tree::TIERS;

struct Unit {
    code: String,
    now: Figure,
    former: Figure,
    unplaced: &'static str,
    /// In the former time, by the same rules.
    had_place: bool,
}

/// Has a node place units; what differs, if anything. True: several units were placed.
pub fn ask(federation: &Federation, node: usize, random: &mut Random, mut question: Question) -> Result<bool, String> {
    let own = &federation.places[node].code;
    let oracle = &federation.oracle;
    question.columns.truncate(1);
    (question.time.grain, question.limit, question.fields, question.filters) = ("", 0, Vec::new(), Vec::new());
    question.units = if question.units.is_empty() { "unit" } else { question.units };
    let against = *random.pick(&[Shift::YearAgo, Shift::Previous]);
    question.compare = vec![against];
    let minimum = if random.percent(60) { 0 } else { random.between(1, 3) };
    let ascending = random.percent(50);
    let asked = question.request();
    let request = v1::RankRequest {
        scope: question.scope.clone(),
        tier: if question.units == "unit" { String::new() } else { question.units.to_owned() },
        indicator: question.columns[0].clone(),
        from: asked.from,
        to: asked.to,
        ascending,
        denominator_min: minimum,
        against: against.name().to_owned(),
        ..v1::RankRequest::default()
    };
    let place = |tier: &str| TIERS.iter().position(|known| *known == tier).unwrap();
    let tier_of = |code: &str| federation.places.iter().find(|place| place.code == code).unwrap().tier;
    let wanted = expected(oracle, &question, own);
    let shown = federation.rank(node, &request);
    let all: Vec<String> = match &wanted {
        Ok(wanted) => wanted.certain.iter().map(|(unit, _)| unit.clone()).collect(),
        Err(refused) => return refuse(&shown, *refused),
    };
    let tier = if question.units == "unit" {
        all.iter().map(|unit| place(tier_of(unit))).min()
    } else {
        Some(place(question.units)).filter(|tier| *tier > place(tier_of(&question.scope)))
    };
    let Some(tier) = tier else {
        return if shown.is_err() { Ok(false) } else { Err("placed units where there are none to place".to_owned()) };
    };
    let (wanted, shown) = (wanted.ok().unwrap(), shown.map_err(|error| error.to_string())?);
    let units = all.into_iter().filter(|unit| place(tier_of(unit)) == tier).map(|code| {
        let of = |shift: &str| {
            wanted.tables[shift].get(&(code.clone(), Vec::new())).map_or(wanted.zeros[0], |row| row[0][0])
        };
        let (now, former) = (of(""), of(against.name()));
        let judged = |value: Figure, counts: &BTreeMap<(String, usize), Counts>| {
            let counts = counts.get(&(code.clone(), 0)).copied().unwrap_or_default();
            match (counts.expected, counts.reported) {
                (0, 0) if value == wanted.zeros[0] => "not-expected",
                (_, 0) if value == wanted.zeros[0] => "not-reported",
                _ if !enough(value, minimum) => "denominator",
                _ => "",
            }
        };
        let (unplaced, had_place) = (judged(now, &wanted.reporting), judged(former, &wanted.former).is_empty());
        Unit { code, now, former, unplaced, had_place }
    });
    let units: Vec<Unit> = units.collect();
    let total = wanted.total("", wanted.tables[""].keys());
    same("the total of all", &figures(shown.total.as_slice()), &total)?;
    places(&units, &shown, ascending)?;
    Ok(shown.placed > 1)
}

fn refuse<T>(shown: &Result<v1::RankReply, T>, refused: Refused) -> Result<bool, String> {
    if shown.is_err() { Ok(false) } else { Err(format!("placed, and it was to be refused for {refused:?}")) }
}

fn enough((numerator, denominator): Figure, minimum: i64) -> bool {
    denominator.map_or(numerator >= minimum, |denominator| denominator != 0 && denominator >= minimum)
}

/// One more than those that are better.
fn place_of(value: Figure, all: &[Figure], ascending: bool) -> u64 {
    1 + all.iter().filter(|other| by_value(**other, value, !ascending).is_lt()).count() as u64
}

fn places(units: &[Unit], shown: &v1::RankReply, ascending: bool) -> Result<(), String> {
    let placed: Vec<&Unit> = units.iter().filter(|unit| unit.unplaced.is_empty()).collect();
    let now: Vec<Figure> = placed.iter().map(|unit| unit.now).collect();
    let former: Vec<Figure> = units.iter().filter(|unit| unit.had_place).map(|unit| unit.former).collect();
    let count = now.len() as u64;
    same("placed and not", &(shown.placed, shown.unplaced), &(count, (units.len() - placed.len()) as u64))?;
    same("rows", &shown.rows.len(), &units.len())?;
    let order: Vec<(bool, u64)> = shown.rows.iter().map(|row| (row.place == 0, row.place)).collect();
    same("in the order of places", &order.is_sorted(), &true)?;
    for row in &shown.rows {
        let unit = units.iter().find(|unit| unit.code == row.unit).ok_or_else(|| format!("{} is placed", row.unit))?;
        let (mut place, mut tied, mut quartile) = (0, 0, 0);
        if unit.unplaced.is_empty() {
            place = place_of(unit.now, &now, ascending);
            tied = now.iter().filter(|other| by_value(**other, unit.now, true).is_eq()).count() as u64;
            quartile = (place - 1) * 4 / count + 1;
        }
        let former_place = if unit.had_place { place_of(unit.former, &former, ascending) } else { 0 };
        let told = (row.place, row.tied, u64::from(row.quartile), row.former_place, row.unplaced.as_str());
        same(
            &format!("place, tied, quartile, former place of {}", row.unit),
            &told,
            &(place, tied, quartile, former_place, unit.unplaced),
        )?;
        same("figure", &figures(row.figure.as_slice()), &vec![unit.now])?;
        same("former figure", &figures(row.former.as_slice()), &vec![unit.former])?;
    }
    // Each the value of the unit at that place.
    let mut best = now.clone();
    best.sort_by(|a, b| by_value(*a, *b, !ascending));
    let quarter = |quarter: usize| (best.len() * quarter).div_ceil(4).checked_sub(1).map(|at| best[at]);
    let wanted: Vec<Figure> = (1..4).filter_map(quarter).collect();
    let told = figures(&shown.quartiles);
    let equal = told.len() == wanted.len() && told.iter().zip(&wanted).all(|(a, b)| by_value(*a, *b, true).is_eq());
    if equal { Ok(()) } else { Err(format!("quartiles: shown {told:?}, wanted {wanted:?}")) }
}
