//! Who was expected, and who has reported.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;
use wuji_proto::v1;

use super::compare::same;
use super::database::Oracle;
use super::standings::Stood;

/// Units that a coverage names of each kind, where nobody says how many.
const NAMED: usize = 100;

/// Workrooms expected at the end of a time, those that reported in it, and the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub expected: u64,
    pub reported: u64,
    pub not_expected: u64,
}

/// The coverage of a question's whole time.
#[derive(Debug, PartialEq, Eq)]
pub struct Coverage {
    pub counts: Counts,
    /// Expected and not reported.
    pub missing: BTreeSet<String>,
    /// Somebody's days are not known, and days would be needed.
    pub by_month: bool,
    /// Who is connected, and as of when all is; not while replication is running.
    pub stood: Option<Stood>,
}

/// Workrooms of the lines in each period. What is further down than the children is known by
/// month: it has reported if it has in a month that the period touches.
const WORKROOMS: &str = "
    WITH room AS (SELECT line, unit.code, op, expected, unit.code = coalesce(teller.code, ?1) AS itself,
            unit.code = coalesce(teller.code, ?1) OR ?2 AND parent = coalesce(teller.code, ?1) AS by_day
        FROM line JOIN unit ON unit.code = line.unit LEFT JOIN teller USING (line) WHERE tier = 'workroom'),
     time AS (SELECT *, date(first, 'start of month') AS m, date(last, 'start of month', '+1 month', '-1 day') AS n_m
        FROM period),
     -- By the unit itself, or as the node above it has stated.
     told AS (SELECT unit, day FROM reported UNION SELECT unit, day FROM received)
    SELECT line, p.n, code, itself OR iif(by_day, expected, date(expected, 'start of month')) <= last,
        EXISTS (SELECT 1 FROM told WHERE told.unit = code
            AND day BETWEEN iif(by_day, first, m) AND iif(by_day, last, n_m)), by_day
    FROM room JOIN time p WHERE shift = ?3";

type Room = (String, usize, String, bool, bool, bool);

fn rooms(oracle: &Oracle, own: &str, needs_days: bool, shift: &str) -> Vec<Room> {
    let mut statement = oracle.sql.prepare(WORKROOMS).unwrap();
    let rows = statement.query_map(params![own, needs_days, shift], |row| {
        let n = usize::try_from(row.get::<_, i64>(1)?).unwrap();
        Ok((row.get(0)?, n, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The counts of every whole unit among the lines, by period, or by what it is compared with.
pub fn counts(oracle: &Oracle, own: &str, needs_days: bool, shift: &str) -> BTreeMap<(String, usize), Counts> {
    let mut counts = BTreeMap::<_, Counts>::new();
    for (line, n, _, expected, reported, _) in rooms(oracle, own, needs_days, shift) {
        counts.entry((line, n)).or_default().add(expected, reported);
    }
    counts
}

impl Counts {
    fn add(&mut self, expected: bool, reported: bool) {
        self.expected += u64::from(expected);
        self.reported += u64::from(reported);
        self.not_expected += u64::from(!expected);
    }
}

impl Coverage {
    pub fn of(oracle: &Oracle, own: &str, scope: &str, needs_days: bool) -> Self {
        oracle.lines(&[(scope.to_owned(), true)]);
        let (counts, stood) = (Counts::default(), Stood::of(oracle, own, scope));
        let mut coverage = Self { counts, missing: BTreeSet::new(), by_month: false, stood };
        for (_, _, code, expected, reported, by_day) in rooms(oracle, own, needs_days, "whole") {
            coverage.counts.add(expected, reported);
            coverage.by_month |= needs_days && !by_day;
            if expected && !reported {
                coverage.missing.insert(code);
            }
        }
        coverage
    }

    /// Whether an answer tells this, and names so many units of each kind (0: not said).
    pub fn compare(&self, told: &v1::Coverage, most: u32) -> Result<(), String> {
        let most = if most == 0 { NAMED } else { usize::try_from(most).unwrap() };
        let counts = Counts { expected: told.expected, reported: told.reported, not_expected: told.not_expected };
        same("workrooms", &counts, &self.counts)?;
        same("known by month", &told.by_month, &self.by_month)?;
        let code = |unit: &v1::AbsentUnit| unit.code.clone();
        names("missing", most, told.missing.iter().map(code), &self.missing)?;
        same("how many are missing", &told.missing_count, &(self.missing.len() as u64))?;
        let Some(stood) = &self.stood else { return Ok(()) };
        let away = |unit: &v1::AbsentUnit| (unit.code.clone(), unit.state.clone(), unit.since_ms);
        names("absent", most, told.absent.iter().map(away), &stood.absent)?;
        same("how many are absent", &told.absent_count, &(stood.absent.len() as u64))?;
        names("unsettled", most, told.unsettled.iter().map(away), &stood.unsettled)?;
        same("as of", &told.as_of_ms, &stood.as_of)?;
        let shares = told.catalogues.iter().map(|share| (share.version.clone(), u32::try_from(share.units).unwrap()));
        same("units by catalogue", &shares.collect::<BTreeMap<_, _>>(), &stood.catalogues)
    }
}

/// All are named, or as many as were wanted of them, each once.
pub fn names<T: Ord + std::fmt::Debug>(
    what: &str,
    most: usize,
    told: impl Iterator<Item = T>,
    wanted: &BTreeSet<T>,
) -> Result<(), String> {
    let told: Vec<T> = told.collect();
    same(&format!("how many {what} are named"), &told.len(), &wanted.len().min(most))?;
    let once: BTreeSet<&T> = told.iter().collect();
    if once.len() == told.len() && told.iter().all(|unit| wanted.contains(unit)) {
        return Ok(());
    }
    Err(format!("{what}: named {told:?}, wanted {most} of {wanted:?}"))
}
