//! A measure in three revisions, and units that come to them one by one.

use wuji_proto::{Part, Period, Sequence, v1};

use super::*;
use crate::index::Writes;
use crate::index::memory::MemoryIndex;

const COUNTY: &str = "371122";
const TOWNSHIP: &str = "371122101";
const WORKROOM: &str = "371122101201";
const PLANNED: &str = "371122101202";

/// 涉及当事人 once more, in a further revision.
const FURTHER: &str = "
[[measure]]
id = \"mediation.people\"
number = 32
revision = REVISION
zh = \"涉及当事人\"
en = \"People involved\"
unit = \"人\"
kind = \"flow\"
date = \"accepted_on\"
sum = \"people_count\"
where = { result = [\"成功\"], difficulty = [\"WORD\"] }
";

fn catalogue() -> Catalogue {
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(shipped).unwrap() {
        let path = entry.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        if path.ends_with("mediation.toml") {
            for (revision, word) in [("2", "一般"), ("3", "重大")] {
                text.push_str(&FURTHER.replace("REVISION", revision).replace("WORD", word));
            }
        }
        std::fs::write(copy.path().join(path.file_name().unwrap()), text).unwrap();
    }
    Catalogue::load(copy.path()).unwrap()
}

fn code(text: &str) -> DivisionCode {
    text.parse().unwrap()
}

struct County {
    index: MemoryIndex,
    catalogue: Catalogue,
}

impl County {
    fn new() -> Self {
        let county = Self { index: MemoryIndex::default(), catalogue: catalogue() };
        for (unit, parent, planned) in
            [(COUNTY, "3711", false), (TOWNSHIP, COUNTY, false), (WORKROOM, TOWNSHIP, false), (PLANNED, TOWNSHIP, true)]
        {
            let entry =
                v1::UnitEntry { name: unit.to_owned(), parent: parent.to_owned(), planned, ..Default::default() };
            county.put(&ItemKey::Unit(code(unit)).to_bytes(), ItemValue::Unit(entry));
        }
        county
    }

    fn put(&self, item: &[u8], value: ItemValue) {
        let own = OwnItem { sequence: Sequence { start: 1, number: 1 }, value };
        self.index.apply(&Writes::from([(keys::item(item), Some(own.to_bytes()))])).unwrap();
    }

    /// Nodes of a scope more or less that count by a revision, from some day on.
    fn adopt(&self, scope: &str, revision: u16, period: &str, amount: i64) {
        let measure = MeasureId { number: 32, revision };
        let part = Part { split: 1, words: vec![measure.to_string()] };
        let period: Period = period.parse().unwrap();
        let cell = CellKey { scope: code(scope), measure: ADOPTED, period, part };
        self.put(&cell.to_bytes(), ItemValue::Amount(amount));
    }

    fn revision(&self, scope: &str, id: &str) -> Option<u16> {
        let directory = Directory::read(&self.index).unwrap();
        let chosen = revision_for(&self.index, &self.catalogue, &directory, code(scope), id).unwrap();
        chosen.map(|measure| measure.key().revision)
    }
}

#[test]
fn a_question_is_answered_with_the_newest_revision_that_all_units_that_ever_connected_count_by() {
    let county = County::new();
    let now = |scope: &str| county.revision(scope, "mediation.people").unwrap();
    assert_eq!((now(COUNTY), now(TOWNSHIP)), (1, 1), "nobody has any other");

    county.adopt(TOWNSHIP, 2, "2026-11", 2);
    county.adopt(COUNTY, 2, "2026-11-24", 2);
    assert_eq!((now(COUNTY), now(TOWNSHIP)), (1, 2), "the county's own node lacks it");
    county.adopt(COUNTY, 2, "2026-11-25", 1);
    assert_eq!((now(COUNTY), now(TOWNSHIP)), (2, 2), "a planned unit has no node that could lack it");

    county.adopt(TOWNSHIP, 3, "2026-12", 1);
    county.adopt(COUNTY, 3, "2026-12-01", 2);
    assert_eq!((now(COUNTY), now(TOWNSHIP)), (2, 2), "one of the township's two has the third");
    county.adopt(TOWNSHIP, 3, "2027-01", 1);
    county.adopt(COUNTY, 3, "2027-01-09", 1);
    assert_eq!((now(COUNTY), now(TOWNSHIP)), (3, 3));
    county.adopt(COUNTY, 3, "2027-02-01", -1);
    assert_eq!(now(COUNTY), 2, "a unit has gone back to a former catalogue");
}

#[test]
fn a_revision_that_is_asked_for_by_name_and_a_measure_with_one_revision_are_not_weighed() {
    let county = County::new();
    assert_eq!(county.revision(COUNTY, "mediation.people@3"), Some(3));
    assert_eq!(county.revision(COUNTY, "mediation.people@9"), None);
    assert_eq!(county.revision(COUNTY, "mediation.accepted"), Some(1));
    assert_eq!(county.revision(COUNTY, "no.such"), None);
}
