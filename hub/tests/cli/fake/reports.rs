//! Reports as a city's node would make them: the published month of Huangshi, and the duties
//! of a county's workrooms.

use tonic::{Request, Response, Status};
use wuji_proto::v1::reports_server::Reports;
use wuji_proto::v1::{
    AbsentUnit, Column, Comparison, Coverage, FeedPosition, Figure, ListReportsReply, ListReportsRequest,
    MakeReportRequest, QueryEnd, QueryHead, QueryRow, Report, ReportSection, ReportSummary, Reporting, ShowReportReply,
    ShowReportRequest,
};

use super::Fake;

/// The report that was issued.
pub const ISSUED_ID: &str = "0156f1d4-5800-7000-8000-000000000001";

/// 2016-09-10 09:00 in China.
const MADE_AT_MS: i64 = 1_473_469_200_000;

/// The published figures, one a line: figure, key, value, unit.
const PUBLISHED: &str = include_str!("../../../../config/samples/huangshi-2016-08.csv");

const COMPARED: [(&str, &str); 2] = [("year-ago", "2015-08"), ("previous", "2016-07")];

fn column(id: &str, zh: &str, unit: &str, kind: &str) -> Column {
    let (id, title_zh, unit, kind) = (id.to_owned(), zh.to_owned(), unit.to_owned(), kind.to_owned());
    Column { title_en: id.clone(), id, title_zh, unit, kind, revision: 1 }
}

fn accepted() -> Column {
    column("mediation.accepted", "受理纠纷", "件", "flow")
}

fn amounts(amounts: &[i64]) -> Vec<Figure> {
    amounts.iter().copied().map(Figure::amount).collect()
}

/// A tenth less in the former year, nothing in the month before.
fn compared(figures: &[Figure]) -> Vec<Comparison> {
    let less = |figure: &Figure| match figure.denominator() {
        None => Figure::amount(figure.numerator() - figure.numerator() / 10),
        Some(denominator) => Figure::ratio(figure.numerator() - figure.numerator() / 10, denominator),
    };
    let none = |figure: &Figure| figure.minus(figure);
    let of = |(_, period): (_, &str), figures| Comparison { period: period.to_owned(), figures };
    vec![of(COMPARED[0], figures.iter().map(less).collect()), of(COMPARED[1], figures.iter().map(none).collect())]
}

fn row(words: &[&str], figures: Vec<Figure>) -> QueryRow {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    QueryRow { words, comparisons: compared(&figures), figures, ..QueryRow::default() }
}

fn unit_row(unit: &str, name: &str, (expected, reported): (u64, u64), figures: Vec<Figure>) -> QueryRow {
    let (unit, unit_name) = (unit.to_owned(), name.to_owned());
    QueryRow { unit, unit_name, reporting: Some(Reporting { expected, reported }), ..row(&[], figures) }
}

fn section(id: &str, by: &str, columns: Vec<Column>, rows: Vec<QueryRow>) -> ReportSection {
    let totals =
        rows.iter().map(|row| row.figures.clone()).reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a.plus(b)).collect());
    let totals = totals.unwrap_or_default();
    let head = QueryHead {
        scope: "4202".to_owned(),
        scope_name: "黄石市".to_owned(),
        from: "2016-08-01".to_owned(),
        to: "2016-08-31".to_owned(),
        by: if by.is_empty() { Vec::new() } else { vec![by.to_owned()] },
        columns,
        catalogue_version: "2016.1".to_owned(),
        compare: COMPARED.map(|(name, _)| name.to_owned()).into(),
        ..QueryHead::default()
    };
    let in_transit = totals.iter().map(|figure| figure.minus(figure)).collect();
    let end = QueryEnd { comparisons: compared(&totals), totals, in_transit, ..QueryEnd::default() };
    ReportSection { id: id.to_owned(), head: Some(head), rows, end: Some(end), ..ReportSection::default() }
}

/// What is published under a figure's name, in 件, 人 or 元.
fn published(figure: &str, unit: &str) -> Vec<(&'static str, i64)> {
    let lines = PUBLISHED.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let of = lines.filter(|fields| fields[0] == figure && fields[3] == unit);
    of.map(|fields| (fields[1], fields[2].replace('.', "").parse().unwrap())).collect()
}

/// The published month.
pub fn monthly() -> Report {
    let count = |key: &str, unit| published("total", unit).into_iter().find(|(it, _)| *it == key).unwrap().1;
    let (cases, succeeded) = (count("受理纠纷", "件"), count("调解成功", "件"));
    let columns = vec![
        accepted(),
        column("mediation.succeeded", "调解成功", "件", "flow"),
        column("mediation.success_rate", "调解成功率", "ratio", "indicator"),
        column("mediation.amount", "协议涉及金额", "分", "flow"),
        column("mediation.people", "涉及当事人", "人", "flow"),
        column("mediation.open", "在调纠纷", "件", "stock"),
    ];
    let figure = Figure::amount;
    let totals = vec![
        figure(cases),
        figure(succeeded),
        Figure::ratio(succeeded, cases),
        figure(count("协议涉及金额", "元")),
        figure(2_101),
        figure(27),
    ];
    // The ledger's words behind the published ones.
    let word = |key: &str| if key == "申请调解" { "当事人申请" } else { "主动调解" }.to_owned();
    let mut sources: Vec<(String, i64)> = published("source", "件")
        .into_iter()
        .filter(|(key, _)| *key != "接受委托移送")
        .map(|(key, n)| (word(key), n))
        .collect();
    sources.extend([("法院", 20), ("公安", 11), ("信访", 5)].map(|(word, n)| (word.to_owned(), n)));
    let parts = |words: Vec<(String, i64)>| words.iter().map(|(word, n)| row(&[word], amounts(&[*n]))).collect();
    let types = published("type", "件").into_iter().map(|(word, n)| (word.to_owned(), n)).collect();
    let people = published("prevented", "人");
    let prevented = published("prevented", "件").into_iter().zip(people).zip(["转刑事", "群体上访"]);
    let prevented = prevented.map(|(((_, n), (_, people)), word)| row(&[word], amounts(&[n, people]))).collect();
    let unit = |code, name, reported, cases: i64, won: i64| {
        unit_row(code, name, reported, vec![figure(cases), figure(won), Figure::ratio(won, cases)])
    };
    let units = vec![
        unit("420202", "黄石港区", (3, 3), 500, 490),
        unit("420204", "下陆区", (3, 2), 369, 352),
        unit("420222", "阳新县", (2, 0), 0, 0),
        unit("420281", "大冶市", (0, 0), 0, 0),
    ];
    let prevented_columns = vec![
        column("mediation.prevented", "防止激化件数", "件", "flow"),
        column("mediation.prevented_people", "防止激化人数", "人", "flow"),
    ];
    Report {
        kind: "monthly".to_owned(),
        scope: "4202".to_owned(),
        scope_name: "黄石市".to_owned(),
        period: "2016-08".to_owned(),
        made_at_ms: MADE_AT_MS,
        catalogue_version: "2016.1".to_owned(),
        version: "0.1.0".to_owned(),
        sections: vec![
            section("total", "", columns.clone(), vec![row(&[], totals)]),
            section("sources", "source", vec![accepted()], parts(sources)),
            section("types", "dispute_type", vec![accepted()], parts(types)),
            section("prevented", "prevented", prevented_columns, prevented),
            section("units", "unit", columns[..3].to_vec(), units),
        ],
        coverage: Some(coverage()),
        positions: positions(),
        ..Report::default()
    }
}

fn coverage() -> Coverage {
    let unit = |code: &str, name: &str, state: &str, since_ms| AbsentUnit {
        code: code.to_owned(),
        name: name.to_owned(),
        state: state.to_owned(),
        since_ms,
        reason: String::new(),
    };
    Coverage {
        expected: 8,
        reported: 5,
        missing: vec![unit("420222100001", "兴国社区", "not-reported", 0)],
        missing_count: 3,
        absent: vec![unit("420222", "阳新县", "absent", MADE_AT_MS - 86_400_000)],
        absent_count: 1,
        not_expected: 3,
        as_of_ms: MADE_AT_MS - 60_000,
        ..Coverage::default()
    }
}

fn positions() -> Vec<FeedPosition> {
    let child = |code: &str, mark: &str, complete_at_ms| FeedPosition {
        code: code.to_owned(),
        mark: mark.to_owned(),
        complete_at_ms,
        ..FeedPosition::default()
    };
    let own = FeedPosition { journal: 57, ..child("4202", "2:910", 0) };
    vec![own, child("420202", "3:120", MADE_AT_MS - 60_000), child("420222", "0:0", 0)]
}

/// Two duties of three workrooms, and what a township entered itself.
pub fn workrooms() -> Report {
    let duty = |title: &str, id: &str, columns: Vec<Column>, figures: [[i64; 2]; 2]| {
        let count = columns.len();
        let figures = |at: usize| amounts(&figures[at][..count]);
        let rows = vec![
            unit_row("420202005001", "胜阳港社区", (1, 1), figures(0)),
            unit_row("420202005002", "黄石港社区", (1, 0), amounts(&[0, 0][..count])),
            unit_row("420202005003", "沈家营社区", (0, 0), amounts(&[0, 0][..count])),
            unit_row("420202005004", "天津路社区", (1, 1), figures(1)),
        ];
        let mut made = ReportSection { title: title.to_owned(), ..section(id, "workroom", columns, rows) };
        made.head.as_mut().unwrap().compare.clear();
        made.rows.iter_mut().for_each(|row| row.comparisons.clear());
        made.end.as_mut().unwrap().comparisons.clear();
        made
    };
    let publicity = vec![
        column("publicity.events", "宣传活动", "件", "flow"),
        column("publicity.audience", "受众人次", "人", "flow"),
    ];
    let subsidy = vec![accepted(), column("subsidy.granted", "补贴金额", "分", "flow")];
    let mut sections = vec![
        duty("法治宣传", "duty-1", publicity, [[3, 1_250], [0, 0]]),
        duty("人民调解", "duty-3", subsidy, [[7, 123_450], [1, 5]]),
    ];
    sections[1].end.as_mut().unwrap().in_transit = amounts(&[2, 100]);
    Report { kind: "workrooms".to_owned(), sections, ..monthly() }
}

fn made(kind: &str, issued: bool) -> Report {
    let report = if kind == "workrooms" { workrooms() } else { monthly() };
    if !issued {
        return report;
    }
    Report { id: ISSUED_ID.to_owned(), actor: "4202.operator.wuji".to_owned(), ..report }
}

#[tonic::async_trait]
impl Reports for Fake {
    async fn make(&self, request: Request<MakeReportRequest>) -> Result<Response<Report>, Status> {
        let request = request.into_inner();
        let mut report = made(&request.kind, request.issue);
        let mut state = self.0.lock();
        if let Some(spoil) = state.spoil_report {
            spoil(&mut report);
        }
        state.reports.push(request);
        Ok(Response::new(report))
    }

    async fn show(&self, request: Request<ShowReportRequest>) -> Result<Response<ShowReportReply>, Status> {
        let ShowReportRequest { id, now } = request.into_inner();
        if id != ISSUED_ID {
            return Err(Status::not_found(format!("no report {id} was issued at this node")));
        }
        let report = made("monthly", true);
        let now = now.then(|| {
            let mut now = Report { made_at_ms: MADE_AT_MS + 86_400_000, ..made("monthly", false) };
            // A case was taken back, another got a larger sum.
            now.sections[0].rows[0].figures[0] = Figure::amount(868);
            now.sections[0].rows[0].figures[2] = Figure::ratio(842, 868);
            now.sections[0].rows[0].figures[3] = Figure::amount(2_873_900_050);
            now.sections[2].rows[1].figures[0] = Figure::amount(277);
            now
        });
        Ok(Response::new(ShowReportReply { report: Some(report), now }))
    }

    async fn list(&self, _: Request<ListReportsRequest>) -> Result<Response<ListReportsReply>, Status> {
        let Report { id, kind, scope, scope_name, period, made_at_ms, actor, .. } = made("monthly", true);
        let report = ReportSummary { id, kind, scope, scope_name, period, issued_at_ms: made_at_ms, actor };
        Ok(Response::new(ListReportsReply { reports: vec![report] }))
    }
}
