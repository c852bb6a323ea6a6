//! A node that answers what the tests expect and keeps what it was asked.

mod audit;
mod ledger;
mod node;
mod rank;
mod reports;
mod statistics;

pub use ledger::{record as ledger_record, text, value};
pub use reports::ISSUED_ID;

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use tonic::{Request, Response, Status};
use wuji_proto::v1::catalogue_server::Catalogue;
use wuji_proto::v1::{
    AmendRequest, AuditRequest, CatalogueReply, FieldDefinition, GetCatalogueRequest, IndicatorDefinition,
    LedgerDefinition, ListRequest, MakeReportRequest, MeasureDefinition, QueryRequest, RankReply, RankRequest, Record,
    Report, Split, SubmitRequest, Title, ZeroReportRequest, query_reply,
};

/// The played node.
#[derive(Default)]
pub struct Fake(pub Mutex<State>);

/// What it holds and was asked.
#[derive(Default)]
pub struct State {
    pub records: BTreeMap<String, Record>,
    pub imported: BTreeSet<(String, usize)>,
    pub submits: Vec<SubmitRequest>,
    pub amends: Vec<AmendRequest>,
    pub queries: Vec<QueryRequest>,
    pub reports: Vec<MakeReportRequest>,
    /// What a hostile node does to a report.
    pub spoil_report: Option<fn(&mut Report)>,
    pub import_columns: Vec<String>,
    pub import_rows: Vec<(u32, Vec<String>)>,
    /// So many submissions are carried out without an answer.
    pub lost_answers: usize,
    /// The stream of an answer breaks off before its end.
    pub cut_answers: bool,
    /// Answers tell everything that can be told of what they include.
    pub tells_everything: bool,
    /// What a hostile node makes of an answer, and of a ranking.
    pub spoil: Option<fn(&mut Vec<query_reply::Part>)>,
    pub spoil_rank: Option<fn(&mut RankReply)>,
    pub ranks: Vec<RankRequest>,
    pub audits: Vec<AuditRequest>,
    pub lists: Vec<ListRequest>,
    pub zero_reports: Vec<ZeroReportRequest>,
}

#[expect(clippy::unnecessary_wraps, reason = "what the messages want")]
fn title(zh: &str, en: &str) -> Option<Title> {
    Some(Title { zh: zh.to_owned(), en: en.to_owned() })
}

fn field(name: &str, zh: &str, kind: &str, required: bool) -> FieldDefinition {
    FieldDefinition {
        name: name.to_owned(),
        title: title(zh, name),
        r#type: kind.to_owned(),
        required,
        ..FieldDefinition::default()
    }
}

/// The played catalogue.
pub fn catalogue() -> CatalogueReply {
    let parties = FieldDefinition {
        columns: vec![field("name", "姓名", "text", true), field("kind", "类别", "code", true)],
        ..field("parties", "当事人", "list", false)
    };
    let mediators = FieldDefinition {
        columns: vec![field("name", "姓名", "text", true)],
        ..field("mediators", "调解员", "list", true)
    };
    let codes = |name: &str, zh: &str, words: &[&str]| FieldDefinition {
        codes: words.iter().map(|word| (*word).to_owned()).collect(),
        ..field(name, zh, "code", true)
    };
    let measure = |number, id: &str, zh: &str, unit: &str| MeasureDefinition {
        id: id.to_owned(),
        title: title(zh, id),
        number,
        revision: 1,
        kind: "flow".to_owned(),
        unit: unit.to_owned(),
        ledger: "mediation".to_owned(),
        splits: vec![Split { fields: vec!["dispute_type".to_owned()] }],
        definition: format!("{id} {number}.1: flow over mediation; on accepted_on; by dispute_type"),
        hash: "0f".repeat(32),
    };
    CatalogueReply {
        version: "2016.1".to_owned(),
        hash: "8f3a5c2199aa".to_owned(),
        ledgers: vec![
            LedgerDefinition {
                id: "mediation".to_owned(),
                title: title("人民调解", "Mediation"),
                event_date: "accepted_on".to_owned(),
                fields: vec![
                    field("case_no", "案号", "text", true),
                    field("accepted_on", "受理日期", "date", true),
                    codes("dispute_type", "纠纷类型", &["邻里", "婚姻家庭", "合同"]),
                    codes("source", "纠纷来源", &["主动调解", "公安"]),
                    field("people_count", "当事人数", "integer", true),
                    field("amount", "涉及金额", "money", false),
                    field("paid", "已履行", "flag", false),
                    mediators,
                    parties,
                ],
            },
            LedgerDefinition {
                id: "publicity".to_owned(),
                title: title("法治宣传", "Publicity"),
                event_date: "on".to_owned(),
                fields: vec![
                    field("on", "日期", "date", true),
                    field("topic", "主题", "text", true),
                    field("audience", "受众人数", "integer", true),
                ],
            },
        ],
        measures: vec![
            measure(1, "mediation.accepted", "受理", "件"),
            MeasureDefinition { revision: 2, ..measure(1, "mediation.accepted", "受理", "件") },
            measure(2, "mediation.amount", "涉及金额", "分"),
            measure(3, "mediation.succeeded", "调解成功", "件"),
        ],
        indicators: vec![
            indicator("mediation.success_rate", "调解成功率", ("mediation.succeeded", "mediation.accepted"), "percent"),
            indicator(
                "mediation.neighbours_rate",
                "邻里成功率",
                ("mediation.succeeded[dispute_type=邻里/合同]", "mediation.accepted + mediation.succeeded"),
                "percent",
            ),
            indicator("mediation.mean", "案均金额", ("mediation.amount", "mediation.accepted"), "money"),
            indicator("mediation.per_case", "件均", ("mediation.succeeded", "mediation.accepted"), "number"),
        ],
    }
}

fn indicator(id: &str, zh: &str, (numerator, denominator): (&str, &str), show: &str) -> IndicatorDefinition {
    IndicatorDefinition {
        id: id.to_owned(),
        title: title(zh, id),
        numerator: numerator.to_owned(),
        denominator: denominator.to_owned(),
        show: show.to_owned(),
    }
}

#[tonic::async_trait]
impl Catalogue for Fake {
    async fn get(&self, _: Request<GetCatalogueRequest>) -> Result<Response<CatalogueReply>, Status> {
        Ok(Response::new(catalogue()))
    }
}
