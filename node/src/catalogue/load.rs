//! Reads a catalogue from its files and checks everything in it. What can be read is read
//! on, so that one run tells all problems.

mod condition;
mod field;
mod indicator;
mod ledger;
mod measure;
mod reporting;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Section, Source, hash_table};
use super::ledger::{Ledger, Title};
use super::measure::Measure;
use super::measuring::{Plan, Rule};
use super::problem::Report;
use super::suggest::suggestion;
use super::{Catalogue, CatalogueError, Duty, builtin};

/// The file that names the catalogue and lists its ledgers.
const HEAD: &str = "catalogue.toml";
const CONDITIONS: &str = "conditions.toml";
const INDICATORS: &str = "indicators.toml";
/// The longest version of a catalogue, in bytes.
const VERSION_BYTES_MAX: usize = 32;
/// The longest name of a ledger, field, measure or indicator, in bytes.
const NAME_BYTES_MAX: usize = 40;

/// Reads and checks the files of a catalogue.
pub(super) fn load(mut sources: Vec<Source>) -> Result<Catalogue, CatalogueError> {
    sources.sort_by(|a, b| a.name().cmp(b.name()));
    let report = Report::default();
    let trees: Vec<_> = sources.iter().map(|source| (source, source.parse(&report))).collect();
    let root = |name: &str| {
        trees
            .iter()
            .find(|(source, _)| source.name() == name)
            .map(|(source, table)| Section::root(source, table.get_ref(), &report))
    };

    let mut catalogue = root(HEAD).map_or_else(
        || {
            let absent = super::problem::At { file: HEAD.into(), line: 1 };
            report.add(&absent, "the file is missing", "it names the catalogue's version and lists its ledgers");
            Catalogue::default()
        },
        |head| read_head(&head, &trees.iter().map(|(source, _)| source.name()).collect::<Vec<_>>()),
    );
    let mut measures = builtin::measures(&catalogue.ledger_order);
    for name in &catalogue.ledger_order {
        if let Some(section) = root(&format!("{name}.toml")) {
            let ledger = ledger::read(&section, name);
            measures.extend(section.sections("measure").iter().filter_map(|one| measure::read(one, &ledger)));
            section.finish();
            catalogue.ledgers.push(ledger);
        }
    }
    if let Some(section) = root(CONDITIONS) {
        let conditions = condition::read_all(&section, &catalogue.ledgers, &measures);
        measures.extend(conditions);
    }
    builtin::count_revisions(&mut measures);
    whole::check(&measures, &report);
    catalogue.measures = measures.into_iter().map(|(measure, _)| measure).collect();
    if let Some(section) = root(INDICATORS) {
        catalogue.indicators = indicator::read_all(&section, &catalogue.ledgers, &catalogue.measures);
    }
    drop_unlisted(&catalogue, &trees.iter().map(|(source, _)| *source).collect::<Vec<_>>(), &report);

    let mut hasher = blake3::Hasher::new_derive_key("wuji 2026-01 catalogue content");
    for (source, table) in &trees {
        hasher.update(&(source.name().len() as u64).to_le_bytes());
        hasher.update(source.name().as_bytes());
        hash_table(table.get_ref(), &mut hasher);
    }
    catalogue.hash = *hasher.finalize().as_bytes();
    report.finish()?;
    Ok(compile(catalogue))
}

fn read_head(head: &Section<'_>, files: &[&str]) -> Catalogue {
    let (version, at) = head.need_text("version");
    if version.len() > VERSION_BYTES_MAX {
        head.report.add(
            &at,
            "the version is too long",
            format!("use at most {VERSION_BYTES_MAX} bytes, such as 2026.1"),
        );
    }
    let mut ledger_order: Vec<String> = Vec::new();
    for (name, at) in head.need("ledgers").map(|node| node.texts()).unwrap_or_default() {
        if ledger_order.contains(&name) {
            head.report.add(&at, format!("ledger `{name}` is listed twice"), "remove one");
        } else if files.contains(&format!("{name}.toml").as_str()) {
            ledger_order.push(name);
        } else {
            let known = files.iter().filter_map(|file| file.strip_suffix(".toml")).collect::<Vec<_>>();
            head.report.add(&at, format!("ledger `{name}` has no file {name}.toml"), suggestion(&name, known));
        }
    }
    let title = read_title(head);
    let duties = head.sections("duty").iter().map(|duty| read_duty(duty, &ledger_order)).collect();
    let reporting = reporting::read(head);
    head.finish();
    Catalogue { version, title, duties, reporting, ledger_order, ..Catalogue::default() }
}

fn read_duty(section: &Section<'_>, known: &[String]) -> Duty {
    let title = read_title(section);
    let ledgers = section.need("ledgers").map(|node| node.texts()).unwrap_or_default();
    for (name, at) in &ledgers {
        if !known.contains(name) {
            let what = format!("there is no ledger `{name}`");
            section.report.add(at, what, suggestion(name, known.iter().map(String::as_str)));
        }
    }
    section.finish();
    Duty { title, ledgers: ledgers.into_iter().map(|(name, _)| name).collect() }
}

/// A file that nothing lists would be a ledger that is missing without a word.
fn drop_unlisted(catalogue: &Catalogue, sources: &[&Source], report: &Report) {
    for source in sources {
        let known = [HEAD, CONDITIONS, INDICATORS].contains(&source.name());
        let stem = source.name().trim_end_matches(".toml");
        if !known && !catalogue.ledger_order.iter().any(|ledger| ledger == stem) {
            let at = super::problem::At { file: source.name().into(), line: 1 };
            report.add(&at, "no ledger of this name is listed", format!("add \"{stem}\" to `ledgers` in {HEAD}"));
        }
    }
}

/// What measuring looks up for each record, once for all.
fn compile(mut catalogue: Catalogue) -> Catalogue {
    let mut plans: BTreeMap<String, Plan> = BTreeMap::new();
    for ledger in &catalogue.ledgers {
        let event_slot = ledger.facts.binary_search(&ledger.event_date).unwrap_or(usize::MAX);
        plans.insert(ledger.id.clone(), Plan { facts: ledger.facts.clone(), event_slot, measures: Vec::new() });
    }
    let mut condition_ledgers = BTreeSet::new();
    for (at, measure) in catalogue.measures.iter().enumerate() {
        match &measure.rule {
            Rule::Flow { .. } | Rule::Stock(_) => {
                if let Some(plan) = plans.get_mut(&measure.ledger) {
                    plan.measures.push(at);
                }
            }
            Rule::Condition(condition) => condition_ledgers.extend(condition.ledgers().map(str::to_owned)),
            Rule::Tally => {}
        }
    }
    catalogue.numbers = catalogue.measures.iter().enumerate().map(|(at, measure)| (measure.key, at)).collect();
    catalogue.plans = plans;
    catalogue.condition_ledgers = condition_ledgers;
    catalogue
}

/// The titles that everything has.
fn read_title(section: &Section<'_>) -> Title {
    Title { zh: section.need_text("zh").0, en: section.need_text("en").0 }
}

/// A name of the catalogue: it becomes a request's word, a column title and part of a key.
fn read_name(section: &Section<'_>, key: &'static str) -> String {
    let (name, at) = section.need_text(key);
    let well_formed = name.split('.').all(|part| {
        part.starts_with(|first: char| first.is_ascii_lowercase())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    });
    if !name.is_empty() && (!well_formed || name.len() > NAME_BYTES_MAX) {
        let advice = format!("use small letters, digits and _, at most {NAME_BYTES_MAX}, a letter first");
        section.report.add(&at, format!("`{name}` cannot be a name"), advice);
    }
    name
}

/// Finds a ledger by name, or reports it.
fn find_ledger<'l>(section: &Section<'_>, ledgers: &'l [Ledger], name: &str) -> Option<&'l Ledger> {
    let found = ledgers.iter().find(|ledger| ledger.id == name);
    if found.is_none() && !name.is_empty() {
        let known: Vec<&str> = ledgers.iter().map(|ledger| ledger.id.as_str()).collect();
        section.wrong(format!("there is no ledger `{name}`"), suggestion(name, known));
    }
    found
}

/// Finds a measure by id (the newest revision) or `id@revision`.
fn find_measure<'m>(measures: impl Iterator<Item = &'m Measure>, id: &str) -> Option<&'m Measure> {
    let (id, revision) = super::split_revision(id)?;
    measures
        .filter(|measure| measure.id == id && revision.is_none_or(|revision| measure.key.revision == revision))
        .max_by_key(|measure| measure.key.revision)
}
