use std::fmt;

use crate::code::CODE_KEY_BYTES;
use crate::period::PERIOD_KEY_BYTES;
use crate::{DivisionCode, MeasureId, ParseError, Period};

/// The largest amount that a cell may hold, both ways: every number below is exact in JSON.
pub const AMOUNT_MAX: i64 = 1 << 53;

/// The longest key of a feed item, in bytes.
pub const ITEM_KEY_BYTES_MAX: usize = 256;

/// Stands between the words of a split, in keys.
const WORD_END: char = '\u{1f}';

const TAG_UNIT: u8 = 1;
const TAG_CELL: u8 = 2;

/// One part of a measure: which split of its list, and the word of each of its fields.
///
/// `split` 0 is the undivided measure and has no words. A field that a record left
/// empty has the empty word.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The split's number within the measure, from 1; 0 for the undivided measure.
    pub split: u8,
    /// One word a field of the split.
    pub words: Vec<String>,
}

/// What a cell counts: the unit whose subtree it totals, the measure, the period (a day
/// or a month) and the part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// The unit whose subtree the cell totals.
    pub scope: DivisionCode,
    /// The measure and its revision.
    pub measure: MeasureId,
    /// The period, of grain day or month.
    pub period: Period,
    /// The part of the measure.
    pub part: Part,
}

/// The key of a feed item 项. Its bytes order by kind, then scope, measure, period, part:
/// a subtree is one range for each kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKey {
    /// A unit's directory entry.
    Unit(DivisionCode),
    /// A statistics cell.
    Cell(CellKey),
}

impl ItemKey {
    /// The stored and transmitted form.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Unit(code) => [&[TAG_UNIT][..], &code.to_key()].concat(),
            Self::Cell(cell) => cell.to_bytes(),
        }
    }

    /// Reads the stored form; every form but the one that [`to_bytes`](Self::to_bytes) makes is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        parse(bytes).ok_or_else(|| {
            ParseError::new(
                "feed item key",
                &bytes.escape_ascii().to_string(),
                "the sender is damaged or newer than this node",
            )
        })
    }
}

impl CellKey {
    /// The stored and transmitted form, as an item key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40);
        bytes.push(TAG_CELL);
        bytes.extend(self.scope.to_key());
        bytes.extend(self.measure.number.to_be_bytes());
        bytes.extend(self.measure.revision.to_be_bytes());
        bytes.extend(self.period.to_key());
        bytes.push(self.part.split);
        for (at, word) in self.part.words.iter().enumerate() {
            if at > 0 {
                bytes.push(WORD_END as u8);
            }
            bytes.extend(word.as_bytes());
        }
        bytes
    }

    /// No cell's key comes before this; every directory entry's does.
    pub fn first_key() -> Vec<u8> {
        vec![TAG_CELL]
    }

    /// The bytes that all cells of `scope` begin with.
    pub fn scope_prefix(scope: DivisionCode) -> Vec<u8> {
        [&[TAG_CELL][..], &scope.to_key()].concat()
    }

    /// Bytes of a [`measure_prefix`](Self::measure_prefix).
    pub const MEASURE_PREFIX_BYTES: usize = 1 + CODE_KEY_BYTES + 4;

    /// Scope and measure at the beginning of a cell's stored form, and what comes after them;
    /// `None` for other items. For reading many cells: nothing is allocated.
    pub fn split_prefix(bytes: &[u8]) -> Option<(DivisionCode, MeasureId, &[u8])> {
        let (tag, rest) = bytes.split_first()?;
        let (scope, rest) = rest.split_first_chunk::<CODE_KEY_BYTES>()?;
        let (number, rest) = rest.split_first_chunk::<2>()?;
        let (revision, rest) = rest.split_first_chunk::<2>()?;
        let measure = MeasureId { number: u16::from_be_bytes(*number), revision: u16::from_be_bytes(*revision) };
        (*tag == TAG_CELL).then_some((DivisionCode::from_key(*scope)?, measure, rest))
    }

    /// Period, split and words in what comes after the prefix.
    pub fn split_part(rest: &[u8]) -> Option<(Period, u8, impl Iterator<Item = &str>)> {
        let (period, rest) = rest.split_first_chunk::<PERIOD_KEY_BYTES>()?;
        let (split, words) = rest.split_first()?;
        if *split == 0 && !words.is_empty() {
            return None;
        }
        let words = std::str::from_utf8(words).ok()?;
        let words = (*split > 0).then(|| words.split(WORD_END)).into_iter().flatten();
        Some((Period::from_key(*period)?, *split, words))
    }

    /// The bytes that all cells of `scope` and `measure` begin with.
    pub fn measure_prefix(scope: DivisionCode, measure: MeasureId) -> Vec<u8> {
        [&Self::scope_prefix(scope)[..], &measure.number.to_be_bytes(), &measure.revision.to_be_bytes()].concat()
    }
}

/// Each part has one form only, so nothing need be written again to be compared: codes and
/// periods refuse any other, the words are as they stand, and an undivided measure has none.
fn parse(bytes: &[u8]) -> Option<ItemKey> {
    if bytes.len() > ITEM_KEY_BYTES_MAX {
        return None;
    }
    let (tag, rest) = bytes.split_first()?;
    let (scope, rest) = rest.split_first_chunk::<CODE_KEY_BYTES>()?;
    let scope = DivisionCode::from_key(*scope)?;
    match *tag {
        TAG_UNIT if rest.is_empty() => Some(ItemKey::Unit(scope)),
        TAG_CELL => {
            let (scope, measure, rest) = CellKey::split_prefix(bytes)?;
            let (period, split, words) = CellKey::split_part(rest)?;
            let words = words.map(str::to_owned).collect();
            Some(ItemKey::Cell(CellKey { scope, measure, period, part: Part { split, words } }))
        }
        _ => None,
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.scope, self.measure, self.period)?;
        self.part.words.iter().try_for_each(|word| write!(f, " {word}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Grain;
    use crate::period::date;

    fn cell() -> impl Strategy<Value = CellKey> {
        let part = prop_oneof![
            Just(Part::default()),
            (1..6_u8, prop::collection::vec("[a-z婚姻邻里]{0,4}", 1..3))
                .prop_map(|(split, words)| Part { split, words }),
        ];
        ("[1-8][0-9]{3}", any::<(u16, u16)>(), 0..80_000, any::<bool>(), part).prop_map(
            |(code, (number, revision), day, month, part)| CellKey {
                scope: code.parse().unwrap(),
                measure: MeasureId { number, revision },
                period: Period::of(date(day), if month { Grain::Month } else { Grain::Day }),
                part,
            },
        )
    }

    proptest! {
        #[test]
        fn cell_keys_survive_their_bytes(cell in cell()) {
            prop_assert_eq!(ItemKey::from_bytes(&cell.to_bytes()).unwrap(), ItemKey::Cell(cell));
        }

        #[test]
        fn cell_keys_order_by_scope_measure_and_period(a in cell(), b in cell()) {
            let order = |c: &CellKey| (c.scope, c.measure, c.period, c.part.split);
            if order(&a) != order(&b) {
                prop_assert_eq!(a.to_bytes().cmp(&b.to_bytes()), order(&a).cmp(&order(&b)));
            }
        }

        #[test]
        fn hostile_keys_are_refused_or_read_exactly(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(key) = ItemKey::from_bytes(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }
}
