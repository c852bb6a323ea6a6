use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use wuji_proto::v1;
use wuji_proto::v1::query_reply::Part;
use wuji_proto::v1::statistics_server::Statistics;
use wuji_proto::v1::{
    AbsentUnit, Adjustment, CatalogueShare, Column, Comparison, Confirmation, Coverage, Figure, QueryEnd, QueryHead,
    QueryReply, QueryRequest, QueryRow, Reporting,
};

use super::{Fake, rank};

type Replies = Pin<Box<dyn Stream<Item = Result<QueryReply, Status>> + Send>>;

/// 2016-08-15 09:30 in China.
pub const MORNING_MS: i64 = 1_471_224_600_000;

/// The column of a measure or indicator.
pub fn column(asked: &str) -> Column {
    let id = asked.split('@').next().unwrap();
    let (zh, unit, kind) = match id {
        "mediation.amount" => ("涉及金额", "分", "flow"),
        "mediation.success_rate" => ("调解成功率", "ratio", "indicator"),
        "mediation.neighbours_rate" => ("邻里成功率", "ratio", "indicator"),
        "mediation.mean" => ("案均金额", "ratio", "indicator"),
        "mediation.per_case" => ("件均", "ratio", "indicator"),
        _ => ("受理", "件", "flow"),
    };
    Column {
        id: id.to_owned(),
        title_zh: zh.to_owned(),
        title_en: id.to_owned(),
        unit: unit.to_owned(),
        kind: kind.to_owned(),
        revision: if asked.ends_with("@2") { 2 } else { 1 },
    }
}

/// Figures made of accepted and succeeded cases, and an amount.
fn figures(query: &QueryRequest, (accepted, succeeded, fen): (i64, i64, i64)) -> Vec<Figure> {
    let one = |asked: &String| match column(asked).id.as_str() {
        "mediation.amount" => Figure::amount(fen),
        "mediation.mean" => Figure::ratio(fen, accepted),
        "mediation.success_rate" | "mediation.neighbours_rate" | "mediation.per_case" => {
            Figure::ratio(succeeded, accepted)
        }
        _ => Figure::amount(accepted),
    };
    query.measures.iter().map(one).collect()
}

fn comparisons(query: &QueryRequest, year_ago: (i64, i64, i64), previous: (i64, i64, i64)) -> Vec<Comparison> {
    let one = |compare: &String| {
        let (period, sums) = if compare == "previous" { ("2016-07", previous) } else { ("2015-08", year_ago) };
        Comparison { period: period.to_owned(), figures: figures(query, sums) }
    };
    query.compare.iter().map(one).collect()
}

/// A unit that is missing or absent.
pub fn unit(code: &str, name: &str, state: &str, since_ms: i64, reason: &str) -> AbsentUnit {
    AbsentUnit {
        code: code.to_owned(),
        name: name.to_owned(),
        state: state.to_owned(),
        since_ms,
        reason: reason.to_owned(),
    }
}

fn is_unit(by: &str) -> bool {
    ["unit", "county", "township", "workroom"].contains(&by)
}

fn rows(query: &QueryRequest) -> Vec<QueryRow> {
    let by_unit = query.by.iter().any(|by| is_unit(by));
    let words = query.by.iter().filter(|by| !is_unit(by)).count();
    let row =
        |(code, name): (&str, &str), word: &str, sums, former: [(i64, i64, i64); 2], reporting: (u64, u64)| QueryRow {
            period: query.grain.clone().replace("month", "2016-08"),
            unit: if by_unit { code.to_owned() } else { String::new() },
            unit_name: if by_unit { name.to_owned() } else { String::new() },
            words: vec![word.to_owned(); words],
            figures: figures(query, sums),
            comparisons: comparisons(query, former[0], former[1]),
            reporting: by_unit.then_some(Reporting { expected: reporting.0, reported: reporting.1 }),
        };
    let all = vec![
        row(
            ("371122102", "招贤镇"),
            "邻里",
            (869, 842, 2_873_800_005),
            [(774, 750, 2_000_000_000), (900, 880, 1)],
            (8, 6),
        ),
        row(("371122103", "阎庄镇"), "", (0, 0, 0), [(12, 12, 500), (0, 0, 0)], (1, 0)),
        row(("371122104", "寨里河镇"), "合同", (0, 0, 0), [(0, 0, 0), (0, 0, 0)], (0, 0)),
        row(("371122105", "东莞镇"), "婚姻家庭", (0, 0, 0), [(3, 1, 100), (4, 4, 4)], (5, 5)),
    ];
    let count = match (query.by.is_empty(), query.limit) {
        (true, _) => 1,
        (false, 0) => all.len(),
        (false, limit) => limit as usize,
    };
    all.into_iter().take(count).collect()
}

/// What answers include, in a few words or with everything.
pub fn coverage(everything: bool) -> Coverage {
    let absent = unit("371122103", "阎庄镇", "absent", MORNING_MS, "");
    let few = Coverage {
        expected: 14,
        reported: 12,
        absent: vec![absent],
        absent_count: 1,
        as_of_ms: MORNING_MS,
        ..Coverage::default()
    };
    if !everything {
        return few;
    }
    let workroom = |number: u32| unit(&format!("371122103{number:03}"), "大罗庄", "not-reported", 0, "");
    Coverage {
        expected: 1_204,
        missing: (1..=12).map(workroom).collect(),
        missing_count: 1_192,
        not_expected: 31,
        catalogues: [("2016.1", 12), ("2015.2", 1), ("", 1)]
            .map(|(version, units)| CatalogueShare { version: version.to_owned(), units })
            .into(),
        unsettled: vec![unit("371122102205", "招贤村", "held", 0, "it came back with another journal")],
        unreached: vec![unit("371122104", "寨里河镇", "", 0, "it did not answer in time")],
        confirmation: Some(Confirmation {
            confirmed: 11,
            unconfirmed: vec![unit("371122103", "阎庄镇", "absent", MORNING_MS, "it is not connected")],
            unconfirmed_count: 1,
            took_ms: 1_200,
        }),
        by_month: true,
        ..few
    }
}

fn end(query: &QueryRequest, everything: bool) -> QueryEnd {
    let adjustment = |issued, now| Adjustment {
        report: "0192f3aa-7c1e-4d0a-9c55-3f1f5c0a8d11".to_owned(),
        issued_at_ms: MORNING_MS,
        column: column(&query.measures[0]).id,
        issued: Some(figures(query, issued)[0]),
        now: Some(figures(query, now)[0]),
    };
    QueryEnd {
        totals: figures(query, (869, 842, 2_873_800_005)),
        in_transit: figures(query, if everything || query.by.len() > 1 { (3, 1, 0) } else { (0, 0, 0) }),
        coverage: Some(coverage(everything)),
        comparisons: comparisons(query, (789, 763, 2_000_000_600), (904, 884, 5)),
        rest: if query.limit > 0 { figures(query, (31, 30, 100)) } else { Vec::new() },
        left_out: if query.limit > 0 { 1_850 } else { 0 },
        adjustments: if everything { vec![adjustment((867, 841, 0), (869, 842, 0))] } else { Vec::new() },
    }
}

#[tonic::async_trait]
impl Statistics for Fake {
    type AuditStream = Pin<Box<dyn Stream<Item = Result<v1::AuditReply, Status>> + Send>>;
    type QueryStream = Replies;

    async fn rank(&self, request: Request<v1::RankRequest>) -> Result<Response<v1::RankReply>, Status> {
        let request = request.into_inner();
        let mut reply = rank::reply(&request);
        let mut state = self.0.lock();
        if let Some(spoil) = state.spoil_rank {
            spoil(&mut reply);
        }
        state.ranks.push(request);
        Ok(Response::new(reply))
    }

    async fn audit(&self, request: Request<v1::AuditRequest>) -> Result<Response<Self::AuditStream>, Status> {
        let request = request.into_inner();
        let mut state = self.0.lock();
        let parts = super::audit::parts(&request, state.cut_answers);
        state.audits.push(request);
        Ok(Response::new(Box::pin(tokio_stream::iter(parts.into_iter().map(Ok)))))
    }

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<Replies>, Status> {
        let query = request.into_inner();
        if query.scope == "42" {
            return Err(Status::not_found("42 is not below 371122: `wuji tree` shows what is"));
        }
        let mut state = self.0.lock();
        let head = QueryHead {
            scope: "371122".to_owned(),
            scope_name: "莒县".to_owned(),
            from: query.from.clone(),
            to: query.to.clone(),
            grain: query.grain.clone(),
            by: query.by.clone(),
            columns: query.measures.iter().map(|asked| column(asked)).collect(),
            catalogue_version: "2016.1".to_owned(),
            compare: query.compare.clone(),
            relayed: state.tells_everything,
        };
        let mut parts = vec![Part::Head(head)];
        parts.extend(rows(&query).into_iter().map(Part::Row));
        if !state.cut_answers {
            parts.push(Part::End(end(&query, state.tells_everything)));
        }
        if let Some(spoil) = state.spoil {
            spoil(&mut parts);
        }
        state.queries.push(query);
        let replies: Vec<_> = parts.into_iter().map(|part| Ok(QueryReply { part: Some(part) })).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(replies))))
    }
}
