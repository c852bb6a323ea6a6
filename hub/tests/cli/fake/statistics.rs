use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use wuji_proto::v1;
use wuji_proto::v1::statistics_server::Statistics;
use wuji_proto::v1::{
    AbsentUnit, Column, Coverage, Figure, QueryEnd, QueryHead, QueryReply, QueryRequest, QueryRow, Ratio, figure,
    query_reply,
};

use super::Fake;

type Replies = Pin<Box<dyn Stream<Item = Result<QueryReply, Status>> + Send>>;

fn amount(amount: i64) -> Figure {
    Figure { kind: Some(figure::Kind::Amount(amount)) }
}

fn ratio(numerator: i64, denominator: i64) -> Figure {
    Figure { kind: Some(figure::Kind::Ratio(Ratio { numerator, denominator })) }
}

fn column(id: &str, zh: &str, unit: &str, kind: &str) -> Column {
    Column {
        id: id.to_owned(),
        title_zh: zh.to_owned(),
        title_en: id.to_owned(),
        unit: unit.to_owned(),
        kind: kind.to_owned(),
        revision: 1,
    }
}

#[tonic::async_trait]
impl Statistics for Fake {
    type AuditStream = Pin<Box<dyn Stream<Item = Result<v1::AuditReply, Status>> + Send>>;

    async fn rank(&self, _: Request<v1::RankRequest>) -> Result<Response<v1::RankReply>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn audit(&self, _: Request<v1::AuditRequest>) -> Result<Response<Self::AuditStream>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    type QueryStream = Replies;

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<Replies>, Status> {
        let query = request.into_inner();
        let head = QueryHead {
            scope: "371122".to_owned(),
            scope_name: "莒县".to_owned(),
            from: query.from.clone(),
            to: query.to.clone(),
            grain: query.grain.clone(),
            by: query.by.clone(),
            columns: vec![
                column("mediation.accepted", "受理", "件", "flow"),
                column("mediation.amount", "涉及金额", "分", "flow"),
                column("mediation.success_rate", "调解成功率", "ratio", "indicator"),
            ],
            catalogue_version: "2016.1".to_owned(),
            ..QueryHead::default()
        };
        let row = |unit: &str, name: &str, word: &str, figures: [Figure; 3]| QueryRow {
            period: query.grain.clone().replace("month", "2016-08"),
            unit: unit.to_owned(),
            unit_name: name.to_owned(),
            words: if query.by.len() > 1 { vec![word.to_owned()] } else { Vec::new() },
            figures: figures.into(),
            ..QueryRow::default()
        };
        let rows = [
            row("371122102", "招贤镇", "邻里", [amount(1_869), amount(2_873_800_005), ratio(842, 869)]),
            row("371122103", "阎庄镇", "", [amount(0), amount(0), ratio(0, 0)]),
        ];
        let absent = AbsentUnit {
            code: "371122103".to_owned(),
            name: "阎庄镇".to_owned(),
            state: "absent".to_owned(),
            since_ms: 1_471_224_600_000,
            reason: String::new(),
        };
        let end = QueryEnd {
            totals: vec![amount(1_869), amount(2_873_800_005), ratio(842, 869)],
            in_transit: vec![amount(3), amount(0), ratio(0, 0)],
            coverage: Some(Coverage {
                expected: 14,
                reported: 12,
                absent: vec![absent],
                as_of_ms: 1_471_224_600_000,
                ..Coverage::default()
            }),
            ..QueryEnd::default()
        };
        let mut parts = vec![query_reply::Part::Head(head)];
        parts.extend(rows.map(query_reply::Part::Row));
        let mut state = self.0.lock();
        if !state.cut_answers {
            parts.push(query_reply::Part::End(end));
        }
        state.queries.push(query);
        let replies: Vec<_> = parts.into_iter().map(|part| Ok(QueryReply { part: Some(part) })).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(replies))))
    }
}
