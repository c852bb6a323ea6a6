use std::path::PathBuf;

use figment::error::{Actual, Kind, OneOf};

/// What is wrong with a configuration, where, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("reading the configuration {file}: {source}; name it with --config FILE (examples are in config/)")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{place}: {problem}")]
    Syntax {
        /// The file.
        place: String,
        /// What the parser says, with line and column.
        problem: String,
    },
    /// A key that no node knows.
    #[error("{place}: unknown key `{key}`{nearest}; known here: {known}")]
    Unknown {
        /// The file or the environment.
        place: String,
        /// The key.
        key: String,
        /// `; did you mean …?`, or nothing.
        nearest: String,
        /// The keys of this section.
        known: String,
    },
    /// A key without which a node cannot run.
    #[error("{place}: `{key}` is missing; write it as in the examples in config/")]
    Missing {
        /// The file.
        place: String,
        /// The key.
        key: String,
    },
    /// A value of the wrong type, or one that is not allowed.
    #[error("{place}: `{key}`: {problem}")]
    Value {
        /// The file, the environment or the flags.
        place: String,
        /// The key.
        key: String,
        /// What is wrong and what to write.
        problem: String,
    },
    /// The configuration could not be written out.
    #[error("printing the configuration: {0}")]
    Print(String),
}

/// Texts closer than this are worth suggesting.
const SIMILARITY_MIN: f64 = 0.6;

/// From the error of the library that reads the sources. `place` says where a key was set.
pub(super) fn explain(error: &figment::Error, place: impl Fn(&str) -> String) -> ConfigError {
    let path = error.path.join(".");
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match &error.kind {
        // The path of an unknown key ends in the key itself, that of its section does not.
        Kind::UnknownField(name, known) => {
            let key = if error.path.last() == Some(name) { path.clone() } else { below(name) };
            ConfigError::Unknown { place: place(&key), key, nearest: nearest(name, known), known: known.join(", ") }
        }
        Kind::MissingField(name) => ConfigError::Missing { place: place(""), key: below(name) },
        Kind::Message(problem) if path.is_empty() => {
            ConfigError::Syntax { place: place(""), problem: problem.trim_end().to_owned() }
        }
        kind => ConfigError::Value { place: place(&path), key: path, problem: problem(kind) },
    }
}

fn problem(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            format!("it is {}, and should be {}", shown(found), article(wanted))
        }
        Kind::UnknownVariant(found, known) => format!("{found:?} is not allowed; write {}", OneOf(known)),
        Kind::Message(said) if said.contains("socket address") => {
            "it is no address; write IP:PORT, such as \"127.0.0.1:7301\"".to_owned()
        }
        other => other.to_string(),
    }
}

fn article(wanted: &str) -> &str {
    match wanted {
        "u32" => "a whole number, 0 or more",
        "path string" => "a path in quotation marks",
        "socket address" => "an address such as \"127.0.0.1:7301\"",
        other => other,
    }
}

fn shown(found: &Actual) -> String {
    match found {
        Actual::Str(text) => format!("the text {text:?}"),
        Actual::Unsigned(number) => format!("the number {number}"),
        Actual::Signed(number) => format!("the number {number}"),
        Actual::Float(number) => format!("the number {number}"),
        Actual::Bool(truth) => truth.to_string(),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

fn nearest(name: &str, known: &[&str]) -> String {
    let similarity = |word: &str| strsim::jaro_winkler(name, word);
    let best = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    best.filter(|word| similarity(word) >= SIMILARITY_MIN)
        .map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}
