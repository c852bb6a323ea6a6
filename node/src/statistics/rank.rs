//! Places 对标找差: units of one tier by an indicator; of units only, never of persons.

use std::cmp::Ordering;
use std::collections::HashMap;

use wuji_proto::{DivisionCode, Tier, v1};

use super::Figures;
use super::answer::{self, Asked, QueryError};
use super::coverage::coverage;
use super::directory::Directory;
use super::plan::{Plan, PlanError, Units};
use super::reporting::{Reporting, Window};
use super::rows::Rows;
use super::spans::Span;
use super::standing;
use super::table::{Row, Shape, Value};

/// Why a unit has no place.
const BELOW_DENOMINATOR: &str = "denominator";
const NOT_REPORTED: &str = "not-reported";
const NOT_EXPECTED: &str = "not-expected";

/// Places units from one view.
pub fn rank(request: &v1::RankRequest, figures: &Figures<'_>, asked: &Asked<'_>) -> Result<v1::RankReply, QueryError> {
    let question = question(request);
    let directory = figures.memory.directory(figures.index)?;
    let plan = Plan::check(&question, figures, &directory, asked.catalogue, asked.today())?;
    let tier = tier(&plan, &directory)?;
    let reporting = Reporting::held(plan.needs_days(), figures)?;
    let rows = Rows::new(&plan, figures, &directory, &reporting);
    let units = rows.whole_units(|unit| unit.tier() == tier)?;
    let column =
        plan.columns.first().ok_or_else(|| PlanError::Question("name an indicator to place units by".into()))?;
    let rule =
        Rule { is_ratio: column.is_ratio(), minimum: request.denominator_min.max(0), ascending: request.ascending };
    let former_span = plan.times.iter().flatten().nth(1).copied().unwrap_or(plan.span);
    let judged = |time: usize, span: Span| {
        let window = Window::from(span);
        let value = move |row: &Row| row.values.get(time).copied().unwrap_or_default();
        units.iter().map(|row| rule.judge(row.unit, value(row), reporting.count(row.unit, window))).collect::<Vec<_>>()
    };
    let (now, before) = (judged(0, plan.span), judged(1, former_span));
    let values = before.iter().map(|unit| (unit.code, unit.value)).collect();
    let (ranking, former) = (rule.place(now), Former { values, ranking: rule.place(before) });
    let total = Shape::of(&plan).totals(&rows.of_scope()?, &plan);
    let stand = standing::stand(figures, &directory, plan.scope, asked.now_ms, asked.standings)?;
    let row = |unit: &Judged| ranking.row(unit, &former, &directory);
    let own = request.unit.parse::<DivisionCode>().ok();
    let limit = if request.limit == 0 { usize::MAX } else { usize::try_from(request.limit).unwrap_or(usize::MAX) };
    let date = |day| wuji_proto::period::date(day).to_string();
    Ok(v1::RankReply {
        scope: plan.scope.to_string(),
        scope_name: directory.name(plan.scope),
        tier: tier.name().to_owned(),
        from: date(plan.span.first),
        to: date(plan.span.last),
        against_from: date(former_span.first),
        against_to: date(former_span.last),
        column: Some(answer::column(column)),
        quartiles: ranking.quartiles(),
        placed: ranking.places.len() as u64,
        unplaced: (ranking.units.len() - ranking.places.len()) as u64,
        rows: ranking.units.iter().take(limit).map(row).collect(),
        own: ranking.units.iter().find(|unit| Some(unit.code) == own).map(row),
        total: total.first().and_then(|total| total.first()).map(|total| total.figure(column.is_ratio())),
        coverage: Some(coverage(&question, &plan, figures, &directory, &reporting, &stand)?),
    })
}

/// The figures that places are made of.
pub fn question(request: &v1::RankRequest) -> v1::QueryRequest {
    let against = if request.against.is_empty() { "previous" } else { &request.against };
    v1::QueryRequest {
        scope: request.scope.clone(),
        measures: vec![request.indicator.clone()],
        from: request.from.clone(),
        to: request.to.clone(),
        by: vec![if request.tier.is_empty() { "unit".to_owned() } else { request.tier.clone() }],
        compare: vec![against.to_owned()],
        ..v1::QueryRequest::default()
    }
}

/// The tier whose units are placed: that of the question, or the highest among the children.
fn tier(plan: &Plan<'_>, directory: &Directory) -> Result<Tier, PlanError> {
    let children = || directory.children(plan.scope).iter().map(|child| child.tier()).min();
    match plan.units {
        Units::Tier(tier) if tier > plan.scope.tier() => Ok(tier),
        Units::Tier(tier) => Err(PlanError::Question(format!(
            "{} is a {}: there is no {tier} below it to place; name a lower tier",
            plan.scope,
            plan.scope.tier()
        ))),
        Units::Children | Units::Scope => {
            children().ok_or_else(|| PlanError::Question(format!("{} has no units below it to place", plan.scope)))
        }
    }
}

/// A unit's value in one time, and whether it can have a place by it.
struct Judged {
    code: DivisionCode,
    value: Value,
    /// Why it has no place; empty: it has one.
    unplaced: &'static str,
}

/// The places of one time.
struct Ranking {
    /// The placed ones first, by value; the others by code.
    units: Vec<Judged>,
    /// Place, how many have it, and quartile, of the placed ones.
    places: HashMap<DivisionCode, (usize, usize, u32)>,
    is_ratio: bool,
}

/// By what units are placed.
#[derive(Clone, Copy)]
struct Rule {
    is_ratio: bool,
    minimum: i64,
    ascending: bool,
}

impl Rule {
    fn judge(self, code: DivisionCode, value: Value, counts: v1::Reporting) -> Judged {
        let nothing = value == Value::default() && counts.reported == 0;
        let enough = if self.is_ratio {
            value.denominator != 0 && value.denominator >= self.minimum
        } else {
            value.numerator >= self.minimum
        };
        let unplaced = match (nothing, counts.expected) {
            (true, 0) => NOT_EXPECTED,
            (true, _) => NOT_REPORTED,
            (false, _) if !enough => BELOW_DENOMINATOR,
            (false, _) => "",
        };
        Judged { code, value, unplaced }
    }

    fn place(self, mut units: Vec<Judged>) -> Ranking {
        units.sort_by(|a, b| match (a.unplaced.is_empty(), b.unplaced.is_empty()) {
            (true, true) => a.value.compare(b.value, self.is_ratio, !self.ascending).then(a.code.cmp(&b.code)),
            (false, false) => a.code.cmp(&b.code),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        });
        let count = units.iter().take_while(|unit| unit.unplaced.is_empty()).count();
        let mut places = HashMap::with_capacity(count);
        let mut from = 0;
        // Equal values share a place and its quartile; the places after them are skipped.
        let with_place = units.get(..count).unwrap_or_default();
        for tied in with_place.chunk_by(|a, b| a.value.compare(b.value, self.is_ratio, false).is_eq()) {
            let quartile = u32::try_from(from * 4 / count + 1).unwrap_or(4);
            places.extend(tied.iter().map(|unit| (unit.code, (from + 1, tied.len(), quartile))));
            from += tied.len();
        }
        Ranking { units, places, is_ratio: self.is_ratio }
    }
}

impl Ranking {
    /// The values at the end of the best quarter, the half and the three quarters.
    fn quartiles(&self) -> Vec<v1::Figure> {
        let at = |quarter: usize| (self.places.len() * quarter).div_ceil(4).checked_sub(1);
        let values = (1..4).filter_map(|quarter| self.units.get(at(quarter)?));
        values.map(|unit| unit.value.figure(self.is_ratio)).collect()
    }

    fn row(&self, unit: &Judged, former: &Former, directory: &Directory) -> v1::RankRow {
        let (place, tied, quartile) = self.places.get(&unit.code).copied().unwrap_or_default();
        v1::RankRow {
            place: place as u64,
            tied: tied as u64,
            unit: unit.code.to_string(),
            unit_name: directory.name(unit.code),
            figure: Some(unit.value.figure(self.is_ratio)),
            former_place: former.ranking.places.get(&unit.code).map_or(0, |(place, ..)| *place as u64),
            former: former.values.get(&unit.code).map(|value| value.figure(self.is_ratio)),
            quartile,
            unplaced: unit.unplaced.to_owned(),
        }
    }
}

/// The former time: places by the same rules, and every unit's value.
struct Former {
    ranking: Ranking,
    values: HashMap<DivisionCode, Value>,
}
