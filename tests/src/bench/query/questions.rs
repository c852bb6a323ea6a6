//! Which questions are asked, and what their answers must come to.

use anyhow::Context;
use tokio::time::{Duration, Instant};
use tonic::Code;
use tonic::transport::Channel;
use wuji_proto::Tier;
use wuji_proto::v1::statistics_client::StatisticsClient;
use wuji_proto::v1::{QueryRequest, RankRequest};

use super::ask::{Answer, Reader, ask, parts_of};
use super::stream;
use crate::bench::home::Built;
use crate::bench::latency::{self, Latency};
use crate::bench::limits::Limits;
use crate::bench::report::{Check, Figure, Stream};
use crate::client::Client;

/// A flow with three splits: a total is the sum of one split's parts.
const MEASURE: &str = "mediation.accepted";
/// The ratio of another flow to it.
const INDICATOR: &str = "mediation.success_rate";
/// The numerator of [`INDICATOR`].
const NUMERATOR: &str = "mediation.succeeded";

/// Rows that a ranking shows.
const RANKED: u32 = 20;

/// The targets, in milliseconds at the 99th percentile.
const TOTAL_MS_MAX: f64 = 1.0;
const COUNTIES_MS_MAX: f64 = 20.0;
const RANKING_MS_MAX: f64 = 100.0;

/// A question that is asked again and again.
struct Question {
    name: &'static str,
    asked: &'static str,
    request: QueryRequest,
    note: &'static str,
    target_p99_ms: Option<f64>,
}

/// Asks one node everything.
pub struct Asking<'a> {
    channel: Channel,
    province: &'a Built,
    limits: &'a Limits,
    repetitions: usize,
    checks: Vec<Check>,
}

impl<'a> Asking<'a> {
    /// Over one connection, each question so often.
    pub fn new(client: &Client, province: &'a Built, limits: &'a Limits, repetitions: usize) -> Self {
        Self { channel: client.channel(), province, limits, repetitions, checks: Vec::new() }
    }

    /// What the answers had to come to.
    pub fn checks(self) -> Vec<Check> {
        self.checks
    }

    /// The short answers.
    pub async fn questions(&mut self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for question in self.list() {
            figures.push(self.figure(question).await?);
        }
        figures.push(self.ranking().await?);
        Ok(figures)
    }

    /// The long answer, read fast and slowly.
    pub async fn streams(&mut self, process: u32) -> anyhow::Result<Vec<Stream>> {
        let request =
            QueryRequest { by: vec![Tier::Workroom.name().to_owned()], grain: "month".to_owned(), ..self.of(MEASURE) };
        let mut streams = Vec::new();
        for (name, reader) in [("fast", Reader::Fast), ("slow", stream::SLOW)] {
            let (read, answer) = stream::read(&self.channel, request.clone(), reader, process).await?;
            let rows = (self.province.workrooms as u64) * u64::from(self.province.months);
            self.check(format!("stream, {name}: rows"), i64::try_from(rows)?, i64::try_from(answer.rows)?);
            self.check_sums(&format!("stream, {name}"), MEASURE, &answer);
            streams.push(read);
        }
        Ok(streams)
    }

    fn of(&self, measure: &str) -> QueryRequest {
        QueryRequest {
            measures: vec![measure.to_owned()],
            from: self.province.first.clone(),
            to: self.province.last.clone(),
            ..QueryRequest::default()
        }
    }

    fn list(&self) -> Vec<Question> {
        let by = |word: &str| vec![word.to_owned()];
        let month = || "month".to_owned();
        vec![
            Question {
                name: "province_total",
                asked: "one measure of the province, all months",
                request: self.of(MEASURE),
                note: "",
                target_p99_ms: Some(TOTAL_MS_MAX),
            },
            Question {
                name: "province_year_ago",
                asked: "the same with 同比",
                request: QueryRequest { compare: vec!["year-ago".to_owned()], ..self.of(MEASURE) },
                note: "the year before has no cells",
                target_p99_ms: None,
            },
            Question {
                name: "province_by_dispute_type",
                asked: "the same by type of dispute",
                request: QueryRequest { by: by("dispute_type"), ..self.of(MEASURE) },
                note: "",
                target_p99_ms: None,
            },
            Question {
                name: "counties_by_month",
                asked: "one indicator, counties × months",
                request: QueryRequest { by: by(Tier::County.name()), grain: month(), ..self.of(INDICATOR) },
                note: "",
                target_p99_ms: Some(COUNTIES_MS_MAX),
            },
            Question {
                name: "townships_by_month",
                asked: "one measure, townships × months",
                request: QueryRequest { by: by(Tier::Township.name()), grain: month(), ..self.of(MEASURE) },
                note: "",
                target_p99_ms: None,
            },
        ]
    }

    async fn figure(&mut self, of: Question) -> anyhow::Result<Figure> {
        let began = Instant::now();
        let first = ask(&self.channel, of.request.clone(), Reader::Fast).await.context(of.asked)?;
        let cold = began.elapsed();
        let column = of.request.measures.first().map_or(MEASURE, String::as_str);
        self.check_sums(of.name, column, &first);
        let latency = latency::repeat(self.repetitions, async || {
            ask(&self.channel, of.request.clone(), Reader::Fast).await.map(drop)
        });
        let latency = latency.await.context(of.asked)?;
        Ok(self.measured(&of, first.rows, cold, latency))
    }

    fn measured(&self, of: &Question, rows: u64, cold: Duration, latency: Latency) -> Figure {
        Figure {
            name: of.name,
            question: of.asked,
            note: of.note.to_owned(),
            rows,
            cold_ms: latency::milliseconds(cold),
            latency,
            target_p99_ms: of.target_p99_ms,
            met: of.target_p99_ms.map(|target| latency.p99_ms <= target),
            round_trips: latency.p50_ms / self.limits.round_trip.p50_ms,
        }
    }

    /// By `Rank`; of a node that has none yet, by a question for the first of all workrooms.
    async fn ranking(&mut self) -> anyhow::Result<Figure> {
        let by_query = Question {
            name: "ranking",
            asked: "ranking of the workrooms by an indicator",
            request: QueryRequest {
                by: vec![Tier::Workroom.name().to_owned()],
                order_by: INDICATOR.to_owned(),
                descending: true,
                limit: RANKED,
                ..self.of(INDICATOR)
            },
            note: "asked as an ordered query: this node has no Rank",
            target_p99_ms: Some(RANKING_MS_MAX),
        };
        let request = RankRequest {
            tier: Tier::Workroom.name().to_owned(),
            indicator: INDICATOR.to_owned(),
            from: self.province.first.clone(),
            to: self.province.last.clone(),
            limit: RANKED,
            ..RankRequest::default()
        };
        let mut client = StatisticsClient::new(self.channel.clone());
        let began = Instant::now();
        let first = match client.rank(request.clone()).await {
            Err(status) if status.code() == Code::Unimplemented => return self.figure(by_query).await,
            other => other.context(by_query.asked)?.into_inner(),
        };
        let cold = began.elapsed();
        let total = first.total.as_ref().map_or((0, 0), parts_of);
        self.check("ranking: total's numerator".to_owned(), self.counted(NUMERATOR), total.0);
        self.check("ranking: total's denominator".to_owned(), self.counted(MEASURE), total.1);
        let placed = i64::try_from(first.placed + first.unplaced)?;
        self.check("ranking: workrooms".to_owned(), i64::try_from(self.province.workrooms)?, placed);
        let latency = latency::repeat(self.repetitions, async || {
            client.rank(request.clone()).await.map(drop).context(by_query.asked)
        });
        let latency = latency.await?;
        let of = Question { note: "by Rank, with change of place against the months before", ..by_query };
        Ok(self.measured(&of, first.rows.len() as u64, cold, latency))
    }

    fn counted(&self, measure: &str) -> i64 {
        self.province.totals.get(measure).copied().unwrap_or(0)
    }

    fn check(&mut self, name: String, wanted: i64, found: i64) {
        self.checks.push(Check { name, wanted, found });
    }

    /// Rows and what `limit` left out add up to what the records add up to; nothing is in
    /// transit; every workroom was expected and has reported.
    fn check_sums(&mut self, name: &str, column: &str, answer: &Answer) {
        let parts = |figures: &[wuji_proto::v1::Figure]| figures.first().map_or((0, 0), parts_of);
        let (total, rest) = (parts(&answer.end.totals), parts(&answer.end.rest));
        let wanted = match column {
            INDICATOR => (self.counted(NUMERATOR), self.counted(MEASURE)),
            measure => (self.counted(measure), 0),
        };
        let with_rest = |of: (i64, i64)| (of.0 + rest.0, of.1 + rest.1);
        for (what, found) in [("totals", with_rest(total)), ("rows", with_rest(answer.sums))] {
            self.check(format!("{name}: {what}"), wanted.0, found.0);
            self.check(format!("{name}: {what}, denominator"), wanted.1, found.1);
        }
        let transit = parts(&answer.end.in_transit);
        self.check(format!("{name}: in transit"), 0, transit.0.abs() + transit.1.abs());
        let coverage = answer.end.coverage.clone().unwrap_or_default();
        let workrooms = i64::try_from(self.province.workrooms).unwrap_or(0);
        for (what, found) in [("expected", coverage.expected), ("reported", coverage.reported)] {
            self.check(format!("{name}: workrooms {what}"), workrooms, i64::try_from(found).unwrap_or(-1));
        }
    }
}
