//! Every command in the guides to statistics, typed as it stands there, against the federation
//! that they start; what they show as the answer is what is answered.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of it is test code")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const GUIDES: [(&str, &str); 2] = [
    ("statistics.md", include_str!("../../../docs/guide/statistics.md")),
    ("statistics.zh-CN.md", include_str!("../../../docs/guide/statistics.zh-CN.md")),
];

/// The line with which `wuji up` says that everything runs.
const UP: &str = "Ctrl-C stops everything";

/// The longest wait for the federation to start, to come to rest, or to stop.
const WAIT_SECONDS_MAX: u64 = 180;

const TRIES_EACH_SECOND: u64 = 20;

/// The cases that the federation starts with.
const CASES: u64 = 869;

/// A command, and the lines that the guide shows as its answer.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    command: String,
    answer: Vec<String>,
}

/// The commands of a guide, in order: lines of `sh` blocks, and those after `$` in `console` blocks.
fn commands(guide: &str) -> Vec<Shown> {
    let (mut shown, mut block): (Vec<Shown>, &str) = (Vec::new(), "");
    for line in guide.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = if block.is_empty() { language } else { "" };
            continue;
        }
        let command = match block {
            "sh" => Some(line.trim()).filter(|line| !line.is_empty()),
            "console" => line.strip_prefix("$ "),
            _ => continue,
        };
        match command {
            Some(command) => shown.push(Shown { command: command.to_owned(), answer: Vec::new() }),
            None => shown.last_mut().unwrap().answer.extend(Some(line.to_owned()).filter(|_| !line.is_empty())),
        }
    }
    shown
}

/// A directory in which a guide's commands are typed.
struct Shell {
    directory: tempfile::TempDir,
    set: BTreeMap<String, String>,
}

impl Shell {
    fn command(&self, line: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_wuji"));
        let path = [program.parent().unwrap().to_owned()].into_iter();
        let path = path.chain(std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<PathBuf>>());
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {line}")]).current_dir(self.directory.path());
        command.env("PATH", std::env::join_paths(path).unwrap()).envs(&self.set);
        command.env_remove("WUJI_CONTEXT");
        command
    }

    /// Types a command; what it printed.
    fn typed(&mut self, guide: &str, line: &str) -> String {
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
            self.set.insert(name.to_owned(), value.to_owned());
            return String::new();
        }
        let output = self.command(line).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{guide}: {line}\nended with {}\n{out}{err}", output.status);
        out
    }
}

/// The federation of a guide; told to stop by SIGTERM when dropped.
struct Up(Child);

impl Up {
    fn start(shell: &Shell, line: &str) -> Self {
        let mut child = shell.command(line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (tell, told) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let up = Self(child);
        loop {
            match told.recv_timeout(Duration::from_secs(WAIT_SECONDS_MAX)) {
                Ok(line) if line.starts_with(UP) => return up,
                Ok(_) => {}
                Err(error) => panic!("{line}: it is not up: {error}"),
            }
        }
    }

    /// Stops it in good order.
    fn stop(mut self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        for _ in 0..WAIT_SECONDS_MAX * TRIES_EACH_SECOND {
            if let Some(status) = self.0.try_wait().unwrap() {
                return assert!(status.success(), "`wuji up` ended with {status}");
            }
            pause();
        }
        panic!("`wuji up` did not stop");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Fails only for a program that has ended; its nodes end with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the province has every case, and its figures are complete.
fn at_rest(shell: &mut Shell) {
    let ask = "wuji stats -m mediation.accepted --from 2016-08 --by workroom --output json";
    let mut answer = serde_json::Value::Null;
    for _ in 0..WAIT_SECONDS_MAX * TRIES_EACH_SECOND {
        answer = serde_json::from_str(&shell.typed("at rest", ask)).unwrap();
        let whole = answer["totals"]["mediation.accepted"] == CASES;
        if whole && answer["in_transit"]["mediation.accepted"] == 0 && !answer["coverage"]["as_of"].is_null() {
            return;
        }
        pause();
    }
    panic!("the federation does not come to rest: {answer}");
}

fn pause() {
    std::thread::sleep(Duration::from_millis(1_000 / TRIES_EACH_SECOND));
}

#[test]
fn commands_stand_in_blocks() {
    let guide = "x\n```sh\nwuji a\n\n wuji b\n```\nwuji c\n```console\n$ wuji d\nsaid\n\nmore\n$ wuji e\n```\n```json\n{}\n```\n";
    let shown = |command: &str, answer: &[&str]| Shown {
        command: command.to_owned(),
        answer: answer.iter().map(|line| (*line).to_owned()).collect(),
    };
    let expected =
        [shown("wuji a", &[]), shown("wuji b", &[]), shown("wuji d", &["said", "more"]), shown("wuji e", &[])];
    assert_eq!(commands(guide), expected);
}

#[test]
fn both_guides_show_the_same_commands() {
    let [(_, english), (_, chinese)] = GUIDES;
    let only = |guide| commands(guide).into_iter().map(|shown| shown.command).collect::<Vec<_>>();
    assert_eq!(only(english), only(chinese));
}

#[test]
fn every_command_of_the_guides_works_and_answers_what_they_show() {
    let mut shell = Shell { directory: tempfile::tempdir().unwrap(), set: BTreeMap::new() };
    let mut up = None;
    let mut typed = 0;
    for (guide, text) in GUIDES {
        for Shown { command, answer } in commands(text) {
            if command.starts_with("wuji up") {
                // The same federation serves both guides.
                up = Some(up.take().unwrap_or_else(|| Up::start(&shell, &command)));
                continue;
            }
            let said = shell.typed(guide, &command);
            if command.starts_with("export") {
                at_rest(&mut shell);
                continue;
            }
            typed += 1;
            let said: Vec<&str> = said.lines().collect();
            for line in answer.iter().filter(|line| line.as_str() != "…") {
                assert!(
                    said.contains(&line.as_str()),
                    "{guide}: {command}\ndoes not say {line}\nbut\n{}",
                    said.join("\n")
                );
            }
        }
    }
    assert!(typed > 40, "only {typed} commands were found: how the guides show them has changed");
    up.unwrap().stop();
}
