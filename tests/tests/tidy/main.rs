//! The rules of the house that no compiler keeps.
#![expect(clippy::unwrap_used, reason = "tests; helpers are not test functions to clippy")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

/// A file that is longer wants splitting by idea.
const FILE_LINES_MAX: usize = 500;

/// Directories that are made, not written.
const MADE: [&str; 2] = ["target", ".git"];

/// The files of the project with this ending, by their paths in it.
fn files(ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut waiting = vec![root.clone()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !MADE.contains(&name.as_str()) {
                waiting.push(path);
            } else if name.ends_with(ending) {
                let inside = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.push((inside, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no *{ending} below {}", root.display());
    found
}

/// The files whose code (not comments) names something of a crate. A module of ours may have
/// the crate's name: `own` are the ways to it.
fn files_that_use(name: &str, own: &[&str]) -> Vec<String> {
    let uses = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let others = own.iter().fold(code.to_owned(), |code, own| code.replace(own, ""));
        others.contains(name)
    };
    let this = "tests/tests/tidy/main.rs";
    let files = files(".rs").into_iter().filter(|(path, text)| path != this && text.lines().any(uses));
    files.map(|(path, _)| path).collect()
}

#[test]
fn each_chosen_but_unmaintained_crate_is_known_to_one_file() {
    assert_eq!(files_that_use("sled::", &["index::sled::", "super::sled::"]), ["node/src/index/sled.rs"]);
    assert_eq!(files_that_use("backoff::", &[]), ["node/src/retry.rs"]);
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<String> = files(".rs")
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"))
        .collect();
    assert!(long.is_empty(), "split by idea:\n{}", long.join("\n"));
}

#[test]
fn modules_are_named_by_their_files() {
    // Below a `tests` directory `support.rs` would be a test of its own.
    let misnamed: Vec<String> = files("mod.rs")
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.ends_with("/mod.rs") && !path.ends_with("tests/support/mod.rs"))
        .collect();
    assert!(misnamed.is_empty(), "name foo/mod.rs foo.rs: {misnamed:?}");
}

/// The words behind `wuji` wherever a document shows a command.
fn shown_commands(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let starts = ["`wuji ", "$ wuji ", "next: wuji ", "run --release -- "];
    text.lines().flat_map(move |line| {
        let behind = starts.into_iter().flat_map(|start| line.split(start).skip(1));
        behind.map(|rest| {
            let command = rest.split(['`', '#', '|']).next().unwrap_or_default();
            command.split_whitespace().map(|word| word.trim_matches([',', ';', '.', ':', ')'])).collect()
        })
    })
}

/// Why this is no command of the program, if it is none. Options before the command are passed over.
fn misfit(words: &[&str]) -> Option<String> {
    let mut command = &wuji::args::Cli::command();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            if ["-c", "--context", "--contexts", "--output"].contains(word) {
                words.next();
            }
            continue;
        }
        match command.find_subcommand(word) {
            Some(below) => command = below,
            None if command.is_subcommand_required_set() => {
                return Some(format!("`{}` has no `{word}`", command.get_name()));
            }
            None => break,
        }
    }
    None
}

/// Why an option that is shown with a command is none of it.
fn unknown_option(words: &[&str]) -> Option<String> {
    let cli = wuji::args::Cli::command();
    let mut known: BTreeSet<String> = cli.get_arguments().filter_map(|one| one.get_long().map(str::to_owned)).collect();
    let mut command = &cli;
    for word in words {
        if let Some(below) = command.find_subcommand(word) {
            command = below;
            known.extend(below.get_arguments().filter_map(|one| one.get_long().map(str::to_owned)));
        }
    }
    known.extend(["help".to_owned(), "version".to_owned()]);
    let shown = words.iter().filter_map(|word| word.strip_prefix("--")).filter(|name| !name.is_empty());
    let name = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
    let strange = shown.map(name).find(|option| !known.contains(option));
    strange.map(|option| format!("`{}` has no `--{option}`", command.get_name()))
}

#[test]
fn every_command_that_a_document_shows_exists() {
    let mut shown = 0;
    let mut wrong = Vec::new();
    for (path, text) in files(".md").into_iter().chain(files(".toml")).chain(files(".service")) {
        for words in shown_commands(&text) {
            shown += 1;
            wrong.extend(
                misfit(&words).or_else(|| unknown_option(&words)).map(|why| format!("{path}: {why}: {words:?}")),
            );
        }
    }
    assert!(shown > 40, "only {shown} commands were found: how documents show them has changed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_that_a_document_links_to_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut missing = Vec::new();
    for (path, text) in files(".md") {
        let from = root.join(&path).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !from.join(file).exists() {
                missing.push(format!("{path}: {target}"));
            }
        }
    }
    assert!(missing.is_empty(), "links to nothing:\n{}", missing.join("\n"));
}
