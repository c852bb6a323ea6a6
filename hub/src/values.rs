//! A record's values: as people type them, as JSON has them, as tables show them.
//!
//! Typed values go to the node as text, which reads them as people write them. JSON has
//! text as strings, integers and money (in 分) as integers, dates as `"2016-08-15"`, yes and
//! no as booleans, lists as arrays of objects; an empty field is null or left out.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Map, Value as Json, json};
use thiserror::Error;
use wuji_node::catalogue::reading;
use wuji_proto::v1::value::Kind as Wire;
use wuji_proto::v1::{FieldDefinition, LedgerDefinition, List, Row, Value};
use wuji_proto::{ParseError, Period, period};

use crate::exit::Exit;
use crate::names::{self, NameError};
use crate::output::{Cell, Column, Kind};

/// The values of a record by the names of their fields.
pub type Values = BTreeMap<String, Value>;

/// Values that cannot be sent.
#[derive(Debug, Error)]
pub enum ValueError {
    /// Not of the form `field=value`.
    #[error("{0:?} is not of the form field=value")]
    NotAnAssignment(String),
    /// Not JSON, or not of the form that a record has.
    #[error(
        "{subject} is not a record: {reason}; write {{\"field\": value, …}} as `wuji ledger show ID --output json` does"
    )]
    Json {
        /// The file or the field.
        subject: String,
        /// Why.
        reason: String,
    },
    /// A JSON value of the wrong type.
    #[error("the field {field} cannot be {value}: {advice}")]
    Type {
        /// The field.
        field: String,
        /// What was given.
        value: String,
        /// What to write instead.
        advice: &'static str,
    },
    /// There is no such field.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl ValueError {
    /// The exit code for this error: a wrong name is wrong usage, a wrong value is wrong input.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::NotAnAssignment(_) | Self::Name(_) => Exit::Usage,
            Self::Json { .. } | Self::Type { .. } => Exit::Refused,
        }
    }
}

/// Reads a `field=value`: the field by name or title; the value is sent as text, a list's
/// as JSON where it begins with `[`. An empty value is `None`: the field is emptied.
pub fn assignment(ledger: &LedgerDefinition, text: &str) -> Result<(String, Option<Value>), ValueError> {
    let (name, value) = text.split_once('=').ok_or_else(|| ValueError::NotAnAssignment(text.to_owned()))?;
    let field = names::field(ledger, name.trim())?;
    let value = match value {
        "" => None,
        list if field.r#type == "list" && list.trim_start().starts_with('[') => {
            let json = serde_json::from_str(list)
                .map_err(|error| ValueError::Json { subject: field.name.clone(), reason: error.to_string() })?;
            from_json(field, &json)?
        }
        text => Some(wire(Wire::Text(text.to_owned()))),
    };
    Ok((field.name.clone(), value))
}

/// Reads a JSON record: an object of values, or the document of `wuji ledger show`, which
/// has them under `values`.
pub fn record(ledger: &LedgerDefinition, subject: &str, text: &str) -> Result<Values, ValueError> {
    let form = |reason: String| ValueError::Json { subject: subject.to_owned(), reason };
    let json: Json = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
    let object = match json.get("values") {
        Some(values) if json.get("ledger").is_some() => values,
        _ => &json,
    };
    let object = object.as_object().ok_or_else(|| form("it is not an object".to_owned()))?;
    let mut values = Values::new();
    for (name, json) in object {
        let field = names::field(ledger, name)?;
        if let Some(value) = from_json(field, json)? {
            values.insert(field.name.clone(), value);
        }
    }
    Ok(values)
}

fn from_json(field: &FieldDefinition, json: &Json) -> Result<Option<Value>, ValueError> {
    let wrong = |advice| {
        let value = json.to_string().chars().take(SHOWN_CHARACTERS_MAX).collect();
        Err(ValueError::Type { field: field.name.clone(), value, advice })
    };
    Ok(Some(wire(match json {
        Json::Null => return Ok(None),
        Json::String(text) if text.is_empty() => return Ok(None),
        Json::String(text) => Wire::Text(text.clone()),
        Json::Bool(flag) => Wire::Flag(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Wire::Integer(integer),
            None => return wrong("write integers, money in 分, or the amount as text with its unit, as in \"35.5元\""),
        },
        Json::Array(rows) => {
            Wire::List(List { rows: rows.iter().map(|row| list_row(field, row)).collect::<Result<_, _>>()? })
        }
        Json::Object(_) => return wrong("write a list as an array of objects"),
    })))
}

/// A row of a list; where the list has one column, a plain value is its row.
fn list_row(field: &FieldDefinition, json: &Json) -> Result<Row, ValueError> {
    let column =
        |name: &str| field.columns.iter().find(|it| it.name == name || names::title(it.title.as_ref(), "") == name);
    let mut values = Values::new();
    match (json, field.columns.as_slice()) {
        (Json::Object(members), _) => {
            for (name, json) in members {
                let inner = column(name).ok_or_else(|| ValueError::Json {
                    subject: format!("a row of {}", field.name),
                    reason: format!("it has no column {name:?}"),
                })?;
                if let Some(value) = from_json(inner, json)? {
                    values.insert(inner.name.clone(), value);
                }
            }
        }
        (json, [only]) => values.extend(from_json(only, json)?.map(|value| (only.name.clone(), value))),
        _ => {
            let value = json.to_string().chars().take(SHOWN_CHARACTERS_MAX).collect();
            return Err(ValueError::Type { field: field.name.clone(), value, advice: "write its rows as objects" });
        }
    }
    Ok(Row { values })
}

/// The longest part of a refused value that an error repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 60;

const fn wire(kind: Wire) -> Value {
    Value { kind: Some(kind) }
}

/// Values as JSON, exact.
pub fn to_json(values: &Values) -> Map<String, Json> {
    let one = |value: &Value| match &value.kind {
        None => Json::Null,
        Some(Wire::Text(text)) => json!(text),
        Some(Wire::Integer(integer)) => json!(integer),
        Some(Wire::Date(days)) => json!(period::date(*days).to_string()),
        Some(Wire::Flag(flag)) => json!(flag),
        Some(Wire::List(list)) => list.rows.iter().map(|row| Json::Object(to_json(&row.values))).collect(),
    };
    values.iter().map(|(name, value)| (name.clone(), one(value))).collect()
}

/// A value as a cell of a table or CSV file, as an import reads it back.
pub fn cell(field: &FieldDefinition, value: Option<&Value>) -> Cell {
    match value.and_then(|value| value.kind.as_ref()) {
        None => Cell::Empty,
        Some(Wire::Text(text)) => Cell::text(text),
        Some(Wire::Integer(fen)) if field.r#type == "money" => Cell::Fen(*fen),
        Some(Wire::Integer(integer)) => Cell::Integer((*integer).into()),
        Some(Wire::Date(days)) => Cell::Date(period::date(*days)),
        Some(Wire::Flag(flag)) => Cell::text(if *flag { "是" } else { "否" }),
        Some(Wire::List(list)) => list_cell(field, list),
    }
}

/// A list as people write it into one cell: `王五、赵六`, or `张三/男；李四/女`.
fn list_cell(field: &FieldDefinition, list: &List) -> Cell {
    let columns = field.columns.len();
    let part = |row: &Row, column: &FieldDefinition| {
        reading::escape(columns, &cell(column, row.values.get(&column.name)).exact())
    };
    let row = |row: &Row| field.columns.iter().map(|column| part(row, column)).collect::<Vec<_>>().join("/");
    Cell::text(&list.rows.iter().map(row).collect::<Vec<_>>().join(if columns == 1 { "、" } else { "；" }))
}

/// The column of a field.
pub fn column(field: &FieldDefinition) -> Column {
    let kind = match field.r#type.as_str() {
        "money" => Kind::Money,
        "integer" => Kind::Number,
        _ => Kind::Text,
    };
    Column::new(&field.name, names::title(field.title.as_ref(), &field.name), kind)
}

/// The unit of each field that has one: money is in 分.
pub fn units(ledger: &LedgerDefinition) -> BTreeMap<&str, &'static str> {
    ledger.fields.iter().filter(|field| field.r#type == "money").map(|field| (field.name.as_str(), "分")).collect()
}

/// For clap: a civil date, `2016-08-15`.
pub fn parse_day(text: &str) -> Result<Date, ParseError> {
    let period = text.parse::<Period>().ok().filter(|period| period.grain() == wuji_proto::Grain::Day);
    period.map(Period::first_day).ok_or_else(|| ParseError::new("date", text, "write it as 2016-08-15"))
}
