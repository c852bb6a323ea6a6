//! Answers that are wrong on purpose: each must be told from the right ones.

use super::compare::Answered;
use wuji_proto::v1;
use wuji_proto::v1::figure::Kind;
use wuji_proto::v1::{Figure, Ratio};

/// Mistakes in what is counted: the records, facts and units of a rule misunderstood.
pub const COUNTED: [(&str, &str); 14] = [
    (
        "what an amended record had said counts on",
        "UPDATE record SET gone = 9e15 WHERE EXISTS
         (SELECT 1 FROM record n WHERE n.id = record.id AND n.op = record.gone AND NOT n.voided)",
    ),
    (
        "a voided record counts on",
        "UPDATE record SET gone = 9e15 WHERE EXISTS
         (SELECT 1 FROM record n WHERE n.id = record.id AND n.op = record.gone AND n.voided)",
    ),
    ("a stock ends a day late", "UPDATE fact SET until = date(until, '+1 day') WHERE until IS NOT NULL"),
    ("a stock never ends", "UPDATE fact SET until = NULL WHERE until IS NOT NULL"),
    ("a stock begins a day late", "UPDATE fact SET first = date(first, '+1 day') WHERE measure = 'workroom.built'"),
    (
        "a case is overdue after 30 days, not after more",
        "UPDATE fact SET first = date(first, '-1 day') WHERE measure = 'mediation.open_over_30_days'",
    ),
    (
        "a deadline is a day later",
        "UPDATE fact SET first = date(first, '+1 day') WHERE measure = 'workroom.due' AND first LIKE '%-12-31'",
    ),
    ("what is in 分 is told in 元", "UPDATE fact SET amount = amount / 100 WHERE measure = 'mediation.amount'"),
    (
        "a field that was not filled in has the last word of its list",
        "UPDATE record SET value = json_set(value, '$.result', '继续') WHERE value ->> '$.result' IS NULL;
         UPDATE record SET value = json_set(value, '$.risk', '绿') WHERE value ->> '$.risk' IS NULL;
         UPDATE record SET value = json_set(value, '$.grade', '疑难') WHERE value ->> '$.grade' IS NULL;
         UPDATE record SET value = json_set(value, '$.decision', '不予') WHERE value ->> '$.decision' IS NULL;
         UPDATE record SET value = json_set(value, '$.performance', '其他') WHERE value ->> '$.performance' IS NULL",
    ),
    (
        "three of staff make a workroom standardised, whatever its rooms",
        "UPDATE record SET value = json_set(value, '$.mediation_room_on', '2010-01-01', '$.service_room_on', '2010-01-01',
            '$.office_room_on', '2010-01-01', '$.square_on', '2010-01-01', '$.window_on', '2010-01-01',
            '$.hall_on', '2010-01-01', '$.signage_on', '2010-01-01', '$.duties_on', '2010-01-01', '$.rules_on', '2010-01-01',
            '$.process_on', '2010-01-01', '$.support_on', '2010-01-01', '$.ledgers_on', '2010-01-01') WHERE ledger = 'workroom'",
    ),
    (
        "what townships write themselves is left out",
        "DELETE FROM record WHERE unit IN (SELECT code FROM unit WHERE tier = 'township')",
    ),
    (
        "a workroom counts for its township's parent, not for its township",
        "UPDATE unit SET parent = (SELECT p.parent FROM unit p WHERE p.code = unit.parent)
         WHERE code = (SELECT unit FROM record JOIN unit ON code = unit WHERE tier = 'workroom' ORDER BY unit LIMIT 1)",
    ),
    ("units are expected a month late", "UPDATE unit SET expected = date(expected, '+1 month')"),
    ("an entry counts a day late", "UPDATE record SET day = date(day, '+1 day') WHERE version % 7 = 0"),
];

/// Mistakes about time: of the periods of a question and of those that it compares with.
pub const PERIODS: [(&str, &str); 6] = [
    (
        "weeks begin on Sunday",
        "UPDATE period SET first = date(first, '-1 day'), last = date(last, '-1 day') WHERE label LIKE '%W%'",
    ),
    ("the last day is left out", "UPDATE period SET last = date(last, '-1 day') WHERE last <> first"),
    (
        "29 February is compared with 1 March of the year before",
        "UPDATE period SET first = '2015-03-01', last = '2015-03-01' WHERE shift = 'year-ago' AND last = '2015-02-28'
         AND first = last AND (SELECT p.first FROM period p WHERE p.shift = '' AND p.n = period.n) = '2016-02-29'",
    ),
    (
        "the year before is 365 days before",
        "UPDATE period SET first = (SELECT date(p.first, '-365 days') FROM period p WHERE p.shift = '' AND p.n = period.n),
         last = (SELECT date(p.last, '-365 days') FROM period p WHERE p.shift = '' AND p.n = period.n)
         WHERE shift = 'year-ago'",
    ),
    (
        "the month before has 30 days",
        "UPDATE period SET first = date(last, '-29 days') WHERE shift = 'previous' AND label LIKE '____-__'",
    ),
    ("quarters have four months", "UPDATE period SET last = date(last, '+1 month') WHERE label LIKE '%Q%'"),
];

type Spoil = fn(&mut Answered) -> bool;

/// Mistakes of an answer; each says whether there was anything to spoil.
pub const ANSWERS: [(&str, Spoil); 20] = [
    ("a figure is one more", |answer| {
        let Some(row) = answer.rows.last_mut() else { return false };
        row.figures[0] = row.figures[0].plus(&one_more(&row.figures[0]));
        true
    }),
    ("a row is missing", |answer| {
        let full = answer.rows.iter().position(|row| row.figures.iter().any(|figure| !figure.is_zero()));
        full.map(|at| answer.rows.remove(at)).is_some()
    }),
    ("a row is there twice", |answer| {
        let Some(row) = answer.rows.first().cloned() else { return false };
        answer.rows.insert(0, row);
        true
    }),
    ("rows are in another order", |answer| {
        let key = |at: usize| answer.rows.get(at).map(|row| (row.unit.clone(), row.words.clone()));
        let last = answer.rows.len().saturating_sub(1);
        let other = key(0) != key(last);
        answer.rows.reverse();
        other
    }),
    ("a row is another unit's", |answer| {
        let others = answer.rows.iter().position(|row| row.unit != answer.rows[0].unit);
        let Some(at) = others.filter(|at| answer.rows[*at].figures != answer.rows[0].figures) else { return false };
        let figures = std::mem::take(&mut answer.rows[at].figures);
        answer.rows[at].figures = std::mem::replace(&mut answer.rows[0].figures, figures);
        true
    }),
    ("the total is one more", |answer| {
        answer.end.totals[0] = answer.end.totals[0].plus(&one_more(&answer.end.totals[0]));
        true
    }),
    ("one is in transit at rest", |answer| {
        answer.end.in_transit[0] = answer.end.in_transit[0].plus(&one_more(&answer.end.in_transit[0]));
        true
    }),
    ("a comparison is one more", |answer| {
        let comparison = answer.rows.iter_mut().filter_map(|row| row.comparisons.last_mut()).last();
        let figure = comparison.and_then(|comparison| comparison.figures.last_mut());
        figure.map(|figure| *figure = figure.plus(&one_more(figure))).is_some()
    }),
    ("what is left out has no sum", |answer| {
        let had = answer.end.rest.iter().any(|figure| !figure.is_zero());
        answer.end.rest.clear();
        had
    }),
    ("what is left out is not counted", |answer| std::mem::take(&mut answer.end.left_out) > 0),
    ("nobody is missing", |answer| !std::mem::take(&mut coverage(answer).missing).is_empty()),
    ("a unit that was not expected was", |answer| {
        let reporting = answer.rows.iter_mut().find_map(|row| row.reporting.as_mut());
        reporting.map(|reporting| reporting.expected += 1).is_some()
    }),
    ("one that is absent is not named", |answer| coverage(answer).absent.pop().is_some()),
    ("one that is absent is another", |answer| {
        let last = coverage(answer).absent.last_mut();
        last.map(|unit| unit.code.push('0')).is_some()
    }),
    ("only those are absent that are named", |answer| {
        let coverage = coverage(answer);
        let named = coverage.absent.len() as u64;
        std::mem::replace(&mut coverage.absent_count, named) != named
    }),
    ("it is as of a second later", |answer| {
        coverage(answer).as_of_ms += 1_000;
        true
    }),
    ("a unit has another catalogue", |answer| {
        let shares = &mut coverage(answer).catalogues;
        let several = shares.len() > 1;
        if let [first, second, ..] = shares.as_mut_slice() {
            (first.units, second.units) = (first.units + 1, second.units - 1);
        }
        several
    }),
    ("an adjustment is forgotten", |answer| answer.end.adjustments.pop().is_some()),
    ("a report had said what is now", |answer| {
        let last = answer.end.adjustments.last_mut();
        last.map(|adjustment| adjustment.issued = adjustment.now).is_some()
    }),
    ("a ratio is reduced", |answer| {
        let figures = answer.rows.iter_mut().flat_map(|row| &mut row.figures);
        figures.filter_map(|figure| figure.kind.as_mut()).any(|kind| match kind {
            Kind::Ratio(Ratio { numerator, denominator })
                if *numerator > 0 && *denominator % *numerator == 0 && *numerator > 1 =>
            {
                (*numerator, *denominator) = (1, *denominator / *numerator);
                true
            }
            _ => false,
        })
    }),
];

fn coverage(answer: &mut Answered) -> &mut v1::Coverage {
    answer.end.coverage.as_mut().unwrap()
}

/// Mistakes of an answer that others have given, or parts of it.
pub const RELAYED: [(&str, Spoil); 6] = [
    ("a unit that could not be asked is not named", |answer| coverage(answer).unreached.pop().is_some()),
    ("another unit could not be asked", |answer| {
        let unreached = &mut coverage(answer).unreached;
        unreached.last_mut().map(|unit| unit.code.push('0')).is_some()
    }),
    ("nothing is missing where somebody could not be asked", |answer| {
        let missing = answer.end.in_transit.iter().any(|figure| !figure.is_zero());
        answer.end.in_transit = answer.end.in_transit.iter().map(|figure| figure.minus(figure)).collect();
        missing
    }),
    ("a row does not say who has reported", |answer| {
        let row = answer.rows.iter_mut().find(|row| row.reporting.is_some());
        row.map(|row| row.reporting = None).is_some()
    }),
    ("a row has been added twice", |answer| {
        let row = answer.rows.iter_mut().find(|row| row.figures.iter().any(|figure| !figure.is_zero()));
        row.map(|row| row.figures = row.figures.iter().map(|figure| figure.plus(figure)).collect()).is_some()
    }),
    ("others have answered where nobody was asked, or the other way round", |answer| {
        answer.relayed = !answer.relayed;
        true
    }),
];

type SpoilPlaces = fn(&mut v1::RankReply) -> bool;

/// Mistakes of a table of places.
pub const PLACES: [(&str, SpoilPlaces); 4] = [
    ("the last row is left out", |places| places.rows.pop().is_some()),
    ("equal places are in another order", |places| {
        let pair = places.rows.windows(2).position(|pair| pair[0].place == pair[1].place);
        pair.map(|at| places.rows.swap(at, at + 1)).is_some()
    }),
    ("a unit's own row is told only if it is among the first", |places| {
        let own = places.own.as_ref().map(|row| row.unit.clone());
        let among = own.is_none_or(|own| places.rows.iter().any(|row| row.unit == own));
        if !among {
            places.own = None;
        }
        !among
    }),
    ("a unit's own row is the first", |places| {
        let (first, own) = (places.rows.first().cloned(), places.own.as_mut());
        let other = own.zip(first).filter(|(own, first)| own.unit != first.unit);
        other.map(|(own, first)| *own = first).is_some()
    }),
];

fn one_more(figure: &Figure) -> Figure {
    match figure.denominator() {
        Some(_) => Figure::ratio(1, 0),
        None => Figure::amount(1),
    }
}
