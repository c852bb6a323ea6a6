//! One node as a child process: started, watched, restarted, stopped.
//!
//! A node stops by itself when its standard input closes, so none survives its `up`, however
//! that ends. It runs in a process group of its own: Ctrl-C on the terminal reaches `up` only,
//! which then stops the nodes in order.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::bail;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wuji_proto::DivisionCode;

use super::progress::Progress;

/// A node that has not said that it serves by then is given up, in seconds. Long, since it may
/// have an index to rebuild.
const READY_SECONDS: u64 = 120;

/// A node that has not stopped by then is killed, in seconds; what it acknowledged is on disk.
const STOP_SECONDS: u64 = 20;

/// So often a node that died is started again, in a row.
const RESTARTS_MAX: u32 = 5;

/// The wait before the first restart, in milliseconds; doubled each time.
const RESTART_DELAY_MS: u64 = 500;

/// A node that served so long has recovered: its next death is a first one again. In seconds.
const RECOVERED_SECONDS: u64 = 60;

/// So much of a log's end is read, in bytes, and shown, in lines.
const TAIL_BYTES: u64 = 8 * 1024;
const TAIL_LINES: usize = 12;

/// How to start a node.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Whose node.
    pub code: DivisionCode,
    /// Its name, for people.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Where its standard error goes, appended.
    pub log: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    Failed(String),
}

/// A node under supervision.
pub struct Process {
    code: DivisionCode,
    state: watch::Receiver<State>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Process {
    /// Starts it. What happens to it later is told by `progress`.
    pub fn start(launch: Launch, progress: Progress) -> Self {
        let code = launch.code;
        let (states, state) = watch::channel(State::Starting);
        let (stop, stopping) = oneshot::channel();
        let task = tokio::spawn(supervise(launch, states, stopping, progress));
        Self { code, state, stop, task }
    }

    /// Waits until it serves; an error, with the end of its log, if it gives up before.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        match self.state.wait_for(|state| *state != State::Starting).await.map(|state| state.clone()) {
            Ok(State::Ready) => Ok(()),
            Ok(State::Failed(words)) => bail!("{words}"),
            Ok(State::Starting) | Err(_) => bail!("the node {} was stopped while it started", self.code),
        }
    }

    /// Asks it to stop and waits until it has; it is killed if it takes too long.
    pub async fn stop(self) {
        // Fails if it gave up before: then there is nothing to stop.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

enum Run {
    Stopped,
    /// Why, and how long it had served.
    Died(String, Duration),
}

async fn supervise(
    launch: Launch,
    states: watch::Sender<State>,
    mut stopping: oneshot::Receiver<()>,
    progress: Progress,
) {
    let mut deaths = 0;
    loop {
        let Run::Died(words, served) = run(&launch, &states, &mut stopping, &progress).await else { return };
        deaths = if served.as_secs() >= RECOVERED_SECONDS { 1 } else { deaths + 1 };
        // What never served will not serve the second time: its configuration or its store is at fault.
        let hopeless = *states.borrow() == State::Starting;
        if hopeless || deaths > RESTARTS_MAX {
            let more = if hopeless { "" } else { "; it is not started again: mend it, then start `wuji up` again" };
            let words = format!("the node {} {} {words}{more}", launch.code, launch.name);
            if !hopeless {
                progress.say(&words);
            }
            states.send_replace(State::Failed(words));
            return;
        }
        let delay = Duration::from_millis(RESTART_DELAY_MS << (deaths - 1));
        progress.say(&format!(
            "The node {} {} {words}\nIt is started again in {:.1} s ({deaths} of {RESTARTS_MAX}).",
            launch.code,
            launch.name,
            delay.as_secs_f32()
        ));
        tokio::select! {
            () = sleep(delay) => {}
            _ = &mut stopping => return,
        }
    }
}

/// Runs it once, until it dies or is to stop.
async fn run(
    launch: &Launch,
    states: &watch::Sender<State>,
    stopping: &mut oneshot::Receiver<()>,
    progress: &Progress,
) -> Run {
    let (mut child, stdin, log_from) = match spawn(launch) {
        Ok(started) => started,
        Err(error) => return Run::Died(format!("cannot be started: {error}"), Duration::ZERO),
    };
    let Some(stdout) = child.stdout.take() else { return Run::Died("has no output".to_owned(), Duration::ZERO) };
    let mut lines = BufReader::new(stdout).lines();
    let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
    let (mut ready_at, mut open) = (None::<Instant>, true);
    let died = |what: String, ready_at: Option<Instant>| {
        let served = ready_at.map_or(Duration::ZERO, |at| at.elapsed());
        Run::Died(format!("{what}; the end of {}:\n{}", launch.log.display(), tail(&launch.log, log_from)), served)
    };
    loop {
        tokio::select! {
            line = lines.next_line(), if open => match line {
                // After that line the output is read on, so that the node never waits for us.
                Ok(Some(line)) if is_ready(&line, launch.code) => {
                    ready_at = Some(Instant::now());
                    states.send_replace(State::Ready);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => open = false,
            },
            exit = child.wait() => {
                return died(exit.map_or_else(|error| format!("is lost: {error}"), |s| format!("ended with {s}")), ready_at);
            }
            () = sleep_until(deadline), if ready_at.is_none() => {
                kill(&mut child).await;
                return died(format!("did not serve within {READY_SECONDS} s"), ready_at);
            }
            _ = &mut *stopping => {
                end(launch, child, stdin, progress).await;
                return Run::Stopped;
            }
        }
    }
}

fn spawn(launch: &Launch) -> io::Result<(Child, Option<ChildStdin>, u64)> {
    let log = OpenOptions::new().create(true).append(true).open(&launch.log)?;
    let log_from = log.metadata()?.len();
    let mut child = Command::new(&launch.program)
        .args(&launch.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    // Taken out, since waiting for a child closes the input that it holds.
    let stdin = child.stdin.take();
    Ok((child, stdin, log_from))
}

fn is_ready(line: &str, code: DivisionCode) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("ready") && words.next() == Some(code.as_str())
}

async fn end(launch: &Launch, mut child: Child, stdin: Option<ChildStdin>, progress: &Progress) {
    drop(stdin);
    if timeout(Duration::from_secs(STOP_SECONDS), child.wait()).await.is_err() {
        progress.say(&format!(
            "The node {} {} has not stopped within {STOP_SECONDS} s and is killed; see {}.",
            launch.code,
            launch.name,
            launch.log.display()
        ));
        kill(&mut child).await;
    }
}

async fn kill(child: &mut Child) {
    // It fails only for a child that has ended.
    let _ = child.kill().await;
}

/// The last lines that were written after `from`.
fn tail(log: &Path, from: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Err(error) => format!("  (cannot be read: {error})"),
        Ok(text) if text.trim().is_empty() => "  (nothing)".to_owned(),
        Ok(text) => {
            let lines: Vec<&str> = text.lines().collect();
            let shown = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
            shown.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests;
