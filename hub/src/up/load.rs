//! Plans the children of each node and submits the sample's entries at the workrooms.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wuji_proto::{DivisionCode, v1};

use super::connect::{Connection, Connections, to};
use super::plan::Plan;
use super::progress::Progress;
use crate::sample::Entry;

/// Submissions under way at one workroom: enough that its journal commits them in groups.
const SUBMITS_IN_FLIGHT: usize = 16;

/// Workrooms loaded at the same time.
const WORKROOMS_IN_FLIGHT: usize = 8;

/// Records a page when listing.
pub(super) const PAGE_RECORDS: u32 = 1_000;

/// Progress messages that may wait.
const PROGRESS_MESSAGES_MAX: usize = 64;

/// What loading did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Entries written now.
    pub written: u64,
    /// Entries that were there.
    pub present: u64,
}

/// Tells `parent` which children to let in. Doing it again changes nothing.
pub async fn plan_children(
    connections: &Connections,
    plan: &Plan,
    parent: DivisionCode,
    expected_from: i32,
) -> anyhow::Result<()> {
    let connection = to(connections, parent)?;
    for child in plan.children(parent) {
        let request =
            v1::RegisterChildRequest { code: child.code.to_string(), name: child.name.clone(), expected_from };
        let call = |connection: Connection| {
            let request = request.clone();
            async move { connection.node().register_child(request).await }
        };
        connection.call(&format!("registering the child {}", child.code), call).await?;
    }
    Ok(())
}

/// Submits what is not there yet. An entry that somebody amended or voided since is there.
pub async fn submit(connections: &Connections, entries: Vec<Entry>, progress: &Progress) -> anyhow::Result<Loaded> {
    let mut count = progress.count("Entries 台账", entries.len() as u64);
    let mut by_unit: BTreeMap<DivisionCode, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        by_unit.entry(entry.unit).or_default().push(entry);
    }
    let (told, mut telling) = mpsc::channel(PROGRESS_MESSAGES_MAX);
    let mut waiting = by_unit.into_iter();
    let mut running = JoinSet::new();
    let mut loaded = Loaded::default();
    loop {
        while running.len() < WORKROOMS_IN_FLIGHT {
            let Some((unit, entries)) = waiting.next() else { break };
            running.spawn(submit_at(to(connections, unit)?.clone(), entries, told.clone()));
        }
        if running.is_empty() {
            return Ok(loaded);
        }
        tokio::select! {
            Some(more) = telling.recv() => count.add(more),
            Some(done) = running.join_next() => {
                let done = done.context("loading a workroom")??;
                loaded.written += done.written;
                loaded.present += done.present;
            }
        }
    }
}

async fn submit_at(connection: Connection, entries: Vec<Entry>, told: mpsc::Sender<u64>) -> anyhow::Result<Loaded> {
    let ledgers: BTreeSet<&'static str> = entries.iter().map(|entry| entry.ledger).collect();
    let mut known = BTreeSet::new();
    for ledger in ledgers {
        let records = list(&connection, ledger, v1::RecordState::Unspecified).await?;
        known.extend(records.into_iter().map(|record| record.id));
    }
    let total = entries.len() as u64;
    let missing: Vec<Entry> = entries.into_iter().filter(|entry| !known.contains(&entry.id.to_string())).collect();
    let written = missing.len() as u64;
    let present = total - written;
    // The receiver is gone only when loading was given up.
    let _ = told.send(present).await;
    let mut waiting = missing.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < SUBMITS_IN_FLIGHT {
            let Some(entry) = waiting.next() else { break };
            running.spawn(submit_one(connection.clone(), entry));
        }
        let Some(done) = running.join_next().await else { return Ok(Loaded { written, present }) };
        done.context("submitting an entry")??;
        let _ = told.send(1).await;
    }
}

async fn submit_one(connection: Connection, entry: Entry) -> anyhow::Result<()> {
    let doing = format!("entering {} {}", entry.ledger, entry.id);
    let request = v1::SubmitRequest { ledger: entry.ledger.to_owned(), id: entry.id.to_string(), values: entry.values };
    let call = |connection: Connection| {
        let request = request.clone();
        async move { connection.ledger().submit(request).await }
    };
    connection.call(&doing, call).await.map(|_| ())
}

/// All records of a ledger at a node, page by page.
pub(super) async fn list(
    connection: &Connection,
    ledger: &str,
    state: v1::RecordState,
) -> anyhow::Result<Vec<v1::Record>> {
    let mut records = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListRequest {
            ledger: ledger.to_owned(),
            state: state.into(),
            page_size: PAGE_RECORDS,
            page_token,
            ..Default::default()
        };
        let call = |connection: Connection| {
            let request = request.clone();
            async move { connection.ledger().list(request).await }
        };
        let reply = connection.call(&format!("listing {ledger}"), call).await?.into_inner();
        records.extend(reply.records);
        page_token = reply.next_page_token;
        if page_token.is_empty() {
            return Ok(records);
        }
    }
}

#[cfg(test)]
mod tests;
