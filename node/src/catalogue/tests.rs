//! The catalogue through its public door.

mod columns;
mod form;
mod measuring;
mod shipped;
mod wrong;

use std::sync::LazyLock;

use wuji_proto::period;
use wuji_proto::v1::{self, value::Kind};

use super::{Catalogue, Values};

/// 2016-12-31.
const TODAY: &str = "2016-12-31";

static EMBEDDED: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")));

fn catalogue() -> &'static Catalogue {
    &EMBEDDED
}

/// Days since 1900-01-01 of a date written as 2016-08-15.
fn day(text: &str) -> i32 {
    period::days(text.parse().unwrap())
}

fn value(kind: Kind) -> v1::Value {
    v1::Value { kind: Some(kind) }
}

fn text(text: &str) -> v1::Value {
    value(Kind::Text(text.to_owned()))
}

/// Values as people write them.
fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, written)| ((*name).to_owned(), text(written))).collect()
}

/// A case as a clerk writes it, with some fields replaced; an empty text leaves one out.
fn mediation(changes: &[(&str, &str)]) -> Values {
    let mut case = values(&[
        ("case_no", "（2016）莒调字第12号"),
        ("accepted_on", "2016年8月3日"),
        ("dispute_type", "邻里"),
        ("source", "主动调解"),
        ("difficulty", "一般"),
        ("form", "书面"),
        ("people_count", "2"),
        ("summary", "宅基地滴水纠纷"),
        ("mediators", "王五；赵六"),
    ]);
    case.extend(values(changes));
    case
}
