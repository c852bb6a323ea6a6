//! How the units below a node stand, as its links might tell; and what an answer has to make
//! of that.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use rusqlite::params;
use wuji_node::feed::heard::Standing;
use wuji_node::statistics::standing::{Absence, Standings};
use wuji_proto::DivisionCode;

use super::database::Oracle;
use super::random::Random;

/// What the links of one node tell.
#[derive(Default)]
pub struct Links(Mutex<Told>);

/// Of its children, and of units below these.
#[derive(Default)]
struct Told {
    /// State and since when, of children that are not connected.
    away: BTreeMap<DivisionCode, (&'static str, i64)>,
    heard: BTreeMap<DivisionCode, (u32, Standing)>,
    version: u64,
}

impl Links {
    /// Tells anything that may be. `now`, in seconds, is another one each time.
    pub fn tell(&self, random: &mut Random, children: &[String], deeper: &[String], now: i64) {
        let mut links = Told { version: now.unsigned_abs(), ..Told::default() };
        let code = |code: &String| code.parse().unwrap();
        for child in children {
            if random.percent(15) {
                let away = (*random.pick(&["absent", "held"]), 1_000 * random.between(1, now));
                links.away.insert(code(child), away);
            }
        }
        for unit in deeper {
            if random.percent(80) {
                let state = *random.pick(&[Standing::Connected, Standing::Connected, Standing::Absent, Standing::Held]);
                let at = u32::try_from(now - random.between(0, 100_000)).unwrap();
                links.heard.insert(code(unit), (at, state));
            }
        }
        *self.0.lock() = links;
    }

    /// How a child stands that has connected and is not connected now.
    pub fn away(&self, child: &str) -> Option<&'static str> {
        self.0.lock().away.get(&child.parse().unwrap()).map(|(state, _)| *state)
    }

    /// Tells the oracle: when each child was complete, and how all stand.
    pub fn note(&self, oracle: &Oracle, complete: &BTreeMap<String, i64>, now_ms: i64) {
        let Told { away, heard, .. } = &*self.0.lock();
        oracle.run("INSERT INTO clock VALUES (?)", params![now_ms]);
        for (child, at_ms) in complete {
            let (state, since) = away.get(&child.parse().unwrap()).copied().unwrap_or(("connected", 0));
            oracle.run("INSERT INTO link VALUES (?, ?, ?, ?)", params![child, at_ms, state, since]);
        }
        for (unit, (at, state)) in heard {
            oracle.run("INSERT INTO heard VALUES (?, ?, ?)", params![unit.to_string(), at, state.name()]);
        }
    }
}

impl Standings for Links {
    fn absence(&self, child: DivisionCode) -> Option<Absence> {
        let (state, since_ms) = *self.0.lock().away.get(&child)?;
        Some(Absence { state, since_ms, reason: String::new() })
    }

    fn heard(&self, unit: DivisionCode) -> Option<(u32, Standing)> {
        self.0.lock().heard.get(&unit).copied()
    }

    fn heard_version(&self) -> u64 {
        self.0.lock().version
    }
}

/// Code, state, and since when.
pub type Away = (String, String, i64);

/// How a scope stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Stood {
    /// Those that are not connected.
    pub absent: BTreeSet<Away>,
    /// Of these, those for which somebody must decide.
    pub unsettled: BTreeSet<Away>,
    pub as_of: i64,
    pub catalogues: BTreeMap<String, u32>,
}

/// Units concerned: the children of the one who asks that lie in the scope or above it, from its
/// links; and those of the scope below its children, from what was heard.
const STAND: &str = "
    WITH RECURSIVE under (code) AS (
        SELECT ?2 UNION SELECT known.code FROM under JOIN known ON parent = under.code),
     above (code) AS (SELECT ?2 UNION SELECT parent FROM above JOIN known USING (code)),
     started AS (SELECT unit, version FROM start JOIN seen USING (unit) WHERE op <= at),
     stand AS (
        SELECT code, link.state, since, complete AS at FROM known LEFT JOIN link ON link.unit = code
            WHERE parent = ?1 AND (code IN under OR code IN above)
        UNION ALL SELECT code, coalesce(heard.state, 'unknown'), coalesce(1000 * at, 0), 1000 * at
            FROM known JOIN under USING (code) LEFT JOIN heard ON heard.unit = code WHERE code <> ?1 AND parent <> ?1)";

impl Stood {
    /// As the node `own` has to tell; `None` while replication is running.
    pub fn of(oracle: &Oracle, own: &str, scope: &str) -> Option<Self> {
        oracle.sql.query_row("SELECT now FROM clock", [], |row| row.get::<_, i64>(0)).ok()?;
        let of_all = params![own, scope];
        let absent = format!(
            "{STAND} SELECT code, iif(code IN (SELECT unit FROM started), state, 'planned') AS now,
             iif(code IN (SELECT unit FROM started), since, 0) FROM stand WHERE now <> 'connected'"
        );
        let mut statement = oracle.sql.prepare(&absent).unwrap();
        let away = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let absent: BTreeSet<Away> = statement.query_map(of_all, away).unwrap().map(Result::unwrap).collect();
        let as_of = format!(
            "{STAND} SELECT min(now, coalesce((SELECT min(at) FROM stand JOIN started ON unit = code), now)) FROM clock"
        );
        let shares = format!(
            "{STAND} SELECT coalesce(version, ''), count(*) FROM under LEFT JOIN started ON unit = code GROUP BY 1"
        );
        let mut statement = oracle.sql.prepare(&shares).unwrap();
        let shares = statement.query_map(of_all, |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap);
        Some(Self {
            unsettled: absent.iter().filter(|(_, state, _)| state == "held").cloned().collect(),
            absent,
            as_of: oracle.sql.query_row(&as_of, of_all, |row| row.get(0)).unwrap(),
            catalogues: shares.collect(),
        })
    }
}
