//! The only place that knows how the index's keys are laid out.
//!
//! | first byte | then | holds |
//! |---|---|---|
//! | `00` | | [`IndexHead`](wuji_proto::stored::IndexHead) |
//! | `01` | | [`FoldedMeasures`](wuji_proto::stored::FoldedMeasures) |
//! | `02` | start number | [`FoldedStart`](wuji_proto::stored::FoldedStart) of the own feed |
//! | `03` | | [`RollbackSeen`](wuji_proto::stored::RollbackSeen): this life cannot be continued |
//! | `10` | ledger, 0, record id | [`RecordHead`](wuji_proto::stored::RecordHead) |
//! | `11` | ledger, 0, unique key | the id of the live record that has it |
//! | `12` | day | how many live records have this event date |
//! | `13` | | [`FoldedConditions`](wuji_proto::stored::FoldedConditions) |
//! | `14` | day | a zero report of this day: empty |
//! | `15` | | [`FoldedMeasures`](wuji_proto::stored::FoldedMeasures) of the catalogue last adopted |
//! | `16` | | [`FoldedBackups`](wuji_proto::stored::FoldedBackups) |
//! | `20` | item key | own feed item: sequence and value |
//! | `30` | link, item key | what a link contributes |
//! | `33` | child code, item key | what counts on of a child's former life |
//! | `31` | child code | [`ChildHead`](wuji_proto::stored::ChildHead) |
//! | `32` | child code, start number | [`Start`](wuji_proto::stored::Start) of the child |
//! | `34` | child code, item key | what a child that went back in time had at the restored point |
//! | `35` | child code, item key | of `33`, what is unsettled |
//! | `36` | child code, item key | what will be unsettled when the child's new life is accepted |
//! | `40` | report id | [`ReportHead`](wuji_proto::stored::ReportHead) |
//! | `41` | scope, first day, last day, report id | nothing: reports of just this scope and time |

use wuji_proto::{CODE_KEY_BYTES, DivisionCode, RecordId, ReportId};

const HEAD: u8 = 0x00;
const MEASURES: u8 = 0x01;
const START: u8 = 0x02;
const WENT_BACK: u8 = 0x03;
const RECORD: u8 = 0x10;
const UNIQUE: u8 = 0x11;
const DAY: u8 = 0x12;
const CONDITIONS: u8 = 0x13;
const ZERO_DAY: u8 = 0x14;
const ADOPTED: u8 = 0x15;
const BACKUPS: u8 = 0x16;
const ITEM: u8 = 0x20;
const HELD: u8 = 0x30;
const CHILD: u8 = 0x31;
const CHILD_START: u8 = 0x32;
const KEPT: u8 = 0x33;
const TOLD: u8 = 0x34;
const UNSETTLED: u8 = 0x35;
const COMING_UNSETTLED: u8 = 0x36;
const REPORT: u8 = 0x40;
const REPORT_OF: u8 = 0x41;

/// Who contributes cells to a node's totals. Cells are kept by link, so that a unit that
/// moved is not erased by its old parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// The node's own registry of planned children.
    Registry,
    /// A child; or the node itself, for its own entries.
    Unit(DivisionCode),
}

impl Link {
    /// Fixed width; the registry comes first.
    fn to_key(self) -> [u8; CODE_KEY_BYTES] {
        match self {
            Self::Registry => [0; CODE_KEY_BYTES],
            Self::Unit(code) => code.to_key(),
        }
    }
}

/// The key of the index's own state.
pub fn head() -> Vec<u8> {
    vec![HEAD]
}

/// The measures that records were folded into.
pub fn measures() -> Vec<u8> {
    vec![MEASURES]
}

/// A start of the own feed.
pub fn start(number: u32) -> Vec<u8> {
    [&[START][..], &number.to_be_bytes()].concat()
}

/// The prefix of the own feed's starts.
pub fn starts() -> Vec<u8> {
    vec![START]
}

/// That the parent has seen an entry which the journal does not hold.
pub fn went_back() -> Vec<u8> {
    vec![WENT_BACK]
}

/// A record.
pub fn record(ledger: &str, id: RecordId) -> Vec<u8> {
    [&records(ledger)[..], &id.to_bytes()].concat()
}

/// The prefix of a ledger's records.
pub fn records(ledger: &str) -> Vec<u8> {
    [&[RECORD][..], ledger.as_bytes(), &[0]].concat()
}

/// The prefix of all records.
pub fn all_records() -> Vec<u8> {
    vec![RECORD]
}

/// The ledger and the id inside a record's key; `None` for another key.
pub fn parse_record(key: &[u8]) -> Option<(&str, RecordId)> {
    let (tag, rest) = key.split_first()?;
    let (rest, id) = rest.split_last_chunk::<16>()?;
    let ledger = rest.strip_suffix(&[0])?;
    (*tag == RECORD).then_some((std::str::from_utf8(ledger).ok()?, RecordId::from_bytes(*id)))
}

/// A unique key of a ledger.
pub fn unique(ledger: &str, key: &[u8]) -> Vec<u8> {
    [&[UNIQUE][..], ledger.as_bytes(), &[0], key].concat()
}

/// The prefix of all unique keys, which follow the records.
pub fn all_unique() -> Vec<u8> {
    vec![UNIQUE]
}

/// The ledger and the unique key inside a unique key's key; `None` for another key.
pub fn parse_unique(key: &[u8]) -> Option<(&str, &[u8])> {
    let rest = key.strip_prefix(&[UNIQUE])?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (ledger, unique) = rest.split_at_checked(end)?;
    Some((std::str::from_utf8(ledger).ok()?, unique.get(1..)?))
}

/// The live records of one event date, in days since 1900-01-01.
pub fn day(day: i32) -> Vec<u8> {
    [&[DAY][..], &day.to_be_bytes()].concat()
}

/// The prefix of all counts of days.
pub fn days() -> Vec<u8> {
    vec![DAY]
}

/// The day inside the key of a day's count.
pub fn parse_day(key: &[u8]) -> Option<i32> {
    key.strip_prefix(&[DAY])?.try_into().ok().map(i32::from_be_bytes)
}

/// What the unit-level conditions contribute.
pub fn conditions() -> Vec<u8> {
    vec![CONDITIONS]
}

/// A zero report of one day, in days since 1900-01-01.
pub fn zero_day(day: i32) -> Vec<u8> {
    [&[ZERO_DAY][..], &day.to_be_bytes()].concat()
}

/// The prefix of all zero reports.
pub fn zero_days() -> Vec<u8> {
    vec![ZERO_DAY]
}

/// The day inside the key of a zero report; `None` for another key.
pub fn parse_zero_day(key: &[u8]) -> Option<i32> {
    key.strip_prefix(&[ZERO_DAY])?.try_into().ok().map(i32::from_be_bytes)
}

/// The measures of the catalogue that was last adopted in the journal.
pub fn adopted() -> Vec<u8> {
    vec![ADOPTED]
}

/// The backups that were taken.
pub fn backups() -> Vec<u8> {
    vec![BACKUPS]
}

/// An item of the own feed.
pub fn item(item: &[u8]) -> Vec<u8> {
    [&[ITEM], item].concat()
}

/// The prefix of all own items.
pub fn items() -> Vec<u8> {
    vec![ITEM]
}

/// The item key inside an own item's key.
pub fn parse_item(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(&[ITEM])
}

/// An item that a link contributes.
pub fn held(link: Link, item: &[u8]) -> Vec<u8> {
    [&held_by(link)[..], item].concat()
}

/// The prefix of all items of a link.
pub fn held_by(link: Link) -> Vec<u8> {
    [&[HELD][..], &link.to_key()].concat()
}

/// The prefix of all items of all links.
pub fn all_held() -> Vec<u8> {
    vec![HELD]
}

/// The item key inside a held item's key.
pub fn parse_held(key: &[u8]) -> Option<&[u8]> {
    (*key.first()? == HELD).then_some(())?;
    key.get(1 + CODE_KEY_BYTES..)
}

/// The unit whose link brought a held item; `None` for the registry's and for other keys.
pub fn parse_held_by(key: &[u8]) -> Option<DivisionCode> {
    let (tag, rest) = key.split_first()?;
    (*tag == HELD).then_some(())?;
    DivisionCode::from_key(*rest.first_chunk()?)
}

/// A cell of a child's former life that counts on.
pub fn kept(code: DivisionCode, item: &[u8]) -> Vec<u8> {
    [&[KEPT][..], &code.to_key(), item].concat()
}

/// The prefix of all cells of former lives that count on.
pub fn all_kept() -> Vec<u8> {
    vec![KEPT]
}

/// The child, and the item key, of a kept cell's key.
pub fn parse_kept_of(key: &[u8]) -> Option<(DivisionCode, &[u8])> {
    let (code, item) = key.strip_prefix(&[KEPT])?.split_first_chunk()?;
    Some((DivisionCode::from_key(*code)?, item))
}

/// What a child that went back in time told that it had at the restored point; with an empty
/// item key the prefix of all of it.
pub fn told(code: DivisionCode, item: &[u8]) -> Vec<u8> {
    of_child(TOLD, code, item)
}

/// A kept cell's unsettled part; with an empty item key the prefix of all of a child's.
pub fn unsettled(code: DivisionCode, item: &[u8]) -> Vec<u8> {
    of_child(UNSETTLED, code, item)
}

/// The prefix of what is unsettled, of all children.
pub fn all_unsettled() -> Vec<u8> {
    vec![UNSETTLED]
}

/// What will be unsettled with the acceptance of a child's new life; as [`unsettled`].
pub fn coming_unsettled(code: DivisionCode, item: &[u8]) -> Vec<u8> {
    of_child(COMING_UNSETTLED, code, item)
}

fn of_child(tag: u8, code: DivisionCode, item: &[u8]) -> Vec<u8> {
    [&[tag][..], &code.to_key(), item].concat()
}

/// The item key inside a key that begins with a child's code.
pub fn parse_of_child(key: &[u8]) -> Option<&[u8]> {
    matches!(*key.first()?, KEPT | TOLD | UNSETTLED | COMING_UNSETTLED).then_some(())?;
    key.get(1 + CODE_KEY_BYTES..)
}

/// A child.
pub fn child(code: DivisionCode) -> Vec<u8> {
    [&[CHILD][..], &code.to_key()].concat()
}

/// The prefix of all children.
pub fn children() -> Vec<u8> {
    vec![CHILD]
}

/// A start of a child's feed.
pub fn child_start(code: DivisionCode, number: u32) -> Vec<u8> {
    [&child_starts(code)[..], &number.to_be_bytes()].concat()
}

/// The prefix of a child's starts.
pub fn child_starts(code: DivisionCode) -> Vec<u8> {
    [&[CHILD_START][..], &code.to_key()].concat()
}

/// The code inside a child's key.
pub fn parse_child(key: &[u8]) -> Option<DivisionCode> {
    let (tag, code) = key.split_first()?;
    (*tag == CHILD).then_some(())?;
    DivisionCode::from_key(code.try_into().ok()?)
}

/// An issued report.
pub fn report(id: ReportId) -> Vec<u8> {
    [&[REPORT][..], &id.to_bytes()].concat()
}

/// The prefix of all issued reports; they come in the order in which they were made.
pub fn reports() -> Vec<u8> {
    vec![REPORT]
}

/// An issued report of a scope and a time, in days since 1900-01-01, both inclusive.
pub fn report_of(scope: DivisionCode, from: i32, to: i32, id: ReportId) -> Vec<u8> {
    [&reports_of(scope, from, to)[..], &id.to_bytes()].concat()
}

/// The prefix of the reports of just this scope and time.
pub fn reports_of(scope: DivisionCode, from: i32, to: i32) -> Vec<u8> {
    [&[REPORT_OF][..], &scope.to_key(), &from.to_be_bytes(), &to.to_be_bytes()].concat()
}

/// The report's id at the end of either kind of key; `None` for another key.
pub fn parse_report(key: &[u8]) -> Option<ReportId> {
    matches!(*key.first()?, REPORT | REPORT_OF).then_some(())?;
    let (_, id) = key.split_last_chunk::<16>()?;
    Some(ReportId::from_bytes(*id))
}

/// The first key after all keys with this prefix; `None`: there is none.
pub fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_prefix_range_holds_just_the_keys_with_the_prefix(prefix in prop::collection::vec(any::<u8>(), 1..4), key in prop::collection::vec(any::<u8>(), 0..6)) {
            let inside = key >= prefix && after(&prefix).is_none_or(|end| key < end);
            prop_assert_eq!(inside, key.starts_with(&prefix));
        }

        #[test]
        fn a_record_key_gives_back_its_parts(ledger in "[a-z_]{1,12}", id: [u8; 16]) {
            let id = RecordId::from_bytes(id);
            let key = record(&ledger, id);
            prop_assert_eq!(parse_record(&key), Some((ledger.as_str(), id)));
        }

        #[test]
        fn no_bytes_make_a_parser_panic(key in prop::collection::vec(any::<u8>(), 0..30)) {
            let _ = (parse_record(&key), parse_item(&key), parse_held(&key), parse_child(&key), parse_report(&key));
        }
    }
}
