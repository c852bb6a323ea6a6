use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ParseError, Tier};

/// Digits of the longest code.
const DIGITS_MAX: usize = 12;

/// Bytes of a code inside a stored key.
pub const CODE_KEY_BYTES: usize = 6;

/// A division code 区划代码 in its short form of 2, 4, 6, 9 or 12 digits.
///
/// The length gives the tier; trailing zeros do not: county-level `441900` is not its
/// city `4419`. Codes order as text does, so a unit comes right before its subtree.
///
/// ```
/// use wuji_proto::{DivisionCode, Tier};
/// let county: DivisionCode = "371122".parse()?;
/// assert_eq!(county.tier(), Tier::County);
/// assert!("37".parse::<DivisionCode>()?.contains(county));
/// # Ok::<(), wuji_proto::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DivisionCode {
    /// ASCII digits, then zero bytes.
    digits: [u8; DIGITS_MAX],
}

impl DivisionCode {
    /// The tier that the code's length names.
    pub fn tier(self) -> Tier {
        Tier::of_digits(self.as_str().len()).unwrap_or(Tier::Workroom)
    }

    /// The short form.
    pub fn as_str(&self) -> &str {
        let length = self.digits.iter().position(|digit| *digit == 0).unwrap_or(DIGITS_MAX);
        self.digits.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    /// Whether `other` is this unit or lies under it by its code.
    pub fn contains(self, other: Self) -> bool {
        other.as_str().starts_with(self.as_str())
    }

    /// Whether this unit can be a parent of `child`: any higher tier, since counties
    /// administered directly by a province exist. Units may move between parents, so
    /// the code's prefix is not asked.
    pub fn can_parent(self, child: Self) -> bool {
        self.tier() < child.tier()
    }

    /// The ancestor at `tier`, cut from the code; `None` unless `tier` is this one's or higher.
    pub fn ancestor(self, tier: Tier) -> Option<Self> {
        self.as_str().get(..tier.digits()).and_then(|prefix| prefix.parse().ok())
    }

    /// Two digits a byte, each digit + 1, so that the order of keys is the order of codes
    /// and every code has the same width.
    pub fn to_key(self) -> [u8; CODE_KEY_BYTES] {
        let mut key = [0; CODE_KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(self.digits.chunks(2)) {
            let nibble = |at: usize| pair.get(at).map_or(0, |digit| digit.saturating_sub(b'0' - 1));
            *byte = nibble(0) << 4 | nibble(1);
        }
        key
    }

    /// The inverse of [`to_key`](Self::to_key); `None` for bytes that no code has.
    pub fn from_key(key: [u8; CODE_KEY_BYTES]) -> Option<Self> {
        let mut digits = [0; DIGITS_MAX];
        let nibbles = key.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        for (digit, nibble) in digits.iter_mut().zip(nibbles) {
            *digit = if nibble == 0 { 0 } else { b'0' + nibble - 1 };
        }
        let code = Self { digits };
        // Keys are read by the hundred thousand: a code that is its own short form needs no
        // second look at its text.
        code.is_short_form().then_some(code)
    }

    /// Whether the digits are what [`from_str`](Self::from_str) would make of them.
    fn is_short_form(self) -> bool {
        let length = self.digits.iter().position(|digit| *digit == 0).unwrap_or(DIGITS_MAX);
        let (text, behind) = self.digits.split_at(length);
        text.first().is_some_and(|digit| *digit != b'0')
            && text.iter().all(u8::is_ascii_digit)
            && behind.iter().all(|digit| *digit == 0)
            && Tier::of_digits(length).is_some()
            && (length < DIGITS_MAX || !text.ends_with(b"000"))
    }
}

impl FromStr for DivisionCode {
    type Err = ParseError;

    /// Accepts the short form; and the 12-digit form with trailing zeros where it can
    /// mean one unit only: `370000000000` is the province, but `441900000000` could be
    /// the city `4419` or the county-level `441900`, and is refused.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |advice: &str| Err(ParseError::new("division code", text, advice));
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return refuse("write 2, 4, 6, 9 or 12 digits");
        }
        if text.starts_with('0') {
            return refuse("codes begin with the province's two digits, 11 to 82");
        }
        if Tier::of_digits(text.len()).is_none() {
            return refuse("2 digits name a province, 4 a city, 6 a county, 9 a township, 12 a workroom");
        }
        let short = if text.len() == DIGITS_MAX && text.ends_with("000") { shorten(text)? } else { text };
        let mut digits = [0; DIGITS_MAX];
        for (to, from) in digits.iter_mut().zip(short.bytes()) {
            *to = from;
        }
        Ok(Self { digits })
    }
}

/// The one unit that a 12-digit code with trailing zeros can mean.
fn shorten(text: &str) -> Result<&str, ParseError> {
    let ends_in_zeros = |from: usize, to: usize| text.get(from..to).is_some_and(|part| part.bytes().all(|b| b == b'0'));
    let cut = |digits: usize| text.get(..digits).unwrap_or(text);
    if !ends_in_zeros(6, 9) {
        return Ok(cut(Tier::Township.digits()));
    }
    if !ends_in_zeros(4, 6) {
        return Ok(cut(Tier::County.digits()));
    }
    if ends_in_zeros(2, 4) {
        return Ok(cut(Tier::Province.digits()));
    }
    Err(ParseError::new(
        "division code",
        text,
        &format!("it could be the city {} or the county-level unit {}: write the short form", cut(4), cut(6)),
    ))
}

impl fmt::Display for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DivisionCode({self})")
    }
}

impl TryFrom<String> for DivisionCode {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<DivisionCode> for String {
    fn from(code: DivisionCode) -> Self {
        code.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code() -> impl Strategy<Value = String> {
        prop_oneof!["[1-8][0-9]", "[1-8][0-9]{3}", "[1-8][0-9]{5}", "[1-8][0-9]{8}", "[1-8][0-9]{10}[1-9]"]
    }

    proptest! {
        #[test]
        fn short_forms_survive_text_and_key(text in code()) {
            let parsed: DivisionCode = text.parse().unwrap();
            prop_assert_eq!(parsed.as_str(), text.as_str());
            prop_assert_eq!(parsed.tier().digits(), text.len());
            prop_assert_eq!(DivisionCode::from_key(parsed.to_key()), Some(parsed));
        }

        #[test]
        fn keys_order_as_codes_do(a in code(), b in code()) {
            let (x, y): (DivisionCode, DivisionCode) = (a.parse().unwrap(), b.parse().unwrap());
            prop_assert_eq!(x.to_key().cmp(&y.to_key()), a.cmp(&b));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,16}") {
            let _ = text.parse::<DivisionCode>();
        }

        #[test]
        fn no_key_makes_it_panic(key: [u8; CODE_KEY_BYTES]) {
            if let Some(code) = DivisionCode::from_key(key) {
                prop_assert_eq!(code.to_key(), key);
            }
        }

        #[test]
        fn a_key_is_read_just_where_its_digits_are_a_short_form(
            nibbles in prop::collection::vec(prop_oneof![4 => Just(1_u8), 4 => 2..11_u8, 1 => 0..16_u8], 12),
            digits in 0..13_usize,
        ) {
            let nibbles: Vec<u8> = (0..12).map(|at| if at < digits { nibbles[at] } else { 0 }).collect();
            let mut key = [0; CODE_KEY_BYTES];
            for (byte, pair) in key.iter_mut().zip(nibbles.chunks(2)) {
                *byte = pair[0] << 4 | pair[1];
            }
            let text: String = nibbles.iter().take_while(|n| **n != 0).map(|n| char::from(b'0' + n - 1)).collect();
            let wanted = text.parse::<DivisionCode>().ok().filter(|code| code.to_key() == key);
            prop_assert_eq!(DivisionCode::from_key(key), wanted);
        }
    }

    #[test]
    fn trailing_zeros_are_cut_only_where_one_unit_is_meant() {
        for (text, short) in [
            ("370000000000", "37"),
            ("371122000000", "371122"),
            ("371122100000", "371122100"),
            ("371122100201", "371122100201"),
            ("441900", "441900"),
        ] {
            assert_eq!(text.parse::<DivisionCode>().unwrap().as_str(), short);
        }
        let message = "441900000000".parse::<DivisionCode>().unwrap_err().to_string();
        assert!(message.contains("4419") && message.contains("441900"), "{message}");
    }

    #[test]
    fn other_texts_are_refused_with_advice() {
        for text in ["", "3", "371", "37112", "3711221", "37112210020", "3711221002011", "37a1", "３７", "071122", "-3"]
        {
            let error = text.parse::<DivisionCode>().unwrap_err();
            assert!(error.to_string().contains("division code"), "{error}");
        }
    }

    #[test]
    fn direct_administered_counties_have_a_province_as_parent() {
        let (province, city, county) =
            ("42".parse::<DivisionCode>().unwrap(), "4201".parse().unwrap(), "429004".parse().unwrap());
        assert!(province.can_parent(county) && DivisionCode::can_parent(city, county));
        assert!(!DivisionCode::can_parent(county, city) && !province.can_parent(province));
    }
}
