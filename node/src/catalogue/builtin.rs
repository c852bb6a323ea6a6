//! The measures that every catalogue has.

use wuji_proto::{MeasureId, Tier};

use super::ledger::Title;
use super::measure::{ENTRIES, EXPECTED, Measure, MeasureKind, REPORTED, Split};
use super::measuring::Rule;
use super::problem::At;

/// The built-in measures 1 to 3. No catalogue defines them and none can change them: they
/// are what tiers with different catalogues still have in common.
pub(super) fn measures(ledgers: &[String]) -> Vec<(Measure, At)> {
    let split = |field: &str, words: usize| {
        vec![Split { fields: vec![field.to_owned()], combinations: words, slots: Vec::new() }]
    };
    [
        builtin("entries", ENTRIES, MeasureKind::Flow, "件", ("台账条数", "Entries"), split("ledger", ledgers.len())),
        builtin("reported", REPORTED, MeasureKind::Flow, "天", ("报送天数", "Unit-days with entries"), Vec::new()),
        builtin(
            "expected",
            EXPECTED,
            MeasureKind::Stock,
            "个",
            ("应报单位", "Units expected"),
            split("tier", Tier::ALL.len()),
        ),
    ]
    .into_iter()
    .map(|measure| (measure, At { file: "built-in".into(), line: 0 }))
    .collect()
}

fn builtin(
    id: &str,
    key: MeasureId,
    kind: MeasureKind,
    unit: &str,
    (zh, en): (&str, &str),
    splits: Vec<Split>,
) -> Measure {
    let by = splits.iter().flat_map(|split| &split.fields).cloned().collect::<Vec<_>>().join(", ");
    let mut measure = Measure {
        id: id.to_owned(),
        key,
        kind,
        ledger: String::new(),
        unit: unit.to_owned(),
        title: Title { zh: zh.to_owned(), en: en.to_owned() },
        splits,
        definition: String::new(),
        hash: [0; 32],
        rule: Rule::Tally,
    };
    measure.define(&["built-in".to_owned(), by]);
    measure
}
