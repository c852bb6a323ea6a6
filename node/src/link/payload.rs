//! The items of a frame, packed and unpacked.

use prost::Message;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use wuji_proto::v1;
use wuji_proto::v1::payload::Items as Packed;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

use super::frame::Malformed;
use super::{FRAME_ITEMS_MAX, PAYLOAD_BYTES_MAX};
use crate::feed::item::FeedItem;

/// Payloads below this are not worth compressing, in bytes.
const COMPRESSED_BYTES_MIN: usize = 512;

/// The fastest ordinary level: keys share long beginnings, and any level finds them.
const COMPRESSION_LEVEL: i32 = 1;

/// The field of `Items` that repeats.
const ITEM_FIELD: u32 = 1;

/// Packs items; keeps what zstd needs between frames.
pub struct Packer(Option<Compressor<'static>>);

impl Packer {
    /// Without memory for zstd, payloads go plain.
    pub fn new() -> Self {
        Self(Compressor::new(COMPRESSION_LEVEL).ok())
    }

    /// Compressed where that is smaller.
    pub fn pack(&mut self, items: Vec<FeedItem>) -> v1::Payload {
        let items = v1::Items { items: items.into_iter().map(FeedItem::into_wire).collect() };
        let plain = items.encode_to_vec();
        let compressed = match &mut self.0 {
            Some(compressor) if plain.len() >= COMPRESSED_BYTES_MIN => compressor.compress(&plain).ok(),
            _ => None,
        };
        let packed = match compressed {
            Some(compressed) if compressed.len() < plain.len() => Packed::Zstd(compressed),
            _ => Packed::Plain(plain),
        };
        v1::Payload { items: Some(packed) }
    }
}

/// Unpacks items within the limits; keeps what zstd needs between frames.
pub struct Unpacker(Option<Decompressor<'static>>);

impl Unpacker {
    pub fn new() -> Self {
        Self(Decompressor::new().ok())
    }

    /// The items of a payload, each checked as far as the link can.
    pub fn unpack(&mut self, payload: v1::Payload) -> Result<Vec<FeedItem>, Malformed> {
        let size = unpacked_bytes(&payload);
        if size > PAYLOAD_BYTES_MAX {
            return Err(Malformed::PayloadBytes { bytes: size });
        }
        match payload.items {
            None => Err(Malformed::Missing("items")),
            Some(Packed::Plain(plain)) => items(&plain),
            Some(Packed::Zstd(compressed)) => {
                let decompressor = self.0.as_mut().ok_or(Malformed::Compression)?;
                // Never more than `size`: what a frame hides beyond the size that it names is an error.
                let plain = decompressor.decompress(&compressed, size).map_err(|_| Malformed::Compression)?;
                items(&plain)
            }
        }
    }
}

/// The size that a payload claims after decompression; the largest one allowed where it
/// claims none.
pub fn unpacked_bytes(payload: &v1::Payload) -> usize {
    match &payload.items {
        None => 0,
        Some(Packed::Plain(plain)) => plain.len(),
        Some(Packed::Zstd(compressed)) => match get_frame_content_size(compressed) {
            Ok(Some(size)) => usize::try_from(size).unwrap_or(usize::MAX),
            Ok(None) | Err(_) => PAYLOAD_BYTES_MAX,
        },
    }
}

/// Item by item, so that a million empty items are refused before they take memory.
fn items(mut bytes: &[u8]) -> Result<Vec<FeedItem>, Malformed> {
    let mut items = Vec::new();
    while bytes.has_remaining() {
        let (field, wire) = decode_key(&mut bytes).map_err(|_| Malformed::Encoding)?;
        if (field, wire) != (ITEM_FIELD, WireType::LengthDelimited) {
            skip_field(wire, field, &mut bytes, DecodeContext::default()).map_err(|_| Malformed::Encoding)?;
            continue;
        }
        if items.len() == FRAME_ITEMS_MAX as usize {
            return Err(Malformed::Items);
        }
        let length = decode_varint(&mut bytes).map_err(|_| Malformed::Encoding)?;
        let (item, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| bytes.split_at_checked(length))
            .ok_or(Malformed::Encoding)?;
        bytes = rest;
        let item = v1::Item::decode(item).map_err(|_| Malformed::Encoding)?;
        let place = items.len();
        items.push(FeedItem::from_wire(item).map_err(|problem| Malformed::Item { place, problem })?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wuji_proto::AMOUNT_MAX;

    use super::*;
    use crate::feed::item::ItemValue;

    fn unpack(packed: Packed) -> Result<Vec<FeedItem>, Malformed> {
        Unpacker::new().unpack(v1::Payload { items: Some(packed) })
    }

    fn any_items() -> impl Strategy<Value = Vec<FeedItem>> {
        let item = (prop::collection::vec(any::<u8>(), 0..40), -AMOUNT_MAX..=AMOUNT_MAX);
        prop::collection::vec(item.prop_map(|(key, amount)| FeedItem { key, value: ItemValue::Amount(amount) }), 0..200)
    }

    proptest! {
        #[test]
        fn items_survive_packing(items in any_items()) {
            let payload = Packer::new().pack(items.clone());
            prop_assert_eq!(Unpacker::new().unpack(payload).unwrap(), items);
        }

        #[test]
        fn hostile_bytes_are_refused_or_read_but_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(Packed::Plain(bytes.clone()));
            let _ = unpack(Packed::Zstd(bytes));
        }
    }

    #[test]
    fn many_alike_items_travel_compressed_and_few_do_not() {
        let item = |n: u32| FeedItem { key: format!("371122/{n:08}").into_bytes(), value: ItemValue::Amount(1) };
        let packed = |count| Packer::new().pack((0..count).map(item).collect()).items.unwrap();
        assert!(matches!(packed(3), Packed::Plain(_)));
        assert!(matches!(packed(3_000), Packed::Zstd(bytes) if bytes.len() < 20_000));
    }

    #[test]
    fn a_compression_bomb_is_refused_whether_or_not_it_names_its_size() {
        let bomb = vec![0; 64 << 20];
        let named = zstd::bulk::compress(&bomb, 1).unwrap();
        assert!(named.len() < 10_000);
        assert!(matches!(unpack(Packed::Zstd(named)), Err(Malformed::PayloadBytes { .. })));
        let mut stream = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        std::io::Write::write_all(&mut stream, &bomb).unwrap();
        assert_eq!(unpack(Packed::Zstd(stream.finish().unwrap())), Err(Malformed::Compression));
    }

    #[test]
    fn a_million_empty_items_are_refused_by_their_number() {
        let empty = [0x0a, 0x00].repeat(500_000);
        assert!(matches!(unpack(Packed::Plain(empty)), Err(Malformed::Item { place: 0, .. })));
        let item = v1::Item { key: vec![1], value: Some(v1::item::Value::Amount(1)) };
        let many = v1::Items { items: vec![item; FRAME_ITEMS_MAX as usize + 1] }.encode_to_vec();
        assert_eq!(unpack(Packed::Plain(many)), Err(Malformed::Items));
    }
}
