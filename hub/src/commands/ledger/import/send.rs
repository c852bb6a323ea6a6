//! Sends rows and takes verdicts, both at once: a node may answer before it has read all,
//! or only after.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use wuji_node::catalogue::REMARK;
use wuji_proto::v1::import_reply::Part as Reply;
use wuji_proto::v1::import_request::Part as Request;
use wuji_proto::v1::import_verdict::Outcome;
use wuji_proto::v1::{
    ImportHeader, ImportReply, ImportRequest, ImportRow, ImportRows, ImportVerdict, LedgerDefinition,
};

use super::summary::{REFUSALS_HELD_MAX, Refusal, Summary, Wrong};
use crate::client::{Client, ClientError};
use crate::import::refused::SideFile;
use crate::import::rows::{Rows, SourceRow};

/// Rows in a message: the contract's limit.
const MESSAGE_ROWS_MAX: usize = 1_000;

/// Bytes of cells after which a message is full; gRPC servers refuse more than 4 MiB.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Messages that wait for the connection.
const MESSAGES_WAITING_MAX: usize = 2;

/// Batches of rows that wait for the receiver to note them: more than a file can have (see
/// [`ROWS_MAX`] and [`FILE_BYTES_MAX`]), since a node may give its verdicts at the very end.
///
/// [`ROWS_MAX`]: crate::import::ROWS_MAX
/// [`FILE_BYTES_MAX`]: crate::import::FILE_BYTES_MAX
const BATCHES_NOTED_MAX: usize = 4_096;

/// A node that gives no verdict for so long is taken for gone.
const SILENCE_SECONDS_MAX: u64 = 120;

/// Sends a file and returns what came of it.
pub async fn send(
    client: &Client,
    ledger: &LedgerDefinition,
    file: &Path,
    rows: Rows<'_>,
    bytes: u64,
    side: SideFile,
) -> anyhow::Result<Summary> {
    let bar = progress_bar(bytes);
    let (requests, outgoing) = mpsc::channel(MESSAGES_WAITING_MAX);
    let (note, notes) = mpsc::channel(BATCHES_NOTED_MAX);
    let summary = Summary {
        file: file.to_owned(),
        ledger: ledger.id.clone(),
        accepted: 0,
        already_present: 0,
        refused: 0,
        refused_file: None,
        ignored_columns: Vec::new(),
        refusals: Vec::new(),
    };
    let receiver =
        Receiver { client, notes, waiting: BTreeMap::new(), side, summary, columns: rows.columns().to_vec() };
    let sending = produce(&ledger.id, rows, requests, note, &bar);
    let (sent, outcome) = tokio::join!(sending, receiver.run(ReceiverStream::new(outgoing)));
    bar.finish_and_clear();
    let summary = outcome?;
    sent?;
    Ok(summary)
}

/// On stderr, and only on a terminal.
fn progress_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {binary_bytes} of {binary_total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Reads rows and sends them in messages. Ends early where the receiver has ended: it knows why.
async fn produce(
    ledger: &str,
    mut rows: Rows<'_>,
    requests: mpsc::Sender<ImportRequest>,
    note: mpsc::Sender<Vec<SourceRow>>,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let header = ImportHeader { ledger: ledger.to_owned(), columns: rows.columns().to_vec() };
    let columns = header.columns.len();
    let mut waiting = Some(Request::Header(header));
    loop {
        if let Some(part) = waiting.take()
            && requests.send(ImportRequest { part: Some(part) }).await.is_err()
        {
            return Ok(());
        }
        bar.set_position(rows.read_bytes());
        let batch = next_batch(&mut rows)?;
        let fit = batch.iter().filter(|row| row.fault.is_none());
        let fit: Vec<ImportRow> = fit
            .map(|row| ImportRow { line: row.line, cells: row.cells.iter().take(columns).cloned().collect() })
            .collect();
        if batch.is_empty() || note.send(batch).await.is_err() {
            return Ok(());
        }
        waiting = (!fit.is_empty()).then_some(Request::Rows(ImportRows { rows: fit }));
    }
}

fn next_batch(rows: &mut Rows<'_>) -> anyhow::Result<Vec<SourceRow>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < MESSAGE_ROWS_MAX && bytes < MESSAGE_BYTES_MAX {
        let Some(row) = rows.next_row()? else { break };
        bytes += row.cells.iter().map(String::len).sum::<usize>();
        batch.push(row);
    }
    Ok(batch)
}

/// Takes verdicts.
struct Receiver<'a> {
    client: &'a Client,
    notes: mpsc::Receiver<Vec<SourceRow>>,
    /// Rows without a verdict, by their lines.
    waiting: BTreeMap<u32, Vec<String>>,
    columns: Vec<String>,
    side: SideFile,
    summary: Summary,
}

impl Receiver<'_> {
    async fn run(mut self, outgoing: ReceiverStream<ImportRequest>) -> anyhow::Result<Summary> {
        let outcome = self.receive(outgoing).await;
        // Also after a broken connection: what was refused stays refused.
        self.note()?;
        let refused_file = self.side.finish()?;
        match outcome {
            Ok(()) => Ok(Summary { refused_file, ..self.summary }),
            Err(error) => Err(error.context(format!(
                "the import stopped after {} rows had been accepted; import the same file again: what went in is not doubled",
                self.summary.accepted + self.summary.already_present
            ))),
        }
    }

    async fn receive(&mut self, outgoing: ReceiverStream<ImportRequest>) -> anyhow::Result<()> {
        let client = self.client;
        let refused = |status| client.error(OPERATION, status);
        let silence = Duration::from_secs(SILENCE_SECONDS_MAX);
        let silent =
            |_| refused(tonic::Status::deadline_exceeded(format!("no verdict came for {SILENCE_SECONDS_MAX} s")));
        let mut service = client.ledger();
        let replies = tokio::time::timeout(silence, service.import(outgoing)).await.map_err(silent)?;
        let mut replies = replies.map_err(refused)?.into_inner();
        while let Some(reply) =
            tokio::time::timeout(silence, replies.message()).await.map_err(silent)?.map_err(refused)?
        {
            self.reply(reply)?;
        }
        self.note()?;
        match self.waiting.len() {
            0 => Ok(()),
            rows => Err(self.broken(format!("{rows} rows got no verdict")).into()),
        }
    }

    fn broken(&self, reason: String) -> ClientError {
        ClientError::Contract { operation: OPERATION.to_owned(), node: self.client.address().clone(), reason }
    }

    /// Notes what the producer has sent or found unfit. It notes a row before it sends it.
    fn note(&mut self) -> anyhow::Result<()> {
        while let Ok(batch) = self.notes.try_recv() {
            for row in batch {
                match row.fault {
                    None => {
                        self.waiting.insert(row.line, row.cells);
                    }
                    Some(description) => {
                        let wrong = Wrong { field: String::new(), description };
                        self.refuse(Refusal { line: row.line, violations: vec![wrong] }, &row.cells)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn reply(&mut self, reply: ImportReply) -> anyhow::Result<()> {
        self.note()?;
        match reply.part {
            Some(Reply::Columns(columns)) => {
                // What an export marks is not the user's concern.
                let not_taken = self
                    .columns
                    .iter()
                    .zip(&columns.fields)
                    .filter(|(title, field)| field.is_empty() && !title.starts_with(REMARK));
                self.summary.ignored_columns = not_taken.map(|(title, _)| title.clone()).collect();
                for title in &self.summary.ignored_columns {
                    eprintln!(
                        "note: no field of {} takes the column {title:?}; it is not imported",
                        self.summary.ledger
                    );
                }
                Ok(())
            }
            Some(Reply::Verdicts(verdicts)) => verdicts.verdicts.into_iter().try_for_each(|it| self.verdict(it)),
            None => Err(self.broken("a reply says nothing".to_owned()).into()),
        }
    }

    fn verdict(&mut self, verdict: ImportVerdict) -> anyhow::Result<()> {
        let Some(cells) = self.waiting.remove(&verdict.line) else {
            return Err(self.broken(format!("a verdict came for line {}, which was not sent", verdict.line)).into());
        };
        match verdict.outcome() {
            Outcome::Accepted => self.summary.accepted += 1,
            Outcome::AlreadyPresent => self.summary.already_present += 1,
            Outcome::Refused => {
                let violations = verdict.violations.into_iter().map(Wrong::from).collect();
                self.refuse(Refusal { line: verdict.line, violations }, &cells)?;
            }
            Outcome::Unspecified => {
                return Err(self.broken(format!("the verdict for line {} says nothing", verdict.line)).into());
            }
        }
        Ok(())
    }

    fn refuse(&mut self, refusal: Refusal, cells: &[String]) -> anyhow::Result<()> {
        self.side.add(&refusal.reason(), cells)?;
        self.summary.refused += 1;
        if self.summary.refusals.len() < REFUSALS_HELD_MAX {
            self.summary.refusals.push(refusal);
        }
        Ok(())
    }
}

const OPERATION: &str = "import the file";
