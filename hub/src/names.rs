//! The catalogue's names and titles as the command line uses them: what was typed may be a
//! name or a title, and a mistyped one gets the nearest known ones.

use thiserror::Error;
use wuji_proto::v1::{CatalogueReply, FieldDefinition, LedgerDefinition, Title};

/// How many nearest names an error shows.
pub const NEAREST_SHOWN_MAX: usize = 3;

/// Below this similarity, of 0 to 1, a name is not worth suggesting.
const SIMILARITY_MIN: f64 = 0.5;

/// A name that the catalogue does not have.
#[derive(Debug, Error)]
#[error("there is no {kind} {name:?}{place}: {advice}")]
pub struct NameError {
    kind: &'static str,
    name: String,
    place: String,
    advice: String,
}

/// The keys whose texts are most like `wanted`, the nearest first, at most
/// [`NEAREST_SHOWN_MAX`].
pub fn nearest<'a, K, const N: usize>(wanted: &str, known: impl Iterator<Item = (K, [&'a str; N])>) -> Vec<K> {
    // The first favours a common beginning, the second an equal length: 371123 means 371122
    // rather than 3711.
    let similarity = |text: &str| {
        f64::midpoint(strsim::jaro_winkler(wanted, text), strsim::normalized_damerau_levenshtein(wanted, text))
    };
    let mut found: Vec<(f64, K)> = known
        .map(|(key, texts)| (texts.into_iter().map(similarity).fold(0.0, f64::max), key))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().take(NEAREST_SHOWN_MAX).map(|(_, key)| key).collect()
}

/// The Chinese title, or the name where there is none.
pub fn title<'a>(title: Option<&'a Title>, name: &'a str) -> &'a str {
    title.map(|title| title.zh.as_str()).filter(|zh| !zh.is_empty()).unwrap_or(name)
}

/// Finds a ledger by its id or title.
pub fn ledger<'a>(catalogue: &'a CatalogueReply, wanted: &str) -> Result<&'a LedgerDefinition, NameError> {
    let known = catalogue.ledgers.iter().map(|ledger| (ledger, ledger.id.as_str(), ledger.title.as_ref()));
    find("ledger", "", wanted, known)
}

/// Finds a field of a ledger by its name or title.
pub fn field<'a>(ledger: &'a LedgerDefinition, wanted: &str) -> Result<&'a FieldDefinition, NameError> {
    let known = ledger.fields.iter().map(|field| (field, field.name.as_str(), field.title.as_ref()));
    find("field", &format!(" in the ledger {}", ledger.id), wanted, known)
}

/// Finds the id of a measure or indicator by its id or title.
pub fn measure<'a>(catalogue: &'a CatalogueReply, wanted: &str) -> Result<&'a str, NameError> {
    let measures = catalogue.measures.iter().map(|measure| (measure.id.as_str(), measure.title.as_ref()));
    let indicators = catalogue.indicators.iter().map(|indicator| (indicator.id.as_str(), indicator.title.as_ref()));
    find("measure or indicator", "", wanted, measures.chain(indicators).map(|(id, title)| (id, id, title)))
}

/// What `--by` may say for these measures: their split fields. Unknown ids add nothing.
pub fn split_fields<'a>(catalogue: &'a CatalogueReply, measures: &[&str]) -> Vec<&'a str> {
    let base = |id: &str| {
        let indicator = catalogue.indicators.iter().find(|indicator| indicator.id == id);
        indicator.map_or_else(|| vec![id.to_owned()], |i| vec![i.numerator.clone(), i.denominator.clone()])
    };
    let wanted: Vec<String> = measures.iter().flat_map(|id| base(id)).collect();
    let mut fields: Vec<&str> = catalogue
        .measures
        .iter()
        .filter(|measure| wanted.contains(&measure.id))
        .flat_map(|measure| measure.splits.iter().flat_map(|split| split.fields.iter().map(String::as_str)))
        .collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// What `--by` says: `unit`, a tier, or a split field by its name.
pub fn split<'a>(fields: &[&'a str], wanted: &str) -> Result<&'a str, NameError> {
    find("split", " of these measures", wanted, fields.iter().map(|field| (*field, *field, None)))
}

fn find<'a, T>(
    kind: &'static str,
    place: &str,
    wanted: &str,
    known: impl Iterator<Item = (T, &'a str, Option<&'a Title>)> + Clone,
) -> Result<T, NameError> {
    let is_it = |id: &str, title: Option<&Title>| {
        id == wanted || title.is_some_and(|title| title.zh == wanted || title.en.eq_ignore_ascii_case(wanted))
    };
    if let Some((found, ..)) = known.clone().find(|(_, id, title)| is_it(id, *title)) {
        return Ok(found);
    }
    let near = nearest(wanted, known.clone().map(|(_, id, it)| (id, [id, it.map_or("", |it| it.zh.as_str())])));
    let advice = if near.is_empty() {
        format!("known are {}", known.map(|(_, id, _)| id).collect::<Vec<_>>().join(", "))
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Err(NameError { kind, name: wanted.to_owned(), place: place.to_owned(), advice })
}
