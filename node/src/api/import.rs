//! Rows of a file: good rows go in, each refused row is told why. A row's id is derived
//! from what it says and which of the file's equal rows it is, so the same file, or one
//! that overlaps it, imports to nothing new. A row that an export wrote has its entry's own id.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use wuji_proto::RecordId;
use wuji_proto::v1::import_verdict::Outcome;
use wuji_proto::v1::{
    ImportColumns, ImportHeader, ImportReply, ImportRequest, ImportRow, ImportRows, ImportVerdict, ImportVerdicts,
    import_reply, import_request,
};

use super::{REPLIES_MAX, Replies, refusal};
use crate::catalogue::{Columns, Violation};
use crate::ledger::{LedgerError, Ledgers, Receipt, Submission};

/// Rows of one message at most.
const ROWS_MAX: usize = 1_000;
/// Rows of one file at most: which of them are twins is kept in memory.
const FILE_ROWS_MAX: usize = 1_000_000;

/// Runs an import until its stream ends.
pub fn run(ledgers: Ledgers, actor: String, mut requests: Streaming<ImportRequest>) -> Replies<ImportReply> {
    let (replies, out) = mpsc::channel(REPLIES_MAX);
    tokio::spawn(async move {
        let ended = import(&ledgers, &actor, &mut requests, &replies).await;
        if let Err(status) = ended {
            // A caller that has gone does not matter: the rows that went in stay.
            let _ = replies.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(out))
}

type Replier = mpsc::Sender<Result<ImportReply, Status>>;

async fn import(
    ledgers: &Ledgers,
    actor: &str,
    requests: &mut Streaming<ImportRequest>,
    replies: &Replier,
) -> Result<(), Status> {
    let Some(ImportRequest { part: Some(import_request::Part::Header(header)) }) = requests.message().await? else {
        return Err(Status::invalid_argument("an import begins with a header that names ledger and columns"));
    };
    let columns = read_header(ledgers, &header)?;
    let fields = columns.fields();
    reply(replies, import_reply::Part::Columns(ImportColumns { fields })).await?;
    let mut import = Import { ledgers, ledger: header.ledger, columns, twins: HashMap::new(), rows: 0 };
    while let Some(request) = requests.message().await? {
        let Some(import_request::Part::Rows(ImportRows { rows })) = request.part else {
            return Err(Status::invalid_argument("after the header an import has rows only"));
        };
        let verdicts = import.rows(rows, actor).await?;
        reply(replies, import_reply::Part::Verdicts(ImportVerdicts { verdicts })).await?;
    }
    Ok(())
}

async fn reply(replies: &Replier, part: import_reply::Part) -> Result<(), Status> {
    let sent = replies.send(Ok(ImportReply { part: Some(part) })).await;
    sent.map_err(|_| Status::cancelled("the caller has gone"))
}

fn read_header(ledgers: &Ledgers, header: &ImportHeader) -> Result<Columns, Status> {
    let catalogue = ledgers.catalogue();
    let ledger = catalogue
        .ledger(&header.ledger)
        .ok_or_else(|| refusal::ledger(LedgerError::unknown_ledger(&header.ledger, catalogue)))?;
    Columns::read(ledger, &header.columns)
        .map_err(|violations| refusal::fields("the file's columns need correction", violations))
}

struct Import<'l> {
    ledgers: &'l Ledgers,
    ledger: String,
    columns: Columns,
    /// How often a row of this content came before.
    twins: HashMap<[u8; 16], u64>,
    rows: usize,
}

impl Import<'_> {
    async fn rows(&mut self, rows: Vec<ImportRow>, actor: &str) -> Result<Vec<ImportVerdict>, Status> {
        self.rows = self.rows.saturating_add(rows.len());
        if rows.len() > ROWS_MAX || self.rows > FILE_ROWS_MAX {
            return Err(Status::invalid_argument(format!(
                "send at most {ROWS_MAX} rows a message and {FILE_ROWS_MAX} a file: split it"
            )));
        }
        let checked: Vec<_> = rows.iter().map(|row| (row.line, self.check(row))).collect();
        let (mut verdicts, mut good, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for (line, outcome) in checked {
            match outcome {
                Ok(submission) => {
                    lines.push(line);
                    good.push(submission);
                }
                Err(violations) => verdicts.push(refused(line, violations)),
            }
        }
        let receipts = self.ledgers.submit(good, actor).await;
        for (line, receipt) in lines.into_iter().zip(receipts) {
            verdicts.push(match receipt {
                Ok(receipt) => taken(line, &receipt),
                Err(error @ (LedgerError::Taken(_) | LedgerError::NotUnique(_) | LedgerError::VoidedElsewhere(_))) => {
                    refused(line, vec![violation("", &error)])
                }
                // The journal or the node: the rest of the file would fare no better.
                Err(error) => return Err(refusal::ledger(error)),
            });
        }
        verdicts.sort_by_key(|verdict| verdict.line);
        Ok(verdicts)
    }

    fn check(&mut self, row: &ImportRow) -> Result<Submission, Vec<Violation>> {
        let values = self.columns.values(&row.cells);
        let exported = self.columns.record_id(&row.cells).map(str::parse::<RecordId>).transpose();
        let exported = exported.map_err(|error| vec![violation("#id", &error)])?;
        let mut submission = match self.ledgers.check(&self.ledger, RecordId::derived([0; 16]), values) {
            Ok(submission) => submission,
            Err(LedgerError::Form(violations)) => return Err(violations),
            Err(error) => return Err(vec![violation("", &error)]),
        };
        if let Some(id) = exported {
            submission.id = id;
            submission.voided = self.columns.is_voided(&row.cells);
            return Ok(submission);
        }
        let twin = self.twins.entry(submission.content).or_default();
        submission.id = self.ledgers.row_id(&submission, *twin);
        *twin += 1;
        Ok(submission)
    }
}

fn violation(field: &str, error: &dyn std::error::Error) -> Violation {
    Violation { field: field.to_owned(), description: error.to_string() }
}

fn taken(line: u32, receipt: &Receipt) -> ImportVerdict {
    let outcome = if receipt.repeated { Outcome::AlreadyPresent } else { Outcome::Accepted };
    ImportVerdict { line, outcome: outcome.into(), id: receipt.id.to_string(), violations: Vec::new() }
}

fn refused(line: u32, violations: Vec<Violation>) -> ImportVerdict {
    let violations = violations.into_iter().map(Into::into).collect();
    ImportVerdict { line, outcome: Outcome::Refused.into(), id: String::new(), violations }
}
