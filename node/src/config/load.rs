use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::args::Overrides;
use super::error::explain;
use super::{Config, ConfigError, NodeArgs, check};

/// What an environment variable that sets a key begins with.
const ENVIRONMENT_PREFIX: &str = "WUJI_";

/// Variables with that prefix that are the command line's and set no key.
const ENVIRONMENT_OTHERS: [&str; 3] = ["config", "context", "contexts"];

/// Reads the file and the environment, puts the flags over them, and checks the whole.
pub fn load(args: &NodeArgs) -> Result<Config, ConfigError> {
    load_with(
        args,
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    )
}

/// The same with these environment variables.
pub(super) fn load_with(
    args: &NodeArgs,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let file = args.config.display().to_string();
    let text = std::fs::read_to_string(&args.config)
        .map_err(|source| ConfigError::File { file: args.config.clone(), source })?;
    let sources = Figment::new()
        .merge(File { name: file.clone(), text })
        .merge(Environment::of(variables))
        .merge(Flags(Serialized::globals(args.overrides())));
    let mut config: Config = sources.extract().map_err(|error| explain(&error, |key| place(&sources, key, &file)))?;
    check::check(&config).map_err(|(key, problem)| ConfigError::Value {
        place: place(&sources, key, &file),
        key: key.to_owned(),
        problem,
    })?;
    let base = args.config.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    resolve(&mut config, &std::path::absolute(&base).unwrap_or(base));
    Ok(config)
}

/// The keys that variables set. Its error messages name the variables, not the keys.
struct Environment(Vec<(String, String)>);

impl Environment {
    fn of(variables: impl Iterator<Item = (String, String)>) -> Self {
        let key = |name: &str| Some(name.strip_prefix(ENVIRONMENT_PREFIX)?.to_ascii_lowercase().replace("__", "."));
        let keys = variables.filter_map(|(name, value)| Some((key(&name)?, value)));
        Self(keys.filter(|(key, _)| !ENVIRONMENT_OTHERS.contains(&key.as_str())).collect())
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment (WUJI_…)")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut keys = Dict::new();
        for (key, value) in &self.0 {
            // A number or truth value where it reads as one, else the text as it is.
            let value = value.parse().unwrap_or_else(|_: std::convert::Infallible| Value::from(value.as_str()));
            put(&mut keys, key, value);
        }
        Ok(Profile::Global.collect(keys))
    }
}

/// Puts a value below the levels that its key names.
fn put(keys: &mut Dict, key: &str, value: Value) {
    let Some((section, rest)) = key.split_once('.') else {
        keys.insert(key.to_owned(), value);
        return;
    };
    let entry = keys.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, below) = entry {
        put(below, rest, value);
    }
}

/// The text of the file, under its own name in error messages.
struct File {
    name: String,
    text: String,
}

impl Provider for File {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Toml::string(&self.text).data()
    }
}

/// Gives the overrides a name that people know.
struct Flags(Serialized<Overrides>);

impl Provider for Flags {
    fn metadata(&self) -> Metadata {
        Metadata::named("the flags")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.0.data()
    }
}

/// Where a key was set: the file, the environment or the flags.
fn place(sources: &Figment, key: &str, file: &str) -> String {
    sources.find_metadata(key).map_or_else(|| file.to_owned(), |metadata| metadata.name.to_string())
}

/// Makes every path absolute.
fn resolve(config: &mut Config, base: &Path) {
    let paths =
        [&mut config.data_directory, &mut config.tls.authority, &mut config.tls.certificate, &mut config.tls.key];
    for path in paths.into_iter().chain(config.catalogue.directory.as_mut()) {
        *path = base.join(&*path);
    }
}
