use std::collections::BTreeMap;
use std::pin::Pin;

use jiff::civil::Date;
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};
use wuji_proto::v1::import_verdict::Outcome;
use wuji_proto::v1::ledger_server::Ledger;
use wuji_proto::v1::value::Kind;
use wuji_proto::v1::{
    AmendRequest, GetRequest, ImportColumns, ImportReply, ImportRequest, ImportVerdict, ImportVerdicts, List,
    ListReply, ListRequest, Receipt, Record, RecordState, Row, SubmitRequest, Value, Violation, VoidRequest,
    import_reply, import_request,
};
use wuji_proto::{period, v1};

use super::{Fake, catalogue};

type Replies = Pin<Box<dyn Stream<Item = Result<ImportReply, Status>> + Send>>;

/// 2016-08-15 09:30 in China.
const MORNING_MS: i64 = 1_471_224_600_000;

pub fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

pub fn text(text: &str) -> Value {
    value(Kind::Text(text.to_owned()))
}

/// A mediation record.
pub fn record(number: u64) -> Record {
    let date = period::days(Date::constant(2016, 8, 15));
    let row = |pairs: &[(&str, &str)]| Row {
        values: pairs.iter().map(|(name, word)| ((*name).to_owned(), text(word))).collect(),
    };
    Record {
        ledger: "mediation".to_owned(),
        id: format!("01568ac0-0000-7000-8000-{number:012}"),
        revision: 2,
        state: RecordState::Live.into(),
        event_date: date,
        values: BTreeMap::from([
            ("case_no".to_owned(), text(&format!("2016-{number:03}"))),
            ("accepted_on".to_owned(), value(Kind::Date(date))),
            ("dispute_type".to_owned(), text("邻里")),
            ("people_count".to_owned(), value(Kind::Integer(1_234))),
            ("amount".to_owned(), value(Kind::Integer(1_200_050))),
            ("paid".to_owned(), value(Kind::Flag(true))),
            (
                "mediators".to_owned(),
                value(Kind::List(List { rows: vec![row(&[("name", "王五")]), row(&[("name", "赵六")])] })),
            ),
            (
                "parties".to_owned(),
                value(Kind::List(List { rows: vec![row(&[("name", "张三"), ("kind", "自然人")])] })),
            ),
        ]),
        author: "371122102205".to_owned(),
        first_recorded_at_ms: MORNING_MS,
        recorded_at_ms: MORNING_MS + 60_000,
        sequence: 40 + number,
        void_reason: String::new(),
        unit: "371122102205".to_owned(),
    }
}

fn receipt(id: &str, revision: u32, repeated: bool) -> Response<Receipt> {
    Response::new(Receipt { id: id.to_owned(), revision, sequence: 57, recorded_at_ms: MORNING_MS, repeated })
}

#[tonic::async_trait]
impl Ledger for Fake {
    async fn zero_report(
        &self,
        request: Request<v1::ZeroReportRequest>,
    ) -> Result<Response<v1::ZeroReportReply>, Status> {
        let request = request.into_inner();
        let mut state = self.0.lock();
        let before = state.zero_reports.contains(&request);
        state.zero_reports.push(request);
        let days = if before { 0 } else { u32::try_from(request.to - request.from + 1).unwrap() };
        Ok(Response::new(v1::ZeroReportReply { days, sequence: if before { 0 } else { 58 } }))
    }

    type ImportStream = Replies;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<Receipt>, Status> {
        let request = request.into_inner();
        let mut state = self.0.lock();
        let repeated = state.submits.iter().any(|before| before.id == request.id);
        state.submits.push(request.clone());
        if request.values.get("audience") == Some(&text("many")) {
            let mut details = ErrorDetails::new();
            details.add_bad_request_violation("受众人数", "“many”不是整数，请填写数字");
            details.add_bad_request_violation("主题", "必填");
            return Err(Status::with_error_details(Code::InvalidArgument, "2 fields are wrong", details));
        }
        if state.lost_answers > 0 {
            state.lost_answers -= 1;
            return Err(Status::unavailable("the node is stopping"));
        }
        Ok(receipt(&request.id, 1, repeated))
    }

    async fn amend(&self, request: Request<AmendRequest>) -> Result<Response<Receipt>, Status> {
        let request = request.into_inner();
        let reply = receipt(&request.id, request.base_revision + 1, false);
        self.0.lock().amends.push(request);
        Ok(reply)
    }

    async fn void(&self, request: Request<VoidRequest>) -> Result<Response<Receipt>, Status> {
        let request = request.into_inner();
        Ok(receipt(&request.id, request.base_revision + 1, false))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Record>, Status> {
        let id = request.into_inner().id;
        let found = self.0.lock().records.get(&id).cloned();
        found.map(Response::new).ok_or_else(|| Status::not_found(format!("there is no record {id}")))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let request = request.into_inner();
        let mut state = self.0.lock();
        state.lists.push(request.clone());
        let chosen = state.records.values().filter(|it| it.ledger == request.ledger && it.id > request.page_token);
        let mut records: Vec<Record> = chosen.cloned().collect();
        // Small pages, so that a listing needs several.
        let page = (request.page_size as usize).min(2);
        let next_page_token = if records.len() > page { records[page - 1].id.clone() } else { String::new() };
        records.truncate(page);
        Ok(Response::new(ListReply { records, next_page_token }))
    }

    async fn import(&self, request: Request<Streaming<ImportRequest>>) -> Result<Response<Replies>, Status> {
        let mut stream = request.into_inner();
        let mut replies = Vec::new();
        let mut twins: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(message) = stream.next().await {
            match message?.part {
                Some(import_request::Part::Header(header)) => {
                    let catalogue = catalogue();
                    let ledger = catalogue.ledgers.iter().find(|ledger| ledger.id == header.ledger).unwrap();
                    let fields = header.columns.iter().map(|column| {
                        let is_it = |title: &str| column.starts_with(title);
                        let found =
                            ledger.fields.iter().find(|it| is_it(&it.name) || is_it(&it.title.as_ref().unwrap().zh));
                        found.map(|field| field.name.clone()).unwrap_or_default()
                    });
                    let columns = ImportColumns { fields: fields.collect() };
                    replies.push(import_reply::Part::Columns(columns));
                    self.0.lock().import_columns = header.columns;
                }
                Some(import_request::Part::Rows(rows)) => {
                    let mut state = self.0.lock();
                    let mut verdicts = Vec::new();
                    for row in rows.rows {
                        state.import_rows.push((row.line, row.cells.clone()));
                        let refused = row.cells.iter().any(|cell| cell.contains("不明"));
                        let key = row.cells.join("|");
                        let twin = twins.entry(key.clone()).or_default();
                        *twin += 1;
                        let outcome = match refused {
                            true => Outcome::Refused,
                            false if state.imported.insert((key, *twin)) => Outcome::Accepted,
                            false => Outcome::AlreadyPresent,
                        };
                        let wrong = Violation {
                            field: "日期".to_owned(), description: "“不明”不是日期".to_owned()
                        };
                        verdicts.push(ImportVerdict {
                            line: row.line,
                            outcome: outcome.into(),
                            id: String::new(),
                            violations: if refused { vec![wrong] } else { Vec::new() },
                        });
                    }
                    replies.push(import_reply::Part::Verdicts(ImportVerdicts { verdicts }));
                }
                None => return Err(Status::invalid_argument("an empty message")),
            }
        }
        let replies: Vec<_> = replies.into_iter().map(|part| Ok(ImportReply { part: Some(part) })).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(replies))))
    }
}
