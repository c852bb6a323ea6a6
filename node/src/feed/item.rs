//! An item, its stored and transmitted forms, and the digest of a set of items.

use prost::Message;
use wuji_proto::{AMOUNT_MAX, ITEM_KEY_BYTES_MAX, v1};

/// The longest encoded directory entry, in bytes.
pub const UNIT_ENTRY_BYTES_MAX: usize = 1_024;

/// What an item says.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemValue {
    /// The amount of a cell.
    Amount(i64),
    /// A directory entry.
    Unit(v1::UnitEntry),
}

/// A feed item 项.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedItem {
    /// The bytes of a [`wuji_proto::ItemKey`]; from a neighbour not yet checked beyond its length.
    pub key: Vec<u8>,
    /// The value.
    pub value: ItemValue,
}

const TAG_AMOUNT: u8 = 1;
const TAG_UNIT: u8 = 2;

impl ItemValue {
    /// The stored form, which the digest covers too.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Amount(amount) => {
                let mut bytes = Vec::with_capacity(9);
                bytes.push(TAG_AMOUNT);
                prost::encoding::encode_varint(zigzag(*amount), &mut bytes);
                bytes
            }
            Self::Unit(entry) => {
                let mut bytes = vec![TAG_UNIT];
                bytes.extend(entry.encode_to_vec());
                bytes
            }
        }
    }

    /// Reads the stored form; `None` for bytes that it never has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, mut rest) = bytes.split_first()?;
        match *tag {
            TAG_AMOUNT => {
                let amount = unzigzag(prost::encoding::decode_varint(&mut rest).ok()?);
                rest.is_empty().then_some(Self::Amount(amount))
            }
            TAG_UNIT => v1::UnitEntry::decode(rest).ok().map(Self::Unit),
            _ => None,
        }
    }
}

impl FeedItem {
    /// Reads a transmitted item; the error says what is wrong with it.
    pub fn from_wire(item: v1::Item) -> Result<Self, &'static str> {
        if item.key.len() > ITEM_KEY_BYTES_MAX {
            return Err("its key is too long");
        }
        let value = match item.value {
            Some(v1::item::Value::Amount(amount)) if amount.unsigned_abs() <= AMOUNT_MAX.unsigned_abs() => {
                ItemValue::Amount(amount)
            }
            Some(v1::item::Value::Amount(_)) => return Err("its amount is beyond 2^53"),
            Some(v1::item::Value::Unit(entry)) if entry.encoded_len() <= UNIT_ENTRY_BYTES_MAX => ItemValue::Unit(entry),
            Some(v1::item::Value::Unit(_)) => return Err("its directory entry is too long"),
            None => return Err("it has no value, or one that this node is too old to read"),
        };
        Ok(Self { key: item.key, value })
    }

    /// The transmitted form.
    pub fn into_wire(self) -> v1::Item {
        let value = match self.value {
            ItemValue::Amount(amount) => v1::item::Value::Amount(amount),
            ItemValue::Unit(entry) => v1::item::Value::Unit(entry),
        };
        v1::Item { key: self.key, value: Some(value) }
    }
}

/// Hashes items for the digest of one link. The key keeps digests of different links
/// apart, so that equal sums never hide a mix-up of children.
#[derive(Clone)]
pub struct ItemHasher {
    key: [u8; 32],
}

impl ItemHasher {
    /// Of the feed of the unit `code` in its life `incarnation`.
    pub fn new(code: wuji_proto::DivisionCode, incarnation: wuji_proto::Incarnation) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("wuji 2026 feed digest");
        hasher.update(&code.to_key()).update(&incarnation.to_bytes());
        Self { key: *hasher.finalize().as_bytes() }
    }

    /// The 128-bit hash of one item, from its stored forms.
    pub fn hash(&self, key: &[u8], value: &[u8]) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // The length comes first: no key runs into its value.
        hasher.update(&(key.len() as u64).to_le_bytes()).update(key).update(value);
        let mut sum = [0; 16];
        hasher.finalize_xof().fill(&mut sum);
        u128::from_le_bytes(sum)
    }
}

/// Small amounts of either sign in few bytes.
const fn zigzag(amount: i64) -> u64 {
    (amount.cast_unsigned() << 1) ^ (amount >> 63).cast_unsigned()
}

const fn unzigzag(coded: u64) -> i64 {
    (coded >> 1).cast_signed() ^ -(coded & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn amounts_survive_their_bytes(amount: i64) {
            let value = ItemValue::Amount(amount);
            prop_assert_eq!(ItemValue::from_bytes(&value.to_bytes()), Some(value));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = ItemValue::from_bytes(&bytes);
        }
    }

    #[test]
    fn items_beyond_the_limits_are_refused() {
        let item = |key: usize, value| v1::Item { key: vec![1; key], value };
        let amount = |amount| Some(v1::item::Value::Amount(amount));
        assert!(FeedItem::from_wire(item(ITEM_KEY_BYTES_MAX, amount(-AMOUNT_MAX))).is_ok());
        assert!(FeedItem::from_wire(item(ITEM_KEY_BYTES_MAX + 1, amount(1))).is_err());
        assert!(FeedItem::from_wire(item(1, amount(i64::MIN))).is_err());
        assert!(FeedItem::from_wire(item(1, None)).is_err());
    }
}
