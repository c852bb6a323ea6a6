//! JSON documents whose rows are too many to be held: a head, an array written item by
//! item, and a tail. What is written is one valid document.

use std::io::{self, Write};

use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock;

/// A document that is written item by item.
pub struct Stream<W: Write> {
    out: W,
    first: bool,
}

impl<W: Write> Stream<W> {
    /// Begins a document with the members of `head` and then the array `name`.
    pub fn new(head: &Map<String, Value>, name: &str, mut out: W) -> io::Result<Self> {
        out.write_all(b"{\n")?;
        for (key, value) in head {
            writeln!(out, "  {}: {value},", Value::from(key.as_str()))?;
        }
        write!(out, "  {}: [", Value::from(name))?;
        Ok(Self { out, first: true })
    }

    /// Writes an item of the array, on a line of its own.
    pub fn item(&mut self, item: &impl Serialize) -> io::Result<()> {
        self.out.write_all(if self.first { b"\n    " } else { b",\n    " })?;
        self.first = false;
        Ok(serde_json::to_writer(&mut self.out, item)?)
    }

    /// Ends the array and the document, with the members of `tail`.
    pub fn finish(mut self, tail: &Map<String, Value>) -> io::Result<()> {
        self.out.write_all(if self.first { b"]" } else { b"\n  ]" })?;
        for (key, value) in tail {
            write!(self.out, ",\n  {}: {value}", Value::from(key.as_str()))?;
        }
        self.out.write_all(b"\n}\n")?;
        self.out.flush()
    }
}

/// The members of a `json!({…})`; empty for any other value.
pub fn members(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}

/// A time as RFC 3339 in China time; null for never.
pub fn time(ms: i64) -> Value {
    json!(clock::rfc3339(ms))
}

/// A text; null for an empty one.
pub fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// For `serialize_with`: a time as RFC 3339 in China time; null for never.
pub fn serialize_time<S: serde::Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    clock::rfc3339(*ms).serialize(serializer)
}

/// For `serialize_with`: a civil date as ISO 8601.
pub fn serialize_date<S: serde::Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

/// For `serialize_with`: a civil date as ISO 8601; null for none.
pub fn serialize_optional_date<S: serde::Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    date.map(|date| date.to_string()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_whole_documents() {
        for items in [vec![], vec![1, 2]] {
            let mut out = Vec::new();
            let mut stream = Stream::new(&members(json!({"scope": "37"})), "rows", &mut out).unwrap();
            for item in &items {
                stream.item(item).unwrap();
            }
            stream.finish(&members(json!({"total": 3}))).unwrap();
            let read: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, json!({"scope": "37", "rows": items, "total": 3}));
        }
    }
}
