//! Random questions.

use wuji_proto::v1;

use super::random::Random;
use super::standard::Standard;
use super::times::{Shift, Span, Time};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub scope: String,
    pub columns: Vec<String>,
    pub time: Time,
    /// Empty, "unit" or a tier.
    pub units: &'static str,
    pub fields: Vec<String>,
    pub filters: Vec<(String, Vec<String>)>,
    pub compare: Vec<Shift>,
    pub order_by: String,
    pub descending: bool,
    pub limit: u32,
    /// How many units the coverage names of each kind; 0: 100.
    pub named: u32,
}

impl Question {
    /// Without columns yet, and about the scope as a whole.
    pub fn plain(scope: &str, time: Time) -> Self {
        Self {
            scope: scope.to_owned(),
            columns: Vec::new(),
            time,
            units: "",
            fields: Vec::new(),
            filters: Vec::new(),
            compare: Vec::new(),
            order_by: String::new(),
            descending: false,
            limit: 0,
            named: 0,
        }
    }

    pub fn request(&self) -> v1::QueryRequest {
        let units = Some(self.units.to_owned()).filter(|units| !units.is_empty());
        let filter = |(field, words): &(String, Vec<String>)| v1::Filter { field: field.clone(), words: words.clone() };
        v1::QueryRequest {
            scope: self.scope.clone(),
            measures: self.columns.clone(),
            from: self.time.from.text(),
            to: self.time.to.text(),
            grain: self.time.grain.to_owned(),
            by: units.into_iter().chain(self.fields.iter().cloned()).collect(),
            compare: self.compare.iter().map(|shift| shift.name().to_owned()).collect(),
            r#where: self.filters.iter().map(filter).collect(),
            order_by: self.order_by.clone(),
            descending: self.descending,
            limit: self.limit,
            units_named: self.named,
            ..v1::QueryRequest::default()
        }
    }
}

/// A question about one of the scopes.
pub fn question(random: &mut Random, standard: &Standard, scope: &str, tiers: &[&'static str]) -> Question {
    let (time, tier) = (Time::random(random), *random.pick(tiers));
    let mut question = Question { units: ["", "unit", "unit", tier][random.below(4)], ..Question::plain(scope, time) };
    columns(random, standard, &mut question);
    filters(random, standard, &mut question);
    for shift in [Shift::Previous, Shift::YearAgo] {
        let place = random.below(question.compare.len() + 1);
        if random.percent(25) {
            question.compare.insert(place, shift);
        }
    }
    if random.percent(35) {
        question.order_by = random.pick(&question.columns).clone();
        question.descending = random.percent(60);
    }
    if random.percent(25) {
        question.limit = u32::try_from(1 + random.below(4)).unwrap();
    }
    if random.percent(30) {
        question.named = u32::try_from(random.between(1, 5)).unwrap();
    }
    question
}

/// Words of a field by which all columns are divided beside those asked for.
fn filters(random: &mut Random, standard: &Standard, question: &mut Question) {
    let column: &String = random.pick(&question.columns);
    let (numerator, _) = standard.terms(column);
    let splits = &standard.measures[&numerator[0].measure].splits;
    if splits.is_empty() || random.percent(50) {
        return;
    }
    let split: &Vec<String> = random.pick(splits);
    let field = random.pick(split).clone();
    let fields: Vec<String> = question.fields.iter().chain([&field]).cloned().collect();
    if random.percent(95) && !question.columns.iter().all(|column| divisible(standard, column, &fields)) {
        return;
    }
    let all = standard.words(&field);
    let mut words: Vec<String> = Vec::new();
    for _ in 0..=random.below(3) {
        let word = if random.percent(20) { String::new() } else { (*random.pick(&all)).clone() };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    question.filters.push((field, words));
}

/// Columns, and fields that divide all of them.
fn columns(random: &mut Random, standard: &Standard, question: &mut Question) {
    let all = standard.measures.keys().chain(standard.indicators.keys());
    let all: Vec<&String> = all.collect();
    let first = (*random.pick(&all)).clone();
    let of_split = |random: &mut Random, column: &str| {
        let (numerator, _) = standard.terms(column);
        let splits = &standard.measures[&numerator[0].measure].splits;
        if splits.is_empty() { Vec::new() } else { random.pick(splits).clone() }
    };
    if random.percent(45) {
        question.fields = of_split(random, &first);
        let fewer = random.below(question.fields.len() + 1);
        question.fields.rotate_left(fewer);
        question.fields.truncate(random.below(3).max(1));
    }
    question.columns.push(first);
    for _ in 0..random.below(4) {
        let other = (*random.pick(&all)).clone();
        if !question.columns.contains(&other) {
            question.columns.push(other);
        }
    }
    // Most questions are such as can be answered.
    if random.percent(95) {
        let fields = question.fields.clone();
        question.columns.retain(|column| divisible(standard, column, &fields));
        if question.columns.is_empty() {
            question.columns.push("entries".to_owned());
            question.fields.clear();
        }
    }
}

/// Whether every term of a column is divided by the fields.
pub fn divisible(standard: &Standard, column: &str, fields: &[String]) -> bool {
    let (numerator, denominator) = standard.terms(column);
    numerator.iter().chain(denominator.iter().flatten()).all(|term| {
        let wanted: Vec<&str> =
            fields.iter().chain(term.only.iter().map(|(field, _)| field)).map(String::as_str).collect();
        standard.divides(&term.measure, &wanted)
    })
}

/// Questions that a mistake could hide from if chance did not ask them.
pub fn pinned(scope: &str) -> Vec<Question> {
    let plain = |column: &str, span: Span, grain: &'static str| Question {
        columns: vec![column.to_owned()],
        units: "unit",
        compare: vec![Shift::YearAgo, Shift::Previous],
        ..Question::plain(scope, Time { from: span, to: span, grain })
    };
    let leap_day = Span::day(2016, 2, 29);
    let mut questions = vec![plain("entries", leap_day, "day"), plain("entries", leap_day, "")];
    for column in ["workroom.standardised", "staff.at_least_3", "workroom.built", "workroom.due", "mediation.accepted"]
    {
        questions.extend((2014..2019).map(|number| plain(column, Span::year(number), "month")));
        questions.push(plain(column, Span::year(2016), "day"));
    }
    questions
}
