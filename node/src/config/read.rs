use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};
use wuji_proto::DivisionCode;

/// A text, also where it was written like a number: `code = 371122`, or any digits in an
/// environment variable, which has no quotation marks.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(TextVisitor)
}

/// A division code.
pub fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DivisionCode, D::Error> {
    text(deserializer)?.parse().map_err(D::Error::custom)
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}
