//! `wuji journal`: the journal as auditors read it. Values of class 2 and 3 are in sealed parts,
//! which a node never gives out here.

pub mod export;
pub mod show;

use std::process::ExitCode;

use clap::Subcommand;
use tonic::Streaming;
use wuji_proto::v1::{JournalLine, JournalPage, JournalRequest};

use crate::args::Global;
use crate::client::{Client, ClientError};

const OPERATION: &str = "read the journal";

/// What `wuji journal` does.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Show who wrote what when, an entry a line
    Show(show::ShowArgs),
    /// Write entries with their hashes, so that the chain can be checked elsewhere
    Export(export::ExportArgs),
}

/// Runs a command below `wuji journal`.
pub async fn run(command: JournalCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        JournalCommand::Show(args) => show::run(args, global).await,
        JournalCommand::Export(args) => export::run(args, global).await,
    }
}

/// Lines of the journal, as the node gives them.
struct Lines<'c> {
    client: &'c Client,
    pages: Streaming<JournalPage>,
    waiting: std::vec::IntoIter<JournalLine>,
    /// The chain hash before the next line; empty where lines are left out.
    previous: Vec<u8>,
}

impl<'c> Lines<'c> {
    async fn ask(client: &'c Client, asked: JournalRequest) -> Result<Self, ClientError> {
        let pages = client.upkeep().journal(asked).await;
        let pages = pages.map_err(|status| client.error(OPERATION, status))?.into_inner();
        Ok(Self { client, pages, waiting: Vec::new().into_iter(), previous: Vec::new() })
    }

    /// The next line, with the chain hash before it.
    async fn next(&mut self) -> Result<Option<(Vec<u8>, JournalLine)>, ClientError> {
        loop {
            if let Some(line) = self.waiting.next() {
                let previous = std::mem::replace(&mut self.previous, line.chain_hash.clone());
                return Ok(Some((previous, line)));
            }
            let page = self.pages.message().await.map_err(|status| self.client.error(OPERATION, status))?;
            let Some(page) = page else { return Ok(None) };
            if !page.previous_hash.is_empty() && !self.previous.is_empty() && page.previous_hash != self.previous {
                return Err(self.client.broken(OPERATION, "a page does not continue the chain of the one before it"));
            }
            if !page.lines.is_empty() {
                self.previous = page.previous_hash;
            }
            self.waiting = page.lines.into_iter();
        }
    }
}
