//! The directory of a federation: its plan, certificates, configuration, logs and data.
//!
//! | path | what |
//! |---|---|
//! | `federation.toml` | the plan: marks the directory as ours |
//! | `contexts.toml` | where the nodes are, for every other command |
//! | `certificates/` | see `wuji dev certificates` |
//! | `CODE/node.toml`, `node.log`, `data/` | of one node; the configuration may be edited |
//! | `lock` | held while `wuji up` runs |

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wuji_node::division::Directory;
use wuji_proto::{DivisionCode, Period};

use super::plan::{FORMAT, Plan, Unit};
use crate::certificates::{self, Role};
use crate::sample::{Sample, SampleName};

const PLAN: &str = "federation.toml";
const LOCK: &str = "lock";
const CERTIFICATES: &str = "certificates";

/// An open directory: nobody else runs it until this is dropped.
pub struct Home {
    /// Absolute.
    path: PathBuf,
    /// The federation.
    pub plan: Plan,
    /// Its sample.
    pub sample: Sample,
    /// Whether it was there before.
    pub continued: bool,
    _lock: File,
}

impl Home {
    /// Opens or makes the directory and brings its files up to date. `sample` is what was asked
    /// for, if anything; a new federation without is `ju`, over the year before `now_ms`
    /// (milliseconds since 1970).
    pub fn open(directory: &Path, sample: Option<SampleName>, now_ms: i64) -> anyhow::Result<Self> {
        check_ours(directory)?;
        fs::create_dir_all(directory).with_context(|| format!("making the directory {}", directory.display()))?;
        let path = directory.canonicalize().with_context(|| format!("reading {}", directory.display()))?;
        let lock = lock(&path)?;
        // Another `up` may have made it while this one waited.
        check_ours(&path)?;
        let kept = read_plan(&path)?;
        let continued = kept.is_some();
        let (mut plan, sample) = match kept {
            Some(plan) => continue_with(&path, plan, sample)?,
            None => begin(&path, sample.unwrap_or(SampleName::Ju), now_ms)?,
        };
        let moved = plan.move_taken_ports(seed(&path))?;
        let home = Self { path, plan, sample, continued, _lock: lock };
        home.write_files(!moved.is_empty() || !continued, now_ms)?;
        Ok(home)
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file for `--contexts`.
    pub fn contexts(&self) -> PathBuf {
        self.path.join("contexts.toml")
    }

    /// The directory of one node.
    pub fn of(&self, code: DivisionCode) -> PathBuf {
        self.path.join(code.as_str())
    }

    /// The certificates' directory.
    pub fn certificates(&self) -> PathBuf {
        self.path.join(CERTIFICATES)
    }

    fn write_files(&self, ports_changed: bool, now_ms: i64) -> anyhow::Result<()> {
        let codes: Vec<DivisionCode> = self.plan.units.iter().map(|unit| unit.code).collect();
        certificates::ensure(&self.certificates(), &codes, now_ms)?;
        for unit in &self.plan.units {
            let file = self.of(unit.code).join("node.toml");
            fs::create_dir_all(self.of(unit.code)).with_context(|| format!("making {}", file.display()))?;
            // Edits are kept, unless a port moved: then a parent's address may have, too.
            if ports_changed || !file.exists() {
                write(&file, &node_toml(unit, &self.plan))?;
            }
        }
        write(&self.contexts(), &contexts_toml(&self.plan)?)?;
        // Last: with this file the directory is complete.
        let plan = toml::to_string(&self.plan).context("writing the plan")?;
        write(&self.path.join(PLAN), &format!("# Made by `wuji up`, which starts this federation again.\n\n{plan}"))
    }
}

/// Refuses a directory that holds something else.
fn check_ours(directory: &Path) -> anyhow::Result<()> {
    if directory.join(PLAN).is_file() {
        return Ok(());
    }
    let names = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.and_then(|entries| entries.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>()),
    };
    let names = names.with_context(|| format!("reading the directory {}", directory.display()))?;
    // What a first start that was interrupted leaves: the lock is always the first file.
    if names.is_empty() || names.iter().any(|name| name == LOCK) {
        return Ok(());
    }
    bail!(
        "{} is not empty and has no {PLAN}, so it was not made by `wuji up`: name another directory with --dir",
        directory.display()
    )
}

fn lock(directory: &Path) -> anyhow::Result<File> {
    let path = directory.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another `wuji up` is running {}: use it, stop it with Ctrl-C, or name another directory with --dir",
            directory.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

fn read_plan(directory: &Path) -> anyhow::Result<Option<Plan>> {
    let path = directory.join(PLAN);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("reading {}", path.display()))?,
    };
    let plan: Plan = toml::from_str(&text)
        .with_context(|| format!("reading {}; remove the directory to start afresh", path.display()))?;
    if plan.format != FORMAT {
        bail!("{} has format {}, this program knows {FORMAT}: install its version", path.display(), plan.format);
    }
    Ok(Some(plan))
}

fn continue_with(path: &Path, plan: Plan, asked: Option<SampleName>) -> anyhow::Result<(Plan, Sample)> {
    if let Some(asked) = asked.filter(|asked| *asked != plan.sample) {
        bail!(
            "{} holds the sample {}, not {}: name another directory with --dir",
            path.display(),
            plan.sample.name(),
            asked.name()
        );
    }
    let first: Period = plan.first_month.parse().with_context(|| format!("reading {}", path.join(PLAN).display()))?;
    let sample = Sample::new(plan.sample, first)?;
    Ok((plan, sample))
}

fn begin(path: &Path, name: SampleName, now_ms: i64) -> anyhow::Result<(Plan, Sample)> {
    let now = jiff::Timestamp::from_millisecond(now_ms).context("reading the clock")?;
    let today = now.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).date();
    let sample = Sample::new(name, Sample::year_before(today))?;
    let plan = Plan::new(&sample, &Directory::embedded()?, seed(path))?;
    Ok((plan, sample))
}

fn seed(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// A node's configuration.
fn node_toml(unit: &Unit, plan: &Plan) -> String {
    let (code, port, metrics_port) = (unit.code, unit.port, unit.metrics_port);
    let name = quoted(&unit.name);
    let parent = unit.parent.and_then(|parent| plan.unit(parent)).map_or(String::new(), |parent| {
        format!("parent = {{ code = \"{}\", address = \"{}\" }}\n", parent.code, parent.address())
    });
    format!(
        r#"# Made by `wuji up`; yours to edit. Ports are planned in ../{PLAN}.

code = "{code}"
name = {name}
data_directory = "data"
listen = "127.0.0.1:{port}"
{parent}
[tls]
authority = "../{CERTIFICATES}/authority.pem"
certificate = "../{CERTIFICATES}/{code}.pem"
key = "../{CERTIFICATES}/{code}.key"

[journal]
segment_mib = 8

[log]
format = "text"

[metrics]
listen = "127.0.0.1:{metrics_port}"
"#
    )
}

/// Where the nodes are, for every other command.
fn contexts_toml(plan: &Plan) -> anyhow::Result<String> {
    let mut text = format!(
        "# Made by `wuji up`: use with --contexts, or WUJI_CONTEXTS.\n\n\
         default = \"{}\"\nauthority = \"{CERTIFICATES}/authority.pem\"\n",
        plan.root()?.code
    );
    for unit in &plan.units {
        let stem = Role::Operator.file_stem(unit.code);
        write!(
            text,
            "\n[contexts.{}]\nname = {}\naddress = \"{}\"\ncertificate = \"{CERTIFICATES}/{stem}.pem\"\n\
             key = \"{CERTIFICATES}/{stem}.key\"\n",
            unit.code,
            quoted(&unit.name),
            unit.address()
        )?;
    }
    Ok(text)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// All or nothing: a file is never there in part.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_392_000_000; // 2026-11-23

    fn table(path: &Path) -> toml::Table {
        fs::read_to_string(path).unwrap().parse().unwrap()
    }

    #[test]
    fn a_new_directory_gets_every_file_and_opening_again_changes_none() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("federation");
        let read = |home: &Home| {
            let mut texts = vec![fs::read(home.contexts()).unwrap(), fs::read(home.path().join(PLAN)).unwrap()];
            texts.extend(home.plan.units.iter().map(|unit| fs::read(home.of(unit.code).join("node.toml")).unwrap()));
            texts
        };
        let home = Home::open(&at, None, NOW_MS).unwrap();
        assert!(!home.continued && home.sample.name == SampleName::Ju);
        assert_eq!(home.sample.first.to_string(), "2025-11");
        let before = read(&home);
        drop(home);
        let later = NOW_MS + 90 * 86_400_000;
        let again = Home::open(&at, Some(SampleName::Ju), later).unwrap();
        assert!(again.continued && again.sample.first.to_string() == "2025-11");
        assert_eq!(read(&again), before);
    }

    #[test]
    fn a_nodes_configuration_names_its_parent_and_certificates_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path(), None, NOW_MS).unwrap();
        for unit in &home.plan.units {
            let file = home.of(unit.code).join("node.toml");
            let config = table(&file);
            assert_eq!(config["code"].as_str(), Some(unit.code.as_str()));
            assert_eq!(config["name"].as_str(), Some(unit.name.as_str()));
            assert_eq!(config["listen"].as_str().unwrap(), format!("127.0.0.1:{}", unit.port));
            let parent = unit.parent.map(|code| home.plan.unit(code).unwrap());
            let address = config.get("parent").map(|parent| parent["address"].as_str().unwrap().to_owned());
            assert_eq!(address, parent.map(Unit::address));
            for (_, path) in config["tls"].as_table().unwrap() {
                assert!(home.of(unit.code).join(path.as_str().unwrap()).is_file(), "{path}");
            }
        }
        let contexts = table(&home.contexts());
        assert_eq!(contexts["default"].as_str(), Some("37"));
        for unit in &home.plan.units {
            let context = &contexts["contexts"][unit.code.as_str()];
            assert_eq!(context["address"].as_str().unwrap(), unit.address());
            assert!(home.path().join(context["key"].as_str().unwrap()).is_file());
        }
    }

    #[test]
    fn edits_of_a_configuration_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = Home::open(dir.path(), None, NOW_MS).unwrap().of("37".parse().unwrap()).join("node.toml");
        let edited = fs::read_to_string(&file).unwrap().replace("\"text\"", "\"json\"");
        fs::write(&file, &edited).unwrap();
        Home::open(dir.path(), None, NOW_MS).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), edited);
    }

    #[test]
    fn directories_that_are_not_for_us_are_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path, sample| format!("{:#}", Home::open(path, sample, NOW_MS).map(|_| ()).unwrap_err());

        let theirs = dir.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("letter.txt"), "").unwrap();
        assert!(refused(&theirs, None).contains("not made by `wuji up`"));
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 1);

        let ours = dir.path().join("ours");
        let running = Home::open(&ours, None, NOW_MS).unwrap();
        assert!(refused(&ours, None).contains("another `wuji up` is running"));
        drop(running);
        let message = refused(&ours, Some(SampleName::Huangshi));
        assert!(message.contains("holds the sample ju, not huangshi"), "{message}");

        fs::write(ours.join(PLAN), "format = 1\nsample = 7").unwrap();
        assert!(refused(&ours, None).contains("start afresh"));
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(refused(&file, None).contains("reading the directory"));
    }

    #[test]
    fn a_first_start_that_was_interrupted_begins_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOCK), "").unwrap();
        fs::create_dir(dir.path().join("37")).unwrap();
        let home = Home::open(dir.path(), Some(SampleName::Huangshi), NOW_MS).unwrap();
        assert_eq!(home.sample.name, SampleName::Huangshi);
    }
}
