//! What an answer includes, in words and as JSON: who has reported, who is missing and who is
//! absent, as of when, and what a barrier came to.

use std::fmt::Write;

use serde_json::{Value, json};
use wuji_proto::v1::{AbsentUnit, CatalogueShare, Confirmation, Coverage, Reporting};

use crate::clock;
use crate::output::json::{text, time};
use crate::output::{harmless, number};
use crate::within;

/// How many units a table names of each kind unless all are wanted; JSON names all that the
/// node told.
const NAMED_MAX: usize = 10;

/// Whether a figure of 0 is a zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// Somebody has reported: a 0 is a zero.
    Reported,
    /// It was expected, and nobody has: a 0 says nothing.
    NotReported,
    /// Nobody was expected to.
    NotExpected,
}

impl Reported {
    /// What a row's numbers mean.
    pub const fn of(reporting: &Reporting) -> Self {
        match reporting {
            Reporting { reported: 1.., .. } => Self::Reported,
            Reporting { expected: 1.., .. } => Self::NotReported,
            Reporting { .. } => Self::NotExpected,
        }
    }

    /// The word in JSON and CSV.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::NotReported => "not-reported",
            Self::NotExpected => "not-expected",
        }
    }

    /// What stands in a table in the place of a 0 that is no zero.
    pub const fn instead_of_zero(self) -> Option<&'static str> {
        match self {
            Self::Reported => None,
            Self::NotReported => Some("未报"),
            Self::NotExpected => Some("不在册"),
        }
    }
}

/// The coverage in words, some lines; `all`: every unit that the node named.
pub fn shown(coverage: &Coverage, all: bool) -> String {
    let (reported, expected) = (number::grouped(coverage.reported.into()), number::grouped(coverage.expected.into()));
    let mut said = format!("coverage: {reported} of {expected} workrooms have reported");
    if coverage.not_expected > 0 {
        let _ = write!(said, "; {} are not expected yet", number::grouped(coverage.not_expected.into()));
    }
    let _ = match coverage.as_of_ms {
        0 => writeln!(said, "; some unit has never been complete"),
        as_of => writeln!(said, "; as of {}", clock::shown(as_of)),
    };
    let named = Naming { all };
    said += &named.line("not reported", &coverage.missing, coverage.missing_count);
    said += &named.line("absent", &coverage.absent, coverage.absent_count);
    said += &named.line("could not be reached", &coverage.unreached, 0);
    let (lost, held): (Vec<_>, Vec<_>) = coverage.unsettled.iter().cloned().partition(|unit| unit.state == "unsettled");
    said += &named.line("held, so not in the figures since", &held, 0);
    said += &named.line("unsettled, and in the figures", &lost, 0);
    for it in &coverage.unsettled_figures {
        let _ = writeln!(said, "of {}, {} is unsettled", harmless(&it.measure), number::grouped(it.amount.into()));
    }
    if let [_, _, ..] = coverage.catalogues.as_slice() {
        let _ = writeln!(said, "catalogues: {}", catalogues(&coverage.catalogues));
    }
    if coverage.by_month {
        said += "note: who has reported is known by whole months only; ask for whole months\n";
    }
    if let Some(confirmation) = &coverage.confirmation {
        said += &confirmed(confirmation, &named);
    }
    said
}

fn catalogues(shares: &[CatalogueShare]) -> String {
    let one = |share: &CatalogueShare| {
        let version = if share.version.is_empty() { "(not known)" } else { &share.version };
        format!("{} at {}", harmless(version), counted(share.units))
    };
    shares.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn counted(units: u64) -> String {
    format!("{} {}", number::grouped(units.into()), if units == 1 { "unit" } else { "units" })
}

fn confirmed(it: &Confirmation, named: &Naming) -> String {
    let took = within::shown(it.took_ms);
    let units = counted(it.confirmed);
    let not = named.line("not confirmed", &it.unconfirmed, it.unconfirmed_count);
    let whole = if not.is_empty() { "confirmed: all" } else { "confirmed:" };
    format!("{whole} {units} in {took}\n{not}")
}

/// How many units are named.
struct Naming {
    all: bool,
}

impl Naming {
    /// A line that names units; nothing where there are none.
    fn line(&self, what: &str, units: &[AbsentUnit], count: u64) -> String {
        let count = count.max(units.len() as u64);
        if count == 0 {
            return String::new();
        }
        let shown = if self.all { units.len() } else { units.len().min(NAMED_MAX) };
        let names = units.iter().take(shown).map(unit).collect::<Vec<_>>().join(", ");
        let more = count.saturating_sub(shown as u64);
        let more = match (more, names.is_empty()) {
            (0, _) => String::new(),
            (_, true) => "--all-units names them".to_owned(),
            (more, false) => format!(" and {} more (--all-units names them)", number::grouped(more.into())),
        };
        format!("{what} ({}): {names}{more}\n", number::grouped(count.into()))
    }
}

fn unit(unit: &AbsentUnit) -> String {
    let since = if unit.since_ms == 0 { String::new() } else { format!(" since {}", clock::shown(unit.since_ms)) };
    let state = if unit.state == "not-reported" { "" } else { unit.state.as_str() };
    let reason = match (unit.reason.as_str(), state.is_empty() && since.is_empty()) {
        ("", _) => String::new(),
        (reason, true) => reason.to_owned(),
        (reason, false) => format!(": {reason}"),
    };
    let told = format!("{state}{since}{reason}");
    let told = if told.is_empty() { told } else { format!(" ({})", told.trim()) };
    harmless(&format!("{} {}{told}", unit.code, unit.name))
}

/// The coverage as JSON (docs/cli-json.md).
pub fn json(coverage: &Coverage) -> Value {
    let shares = coverage.catalogues.iter().map(|it| json!({"version": text(&it.version), "units": it.units}));
    let unsettled = coverage
        .unsettled_figures
        .iter()
        .map(|it| json!({"measure": it.measure, "revision": it.revision, "amount": it.amount}));
    let confirmation = coverage.confirmation.as_ref().map(|it| {
        json!({
            "confirmed": it.confirmed,
            "unconfirmed": units_json(&it.unconfirmed),
            "unconfirmed_count": it.unconfirmed_count.max(it.unconfirmed.len() as u64),
            "took_ms": it.took_ms,
        })
    });
    json!({
        "expected": coverage.expected,
        "reported": coverage.reported,
        "not_expected": coverage.not_expected,
        "missing": units_json(&coverage.missing),
        "missing_count": coverage.missing_count.max(coverage.missing.len() as u64),
        "absent": units_json(&coverage.absent),
        "absent_count": coverage.absent_count.max(coverage.absent.len() as u64),
        "unreached": units_json(&coverage.unreached),
        "unsettled": units_json(&coverage.unsettled),
        "unsettled_figures": unsettled.collect::<Vec<_>>(),
        "catalogues": shares.collect::<Vec<_>>(),
        "by_month": coverage.by_month,
        "as_of": time(coverage.as_of_ms),
        "confirmation": confirmation,
    })
}

fn units_json(units: &[AbsentUnit]) -> Value {
    let one = |unit: &AbsentUnit| {
        json!({
            "code": unit.code,
            "name": unit.name,
            "state": unit.state,
            "since": time(unit.since_ms),
            "reason": text(&unit.reason),
        })
    };
    units.iter().map(one).collect()
}

/// A row's reporting as JSON; null where the answer is not by unit.
pub fn reporting_json(reporting: Option<&Reporting>) -> Value {
    reporting.map_or(
        Value::Null,
        |it| json!({"state": Reported::of(it).name(), "expected": it.expected, "reported": it.reported}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(code: &str, state: &str, since_ms: i64, reason: &str) -> AbsentUnit {
        AbsentUnit {
            code: code.to_owned(),
            name: "招贤镇".to_owned(),
            state: state.to_owned(),
            since_ms,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn units_are_named_with_since_when_and_why() {
        for (given, text) in [
            (unit("1", "absent", 1_471_224_600_000, ""), "1 招贤镇 (absent since 2016-08-15 09:30:00)"),
            (unit("1", "held", 0, "another journal"), "1 招贤镇 (held: another journal)"),
            (unit("1", "not-reported", 0, ""), "1 招贤镇"),
            (unit("1", "", 0, "timed out"), "1 招贤镇 (timed out)"),
            (unit("1", "a\u{1b}[2J", 0, ""), "1 招贤镇 (a\u{fffd}[2J)"),
        ] {
            assert_eq!(super::unit(&given), text);
        }
    }

    #[test]
    fn no_more_than_some_are_named_unless_all_are_wanted() {
        let missing: Vec<_> = (0..12).map(|number| unit(&number.to_string(), "not-reported", 0, "")).collect();
        let coverage = Coverage { missing, missing_count: 1_700, ..Coverage::default() };
        let some = shown(&coverage, false);
        assert!(some.contains("not reported (1,700): 0 招贤镇, 1 "), "{some}");
        assert!(some.contains("9 招贤镇 and 1,690 more (--all-units names them)"), "{some}");
        let all = shown(&coverage, true);
        assert!(all.contains("11 招贤镇 and 1,688 more"), "{all}");
    }

    #[test]
    fn zero_not_reported_and_not_expected_are_three_things() {
        for (expected, reported, state) in [
            (1, 1, Reported::Reported),
            (14, 1, Reported::Reported),
            (0, 1, Reported::Reported),
            (14, 0, Reported::NotReported),
            (0, 0, Reported::NotExpected),
        ] {
            assert_eq!(Reported::of(&Reporting { expected, reported }), state);
        }
    }
}
