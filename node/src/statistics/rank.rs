//! Places 对标找差: units of one tier by an indicator; of units only, never of persons.

use std::collections::HashMap;

use wuji_proto::{DivisionCode, Tier, v1};

use super::Figures;
use super::answer::{self, Asked, QueryError};
use super::coverage::coverage;
use super::directory::Directory;
use super::plan::{Column, Plan, PlanError, Units};
use super::rows::Rows;
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
    let reporting = answer::reporting(&plan, figures, &directory)?;
    let rows = Rows { plan: &plan, figures, directory: &directory, reporting: &reporting };
    let units = rows.whole_units(|unit| unit.tier() == tier)?;
    let column =
        plan.columns.first().ok_or_else(|| PlanError::Question("name an indicator to place units by".into()))?;
    let mut places = Places::of(&units, column, request);
    let total = Shape::of(&plan).totals(&rows.of_scope()?, &plan);
    let stand = standing::stand(figures, &directory, plan.scope, asked.now_ms, asked.standings)?;
    let own = request.unit.parse::<DivisionCode>().ok().and_then(|unit| places.row(unit, &directory));
    let former = plan.compared(plan.span).next().unwrap_or(plan.span);
    let date = |day| wuji_proto::period::date(day).to_string();
    Ok(v1::RankReply {
        scope: plan.scope.to_string(),
        scope_name: directory.name(plan.scope),
        tier: tier.name().to_owned(),
        from: date(plan.span.first),
        to: date(plan.span.last),
        against_from: date(former.first),
        against_to: date(former.last),
        column: Some(answer::column(column)),
        quartiles: places.quartiles(),
        placed: places.placed as u64,
        unplaced: (places.units.len() - places.placed) as u64,
        rows: places.rows(usize::try_from(request.limit).unwrap_or(usize::MAX), &directory),
        own,
        total: total.first().and_then(|total| total.first()).map(|total| total.figure(column.is_ratio())),
        coverage: Some(coverage(&question, &plan, &directory, &reporting, &stand)),
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

struct Unit {
    code: DivisionCode,
    now: Value,
    former: Value,
    /// Why it has no place; empty: it has one.
    unplaced: &'static str,
    place: usize,
    tied: usize,
    quartile: u32,
}

struct Places {
    /// The placed ones first, by place and code.
    units: Vec<Unit>,
    placed: usize,
    former: HashMap<DivisionCode, usize>,
    is_ratio: bool,
}

impl Places {
    fn of(rows: &[Row], column: &Column<'_>, request: &v1::RankRequest) -> Self {
        let is_ratio = column.is_ratio();
        let minimum = request.denominator_min.max(0);
        let mut units: Vec<Unit> = rows.iter().map(|row| Unit::of(row, is_ratio, minimum)).collect();
        let order = |a: &Unit, b: &Unit| {
            let by_value = a.now.compare(b.now, is_ratio, !request.ascending);
            a.unplaced.is_empty().cmp(&b.unplaced.is_empty()).reverse().then(by_value).then(a.code.cmp(&b.code))
        };
        units.sort_by(order);
        let placed = units.iter().take_while(|unit| unit.unplaced.is_empty()).count();
        give_places(&mut units, placed, is_ratio);
        Self { former: former_places(rows, is_ratio, minimum, request.ascending), units, placed, is_ratio }
    }

    fn rows(&mut self, limit: usize, directory: &Directory) -> Vec<v1::RankRow> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        self.units.iter().take(limit).map(|unit| self.row_of(unit, directory)).collect()
    }

    fn row(&self, unit: DivisionCode, directory: &Directory) -> Option<v1::RankRow> {
        self.units.iter().find(|known| known.code == unit).map(|unit| self.row_of(unit, directory))
    }

    fn row_of(&self, unit: &Unit, directory: &Directory) -> v1::RankRow {
        v1::RankRow {
            place: unit.place as u64,
            tied: unit.tied as u64,
            unit: unit.code.to_string(),
            unit_name: directory.name(unit.code),
            figure: Some(unit.now.figure(self.is_ratio)),
            former_place: self.former.get(&unit.code).copied().unwrap_or(0) as u64,
            former: Some(unit.former.figure(self.is_ratio)),
            quartile: unit.quartile,
            unplaced: unit.unplaced.to_owned(),
        }
    }

    /// The values at the end of the best quarter, the half and the three quarters.
    fn quartiles(&self) -> Vec<v1::Figure> {
        let at = |quarter: usize| (self.placed * quarter).div_ceil(4).checked_sub(1);
        let values = (1..4).filter_map(|quarter| self.units.get(at(quarter)?));
        values.filter(|unit| unit.place > 0).map(|unit| unit.now.figure(self.is_ratio)).collect()
    }
}

impl Unit {
    fn of(row: &Row, is_ratio: bool, minimum: i64) -> Self {
        let now = row.values.first().copied().unwrap_or_default();
        let former = row.values.get(1).copied().unwrap_or_default();
        let counts = row.reporting.as_ref().and_then(|periods| periods.first()).copied();
        let unplaced = match counts {
            Some(v1::Reporting { expected: 0, reported: 0 }) if now == Value::default() => NOT_EXPECTED,
            Some(v1::Reporting { reported: 0, .. }) if now == Value::default() => NOT_REPORTED,
            _ if !enough(now, is_ratio, minimum) => BELOW_DENOMINATOR,
            _ => "",
        };
        Self { code: row.unit, now, former, unplaced, place: 0, tied: 0, quartile: 0 }
    }
}

/// Whether there is a value, made of enough to be compared.
fn enough(value: Value, is_ratio: bool, minimum: i64) -> bool {
    if is_ratio { value.denominator != 0 && value.denominator >= minimum } else { value.numerator >= minimum }
}

/// Equal values share a place and its quartile; the places after them are skipped.
fn give_places(units: &mut [Unit], placed: usize, is_ratio: bool) {
    let Some(placed_units) = units.get_mut(..placed) else { return };
    let mut from = 0;
    for tied in placed_units.chunk_by_mut(|a, b| a.now.compare(b.now, is_ratio, false).is_eq()) {
        let count = tied.len();
        for unit in tied {
            (unit.place, unit.tied) = (from + 1, count);
            unit.quartile = u32::try_from(from * 4 / placed + 1).unwrap_or(4);
        }
        from += count;
    }
}

/// The places in the former time, by the same rules.
fn former_places(rows: &[Row], is_ratio: bool, minimum: i64, ascending: bool) -> HashMap<DivisionCode, usize> {
    let value = |row: &Row| row.values.get(1).copied().unwrap_or_default();
    let has_place = |value: &Value| enough(*value, is_ratio, minimum) && *value != Value::default();
    let mut values: Vec<(Value, DivisionCode)> =
        rows.iter().map(|row| (value(row), row.unit)).filter(|(value, _)| has_place(value)).collect();
    values.sort_by(|(a, _), (b, _)| a.compare(*b, is_ratio, !ascending));
    let mut places = HashMap::new();
    let mut from = 0;
    for tied in values.chunk_by(|(a, _), (b, _)| a.compare(*b, is_ratio, false).is_eq()) {
        places.extend(tied.iter().map(|(_, unit)| (*unit, from + 1)));
        from += tied.len();
    }
    places
}
