//! One node as a child process.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::{program, wait};

/// A node that serves.
pub struct Node {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A start that failed.
#[derive(Debug)]
pub struct Refused {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard error, log and error.
    pub words: String,
}

impl Node {
    /// Starts the node of a directory and waits until it serves; an error if it does not.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        Self::start_with(directory, &[]).await
    }

    /// As [`start`](Self::start), with flags.
    pub async fn start_with(directory: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        Self::serving(
            spawn(&program::node()?, directory, &directory.join("node.log"), flags)?,
            directory,
            wait::LONGEST,
        )
        .await
    }

    /// As [`start`](Self::start), of another build of the program.
    pub async fn start_program(program: &Path, directory: &Path) -> anyhow::Result<Self> {
        Self::start_within(program, directory, wait::LONGEST).await
    }

    /// As [`start_program`](Self::start_program), waiting so long until it serves.
    pub async fn start_within(program: &Path, directory: &Path, longest: Duration) -> anyhow::Result<Self> {
        Self::serving(spawn(program, directory, &directory.join("node.log"), &[])?, directory, longest).await
    }

    async fn serving(mut child: Child, directory: &Path, longest: Duration) -> anyhow::Result<Self> {
        match ready(&mut child, longest).await? {
            Some(address) => Ok(Self { child, address }),
            None => bail!("the node did not start: {}", tail(&directory.join("node.log"))),
        }
    }

    /// Starts a node that must refuse to serve.
    pub async fn refused(directory: &Path) -> anyhow::Result<Refused> {
        let log = directory.join("refused.log");
        let mut child = spawn(&program::node()?, directory, &log, &[])?;
        ensure!(
            ready(&mut child, wait::LONGEST).await?.is_none(),
            "the node in {} serves, and should not",
            directory.display()
        );
        let status = timeout(wait::LONGEST, child.wait()).await.context("waiting for a refused node's end")??;
        let words = std::fs::read_to_string(&log)?;
        std::fs::remove_file(&log)?;
        Ok(Refused { status, words })
    }

    /// Starts a node and kills it a moment later, wherever its start has come to by then.
    pub async fn kill_while_starting(directory: &Path, after: Duration) -> anyhow::Result<()> {
        let mut child = spawn(&program::node()?, directory, &directory.join("node.log"), &[])?;
        sleep(after).await;
        Ok(child.kill().await?)
    }

    /// Its process id; an error once it has ended.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("the node has ended")
    }

    /// As a power cut would (but for the page cache): no handler runs.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Stops it where it stands (SIGSTOP); its lines stay open and silent.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal("-STOP").await
    }

    /// Lets it go on (SIGCONT).
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.signal("-CONT").await
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.child.id().ok_or_else(|| anyhow!("the node has ended before it was sent {signal}"))?;
        let sent = Command::new("kill").args([signal, &id.to_string()]).status().await.context("running kill")?;
        ensure!(sent.success(), "sending {signal} to {id}: {sent}");
        Ok(())
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal("-TERM").await?;
        Ok(timeout(wait::LONGEST, self.child.wait()).await.context("waiting for the node's end after SIGTERM")??)
    }
}

fn spawn(program: &Path, directory: &Path, log: &Path, flags: &[&str]) -> anyhow::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(log).context("opening the node's log")?;
    let mut command = Command::new(program);
    // Such as how many rounds a test is to run: a node would take it for configuration, and refuse.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"WUJI_")) {
        command.env_remove(name);
    }
    command
        .arg("--config")
        .arg(directory.join("node.toml"))
        // So that no node outlives its test, however that ends.
        .arg("--stop-with-stdin")
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("starting a node")
}

/// `ready CODE https://ADDRESS`; `None` if the output ends before.
async fn ready(child: &mut Child, longest: Duration) -> anyhow::Result<Option<SocketAddr>> {
    let output = child.stdout.take().context("the node's output is taken")?;
    let mut lines = BufReader::new(output).lines();
    let line = timeout(longest, lines.next_line()).await.context("waiting until a node says that it serves")??;
    let Some(line) = line else { return Ok(None) };
    let address = line.split_once(" https://").and_then(|(_, address)| address.parse().ok());
    Ok(Some(address.with_context(|| format!("the node said {line:?} instead of where it listens"))?))
}

/// The end of a log.
fn tail(log: &PathBuf) -> String {
    let text = File::open(log).and_then(std::io::read_to_string).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.split_at(lines.len().saturating_sub(8)).1.join("\n")
}
