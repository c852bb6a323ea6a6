//! Places of units by an indicator, as the oracle gives them.

use std::collections::BTreeMap;

use wuji_proto::v1;

use super::compare::{by_value, figures, same};
use super::coverage::Counts;
use super::expected::{Figure, not_held, said, units};
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

/// Has a node place units; what differs, if anything, when the answer was spoilt. True: several
/// units were placed.
pub fn ask(
    federation: &Federation,
    node: usize,
    random: &mut Random,
    mut question: Question,
    spoil: &mut dyn FnMut(&mut v1::RankReply),
) -> Result<bool, String> {
    let own = &federation.places[node].code;
    let oracle = &federation.oracle;
    federation.look(node);
    question.columns.truncate(1);
    (question.time.grain, question.limit, question.fields, question.filters) = ("", 0, Vec::new(), Vec::new());
    question.units = if question.units.is_empty() { "unit" } else { question.units };
    let against = *random.pick(&[Shift::YearAgo, Shift::Previous]);
    question.compare = vec![against];
    let minimum = if random.percent(60) { 0 } else { random.between(1, 3) };
    let ascending = random.percent(50);
    let limit = if random.percent(50) { 0 } else { u32::try_from(random.between(1, 3)).unwrap() };
    let (shown, _) = units(oracle, &question);
    let unit = if shown.is_empty() || random.percent(30) { String::new() } else { random.pick(&shown).clone() };
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
        limit,
        unit,
        ..v1::RankRequest::default()
    };
    let place = |tier: &str| TIERS.iter().position(|known| *known == tier).unwrap();
    let tier_of = |code: &str| federation.places.iter().find(|place| place.code == code).unwrap().tier;
    let shown = federation.rank(node, &request);
    let (all, _) = units(oracle, &question);
    let tier = if question.units == "unit" {
        all.iter().map(|unit| place(tier_of(unit))).min()
    } else {
        Some(place(question.units)).filter(|tier| *tier > place(tier_of(&question.scope)))
    };
    let all: Vec<String> = all.into_iter().filter(|unit| Some(place(tier_of(unit))) == tier).collect();
    oracle.periods(&question);
    if tier.is_none() || not_held(oracle, &question, own, all.iter()).is_some() {
        return if shown.is_err() { Ok(false) } else { Err("placed units that cannot be placed".to_owned()) };
    }
    let (wanted, mut shown) = (said(oracle, &question, own, false), shown.map_err(|error| error.to_string())?);
    spoil(&mut shown);
    let units = all.into_iter().map(|code| {
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
    wanted.coverage.compare(&shown.coverage.clone().unwrap_or_default(), 0)?;
    Places::of(&units, &request).compare(&shown)?;
    Ok(shown.placed > 1)
}

fn enough((numerator, denominator): Figure, minimum: i64) -> bool {
    denominator.map_or(numerator >= minimum, |denominator| denominator != 0 && denominator >= minimum)
}

/// One more than those that are better.
fn place_of(value: Figure, all: &[Figure], ascending: bool) -> u64 {
    1 + all.iter().filter(|other| by_value(**other, value, !ascending).is_lt()).count() as u64
}

/// What a row has to say: unit, place, how many have it, quartile, former place, why it has none,
/// and the two figures.
type Row = (String, u64, u64, u64, u64, String, Vec<Figure>, Vec<Figure>);

fn told(row: &v1::RankRow) -> Row {
    let figure = |figure: &Option<v1::Figure>| figures(figure.as_slice());
    let (unit, unplaced, quartile) = (row.unit.clone(), row.unplaced.clone(), row.quartile.into());
    (unit, row.place, row.tied, quartile, row.former_place, unplaced, figure(&row.figure), figure(&row.former))
}

/// The places of units: best values first, then those without a place; equal ones by code.
struct Places {
    rows: Vec<Row>,
    placed: Vec<Figure>,
    limit: usize,
    unit: String,
}

impl Places {
    fn of(units: &[Unit], request: &v1::RankRequest) -> Self {
        let ascending = request.ascending;
        let mut placed: Vec<Figure> =
            units.iter().filter(|unit| unit.unplaced.is_empty()).map(|unit| unit.now).collect();
        placed.sort_by(|a, b| by_value(*a, *b, !ascending));
        let former: Vec<Figure> = units.iter().filter(|unit| unit.had_place).map(|unit| unit.former).collect();
        let row = |unit: &Unit| {
            let (mut place, mut tied, mut quartile) = (0, 0, 0);
            if unit.unplaced.is_empty() {
                place = place_of(unit.now, &placed, ascending);
                tied = placed.iter().filter(|other| by_value(**other, unit.now, true).is_eq()).count() as u64;
                quartile = (place - 1) * 4 / placed.len() as u64 + 1;
            }
            let former_place = if unit.had_place { place_of(unit.former, &former, ascending) } else { 0 };
            let (code, unplaced) = (unit.code.clone(), unit.unplaced.to_owned());
            (code, place, tied, quartile, former_place, unplaced, vec![unit.now], vec![unit.former])
        };
        let mut rows: Vec<Row> = units.iter().map(row).collect();
        rows.sort_by_key(|(code, place, ..)| (*place == 0, *place, code.clone()));
        let limit = if request.limit == 0 { usize::MAX } else { usize::try_from(request.limit).unwrap() };
        Self { rows, placed, limit, unit: request.unit.clone() }
    }

    fn compare(&self, shown: &v1::RankReply) -> Result<(), String> {
        let count = self.placed.len();
        same("placed and not", &(shown.placed, shown.unplaced), &(count as u64, (self.rows.len() - count) as u64))?;
        let rows: Vec<Row> = shown.rows.iter().map(told).collect();
        same("rows", &rows.as_slice(), &&self.rows[..self.rows.len().min(self.limit)])?;
        let own = self.rows.iter().find(|row| row.0 == self.unit);
        same("the unit's own row", &shown.own.as_ref().map(told).as_ref(), &own)?;
        // Each the value of the unit at that place.
        let quarter = |quarter: usize| (count * quarter).div_ceil(4).checked_sub(1).map(|at| self.placed[at]);
        let wanted: Vec<Figure> = (1..4).filter_map(quarter).collect();
        let told = figures(&shown.quartiles);
        let equal = told.len() == wanted.len() && told.iter().zip(&wanted).all(|(a, b)| by_value(*a, *b, true).is_eq());
        if equal { Ok(()) } else { Err(format!("quartiles: shown {told:?}, wanted {wanted:?}")) }
    }
}
