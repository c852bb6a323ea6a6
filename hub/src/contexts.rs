//! The contexts file: which nodes there are, and with which certificates to speak to them.
//!
//! ```toml
//! default = "37"
//! authority = "certificates/authority.pem"      # paths relative to the file
//!
//! [contexts.371122]
//! name = "莒县"
//! address = "https://127.0.0.1:7301"
//! certificate = "certificates/operator-371122.pem"
//! key = "certificates/operator-371122.key"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wuji_proto::DivisionCode;

use crate::names::{NEAREST_SHOWN_MAX, nearest};

/// Where the file is looked for: in the directory that `wuji up` makes.
pub const CONTEXTS_FILE_DEFAULT: &str = "./wuji-federation/contexts.toml";

/// The largest contexts file that is read: a province has 14,000 units.
const CONTEXTS_FILE_BYTES_MAX: u64 = 16 << 20;

/// The contexts file. Its paths are as written: relative to the file's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The context that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<DivisionCode>,
    /// The certificate, in PEM, that every node's certificate must lead to.
    pub authority: PathBuf,
    /// The nodes by their codes.
    pub contexts: BTreeMap<DivisionCode, Context>,
}

/// How to speak to one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The unit's name.
    pub name: String,
    /// `https://HOST:PORT` of its gRPC services.
    pub address: String,
    /// The operator's certificate, in PEM: for `CODE.operator.wuji`.
    pub certificate: PathBuf,
    /// The operator's private key, in PEM.
    pub key: PathBuf,
}

/// A chosen context with its paths made absolute or relative to the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The unit's code.
    pub code: DivisionCode,
    /// The certificate that the node's own must lead to.
    pub authority: PathBuf,
    /// How to speak to the node.
    pub context: Context,
}

/// What is wrong with a contexts file or with the choice of a context.
#[derive(Debug, Error)]
pub enum ContextError {
    /// There is no such file.
    #[error(
        "there is no contexts file {path}: start a federation with `wuji up`, which writes one, or name yours with --contexts FILE (WUJI_CONTEXTS)"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot {verb} the contexts file {path}: {source}")]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not of the form described in [this module](self).
    #[error("the contexts file {path} is not valid: {reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// No context was named and the file has no default.
    #[error("the contexts file {path} has no default: name a node with -c CODE (WUJI_CONTEXT); known are {known}")]
    NoDefault {
        /// The file.
        path: PathBuf,
        /// Some of the known contexts.
        known: String,
    },
    /// There is no such context.
    #[error("the contexts file {path} has no context {wanted:?}: the nearest are {nearest}")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// The nearest known contexts.
        nearest: String,
    },
}

impl Contexts {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ContextError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ContextError::Missing { path: path.to_owned() },
            _ => ContextError::File { verb: "read", path: path.to_owned(), source },
        };
        let form = |reason: String| ContextError::Form { path: path.to_owned(), reason };
        if fs::metadata(path).map_err(failed)?.len() > CONTEXTS_FILE_BYTES_MAX {
            return Err(form(format!("it is larger than {CONTEXTS_FILE_BYTES_MAX} bytes")));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let contexts: Self = toml::from_str(&text).map_err(|error| form(error.to_string().trim_end().to_owned()))?;
        match contexts.default {
            Some(default) if !contexts.contexts.contains_key(&default) => {
                Err(form(format!("its default {default} is not one of its contexts")))
            }
            _ => Ok(contexts),
        }
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), ContextError> {
        let failed = |source| ContextError::File { verb: "write", path: path.to_owned(), source };
        let text = toml::to_string(self).map_err(|error| failed(io::Error::other(error)))?;
        let beside = path.with_extension("toml.new");
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(failed)
    }

    /// The context of a code or of a unit's name; `None` chooses the default. `path` is the
    /// file's, for its relative paths and for errors.
    pub fn choose(&self, wanted: Option<&str>, path: &Path) -> Result<Chosen, ContextError> {
        let code = match wanted {
            Some(wanted) => self.find(wanted, path)?,
            None => self.default.ok_or_else(|| ContextError::NoDefault {
                path: path.to_owned(),
                known: self.listed(self.contexts.keys().take(NEAREST_SHOWN_MAX)),
            })?,
        };
        let Some(context) = self.contexts.get(&code) else { return Err(self.unknown(code.as_str(), path)) };
        let directory = path.parent().unwrap_or(Path::new(""));
        let mut context = context.clone();
        context.certificate = directory.join(context.certificate);
        context.key = directory.join(context.key);
        Ok(Chosen { code, authority: directory.join(&self.authority), context })
    }

    fn find(&self, wanted: &str, path: &Path) -> Result<DivisionCode, ContextError> {
        if let Some(code) = wanted.parse().ok().filter(|code| self.contexts.contains_key(code)) {
            return Ok(code);
        }
        let mut named = self.contexts.iter().filter(|(_, context)| context.name == wanted);
        match (named.next(), named.next()) {
            (Some((code, _)), None) => Ok(*code),
            _ => Err(self.unknown(wanted, path)),
        }
    }

    fn unknown(&self, wanted: &str, path: &Path) -> ContextError {
        let known = self.contexts.iter().map(|(code, context)| (code, [code.as_str(), context.name.as_str()]));
        let mut near = nearest(wanted, known);
        if near.is_empty() {
            near = self.contexts.keys().take(NEAREST_SHOWN_MAX).collect();
        }
        ContextError::Unknown {
            path: path.to_owned(),
            wanted: wanted.to_owned(),
            nearest: self.listed(near.into_iter()),
        }
    }

    fn listed<'a>(&self, codes: impl Iterator<Item = &'a DivisionCode>) -> String {
        let name = |code| self.contexts.get(code).map_or("", |context| context.name.as_str());
        codes.map(|code| format!("{code} {}", name(code))).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts() -> Contexts {
        let context = |name: &str, port: u16| Context {
            name: name.to_owned(),
            address: format!("https://127.0.0.1:{port}"),
            certificate: "certificates/operator.pem".into(),
            key: "certificates/operator.key".into(),
        };
        Contexts {
            default: "37".parse().ok(),
            authority: "certificates/authority.pem".into(),
            contexts: [("37", "山东省"), ("3711", "日照市"), ("371122", "莒县")]
                .into_iter()
                .zip(7301..)
                .map(|((code, name), port)| (code.parse().unwrap(), context(name, port)))
                .collect(),
        }
    }

    #[test]
    fn a_written_file_reads_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("contexts.toml");
        contexts().write(&path).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("[contexts.371122]"));
        assert_eq!(Contexts::read(&path).unwrap(), contexts());
    }

    #[test]
    fn a_context_is_chosen_by_code_by_name_or_by_default_and_its_paths_start_at_the_file() {
        let path = Path::new("somewhere/contexts.toml");
        for (wanted, code) in [(None, "37"), (Some("371122"), "371122"), (Some("日照市"), "3711")] {
            let chosen = contexts().choose(wanted, path).unwrap();
            assert_eq!(chosen.code.as_str(), code);
            assert_eq!(chosen.context.key, Path::new("somewhere/certificates/operator.key"));
            assert_eq!(chosen.authority, Path::new("somewhere/certificates/authority.pem"));
        }
    }

    #[test]
    fn an_unknown_context_is_told_the_nearest_known() {
        let error = contexts().choose(Some("371123"), Path::new("contexts.toml")).unwrap_err().to_string();
        assert!(error.contains("the nearest are 371122 莒县"), "{error}");
        let none = Contexts { default: None, ..contexts() };
        let error = none.choose(None, Path::new("contexts.toml")).unwrap_err().to_string();
        assert!(error.contains("-c CODE") && error.contains("37 山东省"), "{error}");
    }

    #[test]
    fn bad_files_are_refused_with_the_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("contexts.toml");
        for (text, needle) in [
            ("authority = 1", "authority"),
            ("authority = \"a\"\ncontext = 3\n[contexts]", "unknown field `context`"),
            ("default = \"42\"\nauthority = \"a\"\n[contexts]", "default 42"),
            ("authority = \"a\"\n[contexts.12345]\nname=\"\"\naddress=\"\"\ncertificate=\"\"\nkey=\"\"", "12345"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Contexts::read(&path).unwrap_err().to_string();
            assert!(error.contains(needle), "{error}");
        }
        let error = Contexts::read(&directory.path().join("none.toml")).unwrap_err().to_string();
        assert!(error.contains("wuji up"), "{error}");
    }
}
