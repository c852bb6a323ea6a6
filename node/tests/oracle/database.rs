//! All raw records in `SQLite`, every revision with the operations between which it was live,
//! and plain SQL that answers questions over them. Nothing here is the product's.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params, params_from_iter};

use super::question::Question;
use super::records::Record;
use super::standard::{Measure, Rule, Standard, Term, json, quoted};
use super::times::Shift;

const TABLES: &str = "
    CREATE TABLE unit (code TEXT PRIMARY KEY, parent TEXT, tier TEXT, expected TEXT, op INTEGER);
    CREATE TABLE record (version INTEGER PRIMARY KEY, id INTEGER, unit TEXT, ledger TEXT,
        op INTEGER, gone INTEGER DEFAULT 9e15, voided INTEGER, day TEXT, value TEXT);
    CREATE INDEX record_id ON record (id);
    CREATE TABLE fact (measure TEXT, version INTEGER, first TEXT, until TEXT, amount INTEGER);
    CREATE INDEX fact_measure ON fact (measure);
    CREATE TABLE zero (unit TEXT, day TEXT, op INTEGER);
    -- Days that the first node above a workroom stated to be received.
    CREATE TABLE stamp (code TEXT, parent TEXT, day TEXT, via TEXT, timeliness TEXT, op INTEGER);
    -- A unit's node has opened, with a catalogue of some version.
    CREATE TABLE start (unit TEXT PRIMARY KEY, version TEXT, op INTEGER);
    -- What reports said.
    CREATE TABLE issued (report TEXT, at INTEGER, node TEXT, scope TEXT, first TEXT, last TEXT, measure TEXT,
        numerator INTEGER, denominator INTEGER);
    -- The question: who asks, what of each unit it has seen, which rows, which periods.
    CREATE TEMP TABLE seen (unit TEXT PRIMARY KEY, since INTEGER, at INTEGER);
    CREATE TEMP TABLE line (line TEXT, unit TEXT, PRIMARY KEY (line, unit)) WITHOUT ROWID;
    -- Lines that others tell of than the one who is asked.
    CREATE TEMP TABLE teller (line TEXT PRIMARY KEY, code TEXT);
    CREATE TEMP TABLE period (n INTEGER, shift TEXT, label TEXT, first TEXT, last TEXT);
    -- How the units below the one who asks stand, and its time; empty while replication is running.
    CREATE TEMP TABLE link (unit TEXT PRIMARY KEY, complete INTEGER, state TEXT, since INTEGER);
    CREATE TEMP TABLE heard (unit TEXT PRIMARY KEY, at INTEGER, state TEXT);
    CREATE TEMP TABLE clock (now INTEGER);
    -- Their months, as far as they lie in them.
    CREATE TEMP VIEW month AS WITH RECURSIVE m AS (SELECT n, shift, first, last FROM period
        UNION ALL SELECT n, shift, date(first, 'start of month', '+1 month'), last FROM m
        WHERE date(first, 'start of month', '+1 month') <= last)
        SELECT n, shift, first, min(last, date(first, 'start of month', '+1 month', '-1 day')) AS last FROM m;
    -- Records and units as the one who asks can know them.
    CREATE TEMP VIEW live AS SELECT r.* FROM record r JOIN seen s USING (unit)
        WHERE NOT r.voided AND r.op <= s.at AND s.at < r.gone;
    CREATE TEMP VIEW reported AS SELECT unit, day FROM live
        UNION SELECT unit, day FROM zero JOIN seen USING (unit) WHERE op <= at;
    CREATE TEMP VIEW received AS SELECT code AS unit, day, via, timeliness, op FROM stamp JOIN seen ON unit = parent
        WHERE op <= at;
    CREATE TEMP VIEW known AS SELECT u.* FROM unit u LEFT JOIN seen s ON s.unit = u.parent
        WHERE u.parent IS NULL OR u.op <= s.at;
";

/// Rows of amounts: shift, period, line and words.
pub type Sums = BTreeMap<(String, usize, String, Vec<String>), i64>;

pub struct Oracle {
    pub sql: Connection,
    pub standard: Standard,
    /// A mistake about time that is made on purpose, in SQL.
    pub mistake: Cell<&'static str>,
}

/// What of a unit the one who asks has seen: everything up to an operation, and of the later
/// ones up to `at` some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub since: u32,
    pub at: u32,
}

impl Oracle {
    pub fn new() -> Self {
        let sql = Connection::open_in_memory().unwrap();
        sql.execute_batch(TABLES).unwrap();
        Self { sql, standard: Standard::read(), mistake: Cell::default() }
    }

    /// A unit is planned by its parent.
    pub fn plan(&self, code: &str, parent: Option<&str>, tier: &str, expected: &str, op: u32) {
        self.run("INSERT INTO unit VALUES (?, ?, ?, ?, ?)", params![code, parent, tier, expected, op]);
    }

    /// A unit's node opens with a catalogue.
    pub fn start(&self, code: &str, version: &str, op: u32) {
        self.run("INSERT INTO start VALUES (?, ?, ?)", params![code, version, op]);
    }

    /// A record has other values from an operation on, or none.
    pub fn write(&self, id: u32, unit: &str, ledger: &str, op: u32, value: Option<&Record>) {
        self.run("UPDATE record SET gone = ?2 WHERE id = ?1 AND gone > ?2", params![id, op]);
        let event = self.standard.ledgers[ledger]["event_date"].as_str().unwrap();
        let day = value.map(|value| value[event].as_str().unwrap().to_owned());
        let json = value.map(|value| serde_json::to_string(value).unwrap());
        let row = params![id, unit, ledger, op, value.is_none(), day, json];
        self.run("INSERT INTO record (id, unit, ledger, op, voided, day, value) VALUES (?, ?, ?, ?, ?, ?, ?)", row);
    }

    /// A unit says of these days that there was nothing; what it knows better stays.
    pub fn zero_report(&self, unit: &str, from: &str, to: &str, op: u32) {
        let days = "WITH RECURSIVE days (day) AS (SELECT ?2 UNION SELECT date(day, '+1 day') FROM days WHERE day < ?3)
            INSERT INTO zero SELECT ?1, day, ?4 FROM days WHERE
            NOT EXISTS (SELECT 1 FROM record r WHERE r.unit = ?1 AND r.day = days.day AND gone > ?4)
            AND NOT EXISTS (SELECT 1 FROM zero z WHERE z.unit = ?1 AND z.day = days.day)";
        self.run(days, params![unit, from, to, op]);
    }

    /// A parent states that a day of a child is received.
    pub fn stamp(&self, code: &str, parent: &str, day: &str, by_report: bool, on_time: bool, op: u32) {
        let words = (if by_report { "报送" } else { "在线" }, if on_time { "按时" } else { "迟报" });
        self.run("INSERT INTO stamp VALUES (?, ?, ?, ?, ?, ?)", params![code, parent, day, words.0, words.1, op]);
    }

    /// Days of workrooms that were reported, and that the first node above has not stated, or
    /// has stated though they were not. Of days before a unit was expected nobody speaks.
    pub fn unstated(&self) -> Vec<String> {
        let parts = "WITH said AS (SELECT unit, day, gone > 9e14 AS now FROM record WHERE NOT voided
                UNION ALL SELECT unit, day, true FROM zero)
            SELECT 'never stated: ' || unit || ' ' || day FROM said JOIN unit ON code = unit
                WHERE tier = 'workroom' AND parent <> ?1 AND now AND day >= expected
                AND NOT EXISTS (SELECT 1 FROM stamp WHERE stamp.code = unit AND stamp.day = said.day)
            UNION SELECT 'stated for nothing: ' || code || ' ' || day FROM stamp
                WHERE via = '报送' AND day NOT IN (SELECT day FROM said WHERE unit = code)
            UNION SELECT 'stated twice: ' || code || ' ' || day FROM stamp GROUP BY code, day HAVING count(*) > 1";
        self.codes(parts, "")
    }

    /// Takes the facts from the records; once after any number of writes.
    pub fn refresh(&self) {
        self.run("DELETE FROM fact", params![]);
        for measure in self.standard.measures.values() {
            if let Rule::Records(facts) = &measure.rule {
                self.run(facts, params![0]);
            }
        }
    }

    /// From now on, questions are asked by somebody who has seen this much.
    pub fn look(&self, seen: &BTreeMap<String, Seen>) {
        self.sql.execute_batch("DELETE FROM seen; DELETE FROM link; DELETE FROM heard; DELETE FROM clock").unwrap();
        for (unit, Seen { since, at }) in seen {
            self.run("INSERT INTO seen VALUES (?, ?, ?)", params![unit, since, at]);
        }
    }

    /// The codes of units that a query selects.
    pub fn codes(&self, query: &str, scope: &str) -> Vec<String> {
        let mut statement = self.sql.prepare(query).unwrap();
        statement.query_map(params![scope], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The units that a unit has planned.
    pub fn children(&self, unit: &str) -> Vec<String> {
        self.codes("SELECT code FROM known WHERE parent = ?1 ORDER BY code", unit)
    }

    /// All units of a scope, itself included.
    pub fn below(&self, scope: &str) -> Vec<String> {
        let under = "WITH RECURSIVE under (code) AS (
            SELECT ?1 UNION SELECT known.code FROM under JOIN known ON parent = under.code) SELECT code FROM under";
        self.codes(under, scope)
    }

    /// The same, whether or not the one who asks knows them.
    pub fn all_below(&self, scope: &str) -> BTreeSet<String> {
        let under = "WITH RECURSIVE under (code) AS (
            SELECT ?1 UNION SELECT unit.code FROM under JOIN unit ON parent = under.code) SELECT code FROM under";
        self.codes(under, scope).into_iter().collect()
    }

    /// The lines that rows are of: each with the units that it sums up.
    pub fn lines(&self, lines: &[(String, bool)]) {
        self.sql.execute_batch("DELETE FROM line; DELETE FROM teller").unwrap();
        for (unit, with_all_below) in lines {
            let recursive = "WITH RECURSIVE under (code) AS (
                SELECT ?1 UNION SELECT known.code FROM under JOIN known ON ?2 AND parent = under.code)
                INSERT INTO line SELECT iif(?2, ?1, 'of ' || ?1), code FROM under";
            self.run(recursive, params![unit, with_all_below]);
        }
    }

    /// Each line of a whole unit is told by the node above the unit; of the scope by the scope's
    /// own node, unless it is a workroom below the one who is asked.
    pub fn told_above(&self, scope: &str, own: &str) {
        self.run(
            "INSERT INTO teller SELECT code, iif(code = ?1 AND (tier <> 'workroom' OR code = ?2), code, parent)
             FROM known WHERE code IN (SELECT line FROM line)",
            params![scope, own],
        );
    }

    /// Lines of all these units, whether or not the one who asks knows them.
    pub fn lines_of_all(&self, units: &[String], own: &str) {
        self.run("DELETE FROM line", params![]);
        for unit in units {
            let recursive = "WITH RECURSIVE under (code) AS (
                SELECT ?1 UNION SELECT unit.code FROM under JOIN unit ON parent = under.code)
                INSERT INTO line SELECT ?1, code FROM under";
            self.run(recursive, params![unit]);
        }
        self.run("INSERT INTO line VALUES ('of ' || ?1, ?1)", params![own]);
    }

    /// The periods of a question, and those that they may be compared with; how many it has.
    pub fn periods(&self, question: &Question) -> usize {
        self.run("DELETE FROM period", params![]);
        for shift in [Shift::None, Shift::YearAgo, Shift::Previous] {
            self.run(&question.time.periods_sql(shift), params![]);
        }
        self.run(
            "INSERT INTO period SELECT 0, 'whole', '', min(first), max(last) FROM period WHERE shift = ''",
            params![],
        );
        self.sql.execute_batch(self.mistake.get()).unwrap();
        self.sql
            .query_row("SELECT count(*) FROM period WHERE shift = ''", [], |row| row.get::<_, i64>(0))
            .unwrap()
            .try_into()
            .unwrap()
    }

    /// What a term sums up to, by shift, period, line and words of `fields`.
    pub fn sums(&self, term: &Term, fields: &[String], wheres: &[(String, Vec<String>)]) -> Sums {
        let measure = &self.standard.measures[&term.measure];
        let words: Vec<String> = fields.iter().map(|field| word(measure, field)).collect();
        let filters: Vec<String> = term
            .only
            .iter()
            .chain(wheres)
            .map(|(field, words)| format!("AND {} IN ({})", word(measure, field), quoted(words)))
            .collect();
        let columns: String = words.iter().map(|word| format!(", {word}")).collect();
        let groups: String = (5..5 + words.len()).map(|n| format!(", {n}")).collect();
        let query = format!(
            "SELECT p.shift, p.n, l.line, sum(amount) {columns}
             FROM {} JOIN line l USING (unit) WHERE true {} GROUP BY 1, 2, 3 {groups}",
            source(measure, if term.each_month { "month" } else { "period" }),
            filters.join(" ")
        );
        let mut statement = self.sql.prepare(&query).unwrap_or_else(|error| panic!("{error}: {query}"));
        let rows = statement.query_map(params_from_iter([0; 0]), |row| {
            let words = (4..4 + words.len()).map(|at| row.get(at)).collect::<Result<Vec<String>, _>>()?;
            Ok(((row.get(0)?, usize::try_from(row.get::<_, i64>(1)?).unwrap(), row.get(2)?, words), row.get(3)?))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    pub fn run(&self, sql: &str, with: impl rusqlite::Params) {
        self.sql
            .prepare(sql)
            .and_then(|mut statement| statement.execute(with))
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

/// What a measure counts in a period `p`: unit and amount, beside what words are of.
fn source(measure: &Measure, period: &str) -> String {
    let during = if measure.stock {
        "fact.first <= p.last AND (until IS NULL OR until > p.last)"
    } else {
        "fact.first BETWEEN p.first AND p.last"
    };
    match &measure.rule {
        Rule::Records(_) => format!(
            "live JOIN fact ON fact.version = live.version AND measure = '{}' JOIN {period} p ON {during}",
            measure.id
        ),
        Rule::Entries => format!("(SELECT *, 1 AS amount FROM live) JOIN {period} p ON day BETWEEN p.first AND p.last"),
        Rule::Reported => {
            let days = "SELECT unit, day, 1 AS amount FROM reported";
            format!("({days}) JOIN {period} p ON day BETWEEN p.first AND p.last")
        }
        // A node has of itself only what it registered below it.
        Rule::Expected => {
            let units =
                "SELECT code AS unit, tier, expected, 1 AS amount FROM known WHERE parent IN (SELECT unit FROM seen)";
            format!("({units}) JOIN {period} p ON expected <= p.last")
        }
        Rule::Received => {
            format!("(SELECT *, 1 AS amount FROM received) JOIN {period} p ON day BETWEEN p.first AND p.last")
        }
        // A month is received with the first of its days that is.
        Rule::ReceivedMonths => {
            let months = "SELECT unit, day, min(op), 1 AS amount FROM received GROUP BY unit, substr(day, 1, 7)";
            format!("({months}) JOIN {period} p ON day BETWEEN p.first AND p.last")
        }
        Rule::Nothing => "(SELECT unit, 0 AS amount, '' AS revision FROM live WHERE false) JOIN period p".to_owned(),
        Rule::Condition { since, at_least } => {
            let since = since.iter().map(|(ledger, fields)| {
                let dates: Vec<String> = fields.iter().map(|field| json(field)).collect();
                format!(
                    "EXISTS (SELECT 1 FROM live WHERE live.unit = seen.unit AND ledger = '{ledger}' AND max({}) <= p.last)",
                    dates.join(", ")
                )
            });
            let at_least = at_least.iter().map(|(stock, amount)| {
                format!(
                    "(SELECT coalesce(sum(fact.amount), 0) FROM live JOIN fact USING (version) WHERE live.unit = seen.unit
                     AND measure = '{stock}' AND fact.first <= p.last AND (until IS NULL OR until > p.last)) >= {amount}"
                )
            });
            let terms: Vec<String> = since.chain(at_least).collect();
            format!("(SELECT seen.unit, p.*, 1 AS amount FROM seen JOIN {period} p WHERE {}) p", terms.join(" AND "))
        }
    }
}

/// The word by which a measure is divided.
pub fn word(measure: &Measure, field: &str) -> String {
    match measure.rule {
        Rule::Entries | Rule::Expected | Rule::Received | Rule::Nothing => field.to_owned(),
        _ => format!("coalesce({}, '')", json(field)),
    }
}
