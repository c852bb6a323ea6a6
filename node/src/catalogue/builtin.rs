//! The measures that every catalogue has.

use wuji_proto::{MeasureId, Tier};

use super::ledger::Title;
use super::measure::{
    ADOPTED, ENTRIES, EXPECTED, Measure, MeasureKind, RECEIVED, RECEIVED_MONTHS, REPORTED, Split, UNSETTLED,
};
use super::measuring::Rule;
use super::problem::At;
use super::reporting::{LATE, ON_TIME, VIA_CONNECTION, VIA_REPORT};

/// The built-in measures 1 to 7. No catalogue defines them and none can change them: they
/// are what tiers with different catalogues still have in common.
pub(super) fn measures(ledgers: &[String]) -> Vec<(Measure, At)> {
    use MeasureKind::{Flow, Stock};
    let split = |fields: &[&str], combinations: usize| {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        vec![Split { fields, combinations, slots: Vec::new() }]
    };
    let received = split(&["via", "timeliness"], 4);
    [
        builtin("entries", ENTRIES, Flow, "件", ("台账条数", "Entries"), split(&["ledger"], ledgers.len())),
        builtin("reported", REPORTED, Flow, "天", ("报送天数", "Unit-days with entries or a zero report"), Vec::new()),
        builtin("expected", EXPECTED, Stock, "个", ("应报单位", "Units expected"), split(&["tier"], Tier::ALL.len())),
        builtin("received", RECEIVED, Flow, "天", ("收到报送天数", "Unit-days received"), received),
        builtin("received.months", RECEIVED_MONTHS, Flow, "个", ("有报送的月份", "Unit-months received"), Vec::new()),
        builtin("adopted", ADOPTED, Stock, "个", ("采用新版指标的单位", "Nodes by revision"), split(&["revision"], 0)),
        builtin(
            "unsettled",
            UNSETTLED,
            Stock,
            "个",
            ("数据待核单位", "Units with unsettled amounts"),
            split(&["known"], 2),
        ),
    ]
    .into_iter()
    .map(|measure| (measure, At { file: "built-in".into(), line: 0 }))
    .collect()
}

/// The parts that `adopted` can have, once all measures are known.
pub(super) fn count_revisions(measures: &mut [(Measure, At)]) {
    let later = measures.iter().filter(|(measure, _)| measure.key.revision > 1).count();
    let adopted = measures.iter_mut().filter(|(measure, _)| measure.key == ADOPTED);
    adopted.flat_map(|(measure, _)| &mut measure.splits).for_each(|split| split.combinations = later);
}

/// The words of a field by which a built-in measure is split, other than `revision`.
pub(super) fn words(field: &str, ledgers: &[String]) -> Vec<String> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match field {
        "ledger" => ledgers.to_vec(),
        "tier" => Tier::ALL.iter().map(|tier| tier.name().to_owned()).collect(),
        "via" => owned(&[VIA_REPORT, VIA_CONNECTION]),
        "timeliness" => owned(&[ON_TIME, LATE]),
        "known" => owned(&[KNOWN, UNKNOWN]),
        _ => Vec::new(),
    }
}

/// Of `unsettled`: amount by amount.
pub const KNOWN: &str = "known";
/// Of `unsettled`: what was lost could not be told amount by amount.
pub const UNKNOWN: &str = "unknown";

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
