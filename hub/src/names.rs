//! The catalogue's names and titles as the command line uses them: what was typed may be a
//! name or a title, and a mistyped one gets the nearest known ones.

use thiserror::Error;
use wuji_proto::v1::{CatalogueReply, FieldDefinition, LedgerDefinition, MeasureDefinition, Title};

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
    let newest = |it: &&MeasureDefinition| {
        !catalogue.measures.iter().any(|other| other.id == it.id && other.revision > it.revision)
    };
    let measures = catalogue.measures.iter().filter(newest);
    let measures = measures.map(|measure| (measure.id.as_str(), measure.title.as_ref()));
    let indicators = catalogue.indicators.iter().map(|indicator| (indicator.id.as_str(), indicator.title.as_ref()));
    find("measure or indicator", "", wanted, measures.chain(indicators).map(|(id, title)| (id, id, title)))
}

/// The terms of an indicator's formula, `a.b[x=y/z] + c.d`: the measure of each, and which of
/// its parts are meant.
pub fn terms(formula: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    formula.split(" + ").map(|term| match term.split_once('[') {
        Some((measure, parts)) => (measure, Some(parts.trim_end_matches(']'))),
        None => (term, None),
    })
}

/// A field by which measures can be divided and filtered.
#[derive(Clone, Debug)]
pub struct Divider<'a> {
    /// Its name.
    pub name: &'a str,
    title: Option<&'a Title>,
    /// Its words; empty where the catalogue does not list them.
    pub words: Vec<&'a str>,
}

/// The fields by which these measures and indicators can be divided and filtered: the fields
/// of their splits, which every tier holds, and the other code fields of their ledgers, which
/// the units that wrote the records answer. Unknown ids add nothing.
pub fn dividers<'a>(catalogue: &'a CatalogueReply, measures: &[&str]) -> Vec<Divider<'a>> {
    let terms_of = |id: &str| {
        let indicator = catalogue.indicators.iter().find(|indicator| indicator.id == id);
        let formulas = indicator.map_or_else(|| vec![id], |it| vec![&it.numerator, &it.denominator]);
        formulas.into_iter().flat_map(terms).map(|(measure, _)| measure.to_owned()).collect::<Vec<_>>()
    };
    let wanted: Vec<String> = measures.iter().flat_map(|id| terms_of(id)).collect();
    let mut found: Vec<Divider<'a>> = Vec::new();
    for measure in catalogue.measures.iter().filter(|measure| wanted.contains(&measure.id)) {
        let ledger = catalogue.ledgers.iter().find(|ledger| ledger.id == measure.ledger);
        let fields = ledger.into_iter().flat_map(|ledger| &ledger.fields).filter(|field| field.r#type == "code");
        let fields = fields.map(|it| {
            let words = it.codes.iter().map(String::as_str).collect();
            Divider { name: &it.name, title: it.title.as_ref(), words }
        });
        let splits = measure.splits.iter().flat_map(|split| &split.fields);
        let splits = splits.map(|name| Divider { name, title: None, words: Vec::new() });
        for field in fields.chain(splits) {
            match found.iter_mut().find(|known| known.name == field.name) {
                None => found.push(field),
                // Of the same name in another ledger: whose words are meant is not known.
                Some(known) if !field.words.is_empty() && known.words != field.words => known.words.clear(),
                Some(_) => {}
            }
        }
    }
    found
}

/// Finds a field of [`dividers`] by its name or title.
pub fn divider<'d, 'a>(known: &'d [Divider<'a>], wanted: &str) -> Result<&'d Divider<'a>, NameError> {
    find("field", " in the ledgers of these measures", wanted, known.iter().map(|it| (it, it.name, it.title)))
}

impl<'a> Divider<'a> {
    /// Its title on screen.
    pub fn title(&self) -> &'a str {
        title(self.title, self.name)
    }

    /// Finds one of its words; any word where the catalogue lists none.
    pub fn word(&self, wanted: &str) -> Result<String, NameError> {
        if wanted.is_empty() || self.words.is_empty() {
            return Ok(wanted.to_owned());
        }
        let known = self.words.iter().map(|word| (*word, *word, None));
        find("word", &format!(" of {}", self.name), wanted, known).map(str::to_owned)
    }
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
