//! Those who write: calls over the real services, sent again until there is an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Status};
use wuji_proto::v1::import_reply::Part;
use wuji_proto::v1::ledger_client::LedgerClient;
use wuji_proto::v1::node_client::NodeClient;
use wuji_proto::{DivisionCode, RecordId, v1};

use crate::entries::{COLUMNS, Content, row};

/// The longest wait for an answer.
const CALL_MAX: Duration = Duration::from_secs(2);

/// Between two attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// Something to be done at a unit's node.
#[derive(Clone, Debug)]
pub struct Errand {
    pub number: u64,
    pub unit: usize,
    pub request: Request,
    /// Sent twice at the same time, as after a lost answer.
    pub twice: bool,
}

#[derive(Clone, Debug)]
pub enum Request {
    Submit(RecordId, Content),
    /// With the revision that the writer saw.
    Amend(RecordId, Content, u32),
    Void(RecordId, &'static str, u32),
    Import(Vec<Content>),
    Register(DivisionCode),
    /// Whether history is kept.
    Adopt(DivisionCode, bool),
    /// What it lost is given up.
    Settle(DivisionCode),
    /// It has ended.
    Retire(DivisionCode),
}

/// What became of an errand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged: the records.
    Done(Vec<RecordId>),
    /// For good.
    Refused(String),
}

/// Answers that nobody has taken yet.
pub type Answers = Arc<Mutex<Vec<(u64, Outcome)>>>;

/// The software of the host from which all units' operators work.
pub async fn run(
    mut errands: mpsc::UnboundedReceiver<Errand>,
    channels: BTreeMap<usize, Channel>,
    answers: Answers,
) -> turmoil::Result {
    while let Some(errand) = errands.recv().await {
        let (channel, answers) = (channels[&errand.unit].clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            let outcome = carry_out(&errand, channel).await;
            answers.lock().push((errand.number, outcome));
        });
    }
    Ok(())
}

async fn carry_out(errand: &Errand, channel: Channel) -> Outcome {
    let mut twice = errand.twice;
    loop {
        if std::mem::take(&mut twice) {
            let (errand, channel) = (errand.clone(), channel.clone());
            tokio::spawn(async move { attempt(&errand.request, channel).await });
        }
        match attempt(&errand.request, channel.clone()).await {
            Ok(ids) => return Outcome::Done(ids),
            Err(status) if is_final(status.code()) => return Outcome::Refused(status.message().to_owned()),
            Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
        }
    }
}

/// Whether sending the same again is of no use.
const fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition
    )
}

async fn attempt(request: &Request, channel: Channel) -> Result<Vec<RecordId>, Status> {
    let answer = tokio::time::timeout(CALL_MAX, call(request, channel));
    answer.await.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer")))
}

async fn call(request: &Request, channel: Channel) -> Result<Vec<RecordId>, Status> {
    let mut ledgers = LedgerClient::new(channel.clone());
    match request.clone() {
        Request::Submit(id, Content { ledger, values }) => {
            let submit = v1::SubmitRequest { ledger: ledger.to_owned(), id: id.to_string(), values };
            ledgers.submit(submit).await?;
            Ok(vec![id])
        }
        Request::Amend(id, Content { ledger, values }, base_revision) => {
            let amend = v1::AmendRequest { ledger: ledger.to_owned(), id: id.to_string(), base_revision, values };
            ledgers.amend(amend).await?;
            Ok(vec![id])
        }
        Request::Void(id, ledger, base_revision) => {
            let reason = "重复录入".to_owned();
            let void = v1::VoidRequest { ledger: ledger.to_owned(), id: id.to_string(), base_revision, reason };
            ledgers.void(void).await?;
            Ok(vec![id])
        }
        Request::Import(rows) => import(&mut ledgers, &rows).await,
        Request::Register(code) => {
            let (code, name) = (code.to_string(), format!("unit {code}"));
            let register = v1::RegisterChildRequest { code, name, expected_from: 46_000 };
            NodeClient::new(channel).register_child(register).await?;
            Ok(Vec::new())
        }
        Request::Adopt(code, keep_history) => {
            let adopt = v1::AdoptChildRequest { code: code.to_string(), keep_history };
            NodeClient::new(channel).adopt_child(adopt).await?;
            Ok(Vec::new())
        }
        Request::Settle(code) => {
            let settle = v1::SettleChildRequest { code: code.to_string(), re_entered: false };
            NodeClient::new(channel).settle_child(settle).await?;
            Ok(Vec::new())
        }
        Request::Retire(code) => {
            let retire = v1::RetireChildRequest { code: code.to_string(), from: 46_300 };
            NodeClient::new(channel).retire_child(retire).await?;
            Ok(Vec::new())
        }
    }
}

async fn import(ledgers: &mut LedgerClient<Channel>, rows: &[Content]) -> Result<Vec<RecordId>, Status> {
    let columns = COLUMNS.iter().map(|column| (*column).to_owned()).collect();
    let header = v1::ImportHeader { ledger: "screening".to_owned(), columns };
    let lines = rows.iter().zip(1..).map(|(content, line)| v1::ImportRow { line, cells: row(content) });
    let parts = [
        v1::import_request::Part::Header(header),
        v1::import_request::Part::Rows(v1::ImportRows { rows: lines.collect() }),
    ];
    let parts = parts.map(|part| v1::ImportRequest { part: Some(part) });
    let mut replies = ledgers.import(tokio_stream::iter(parts)).await?.into_inner();
    let mut ids = Vec::new();
    while let Some(reply) = replies.message().await? {
        if let Some(Part::Verdicts(verdicts)) = reply.part {
            for verdict in verdicts.verdicts {
                let id = verdict.id.parse().map_err(|_| Status::internal(format!("a row was refused: {verdict:?}")))?;
                ids.push(id);
            }
        }
    }
    if ids.len() == rows.len() { Ok(ids) } else { Err(Status::unavailable("the import was cut off")) }
}
