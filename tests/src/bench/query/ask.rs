//! One answer, read to its end as a client does.

use anyhow::{Context, bail, ensure};
use tokio::time::{Duration, Instant, sleep};
use tonic::transport::Channel;
use wuji_proto::v1::figure::Kind;
use wuji_proto::v1::query_reply::Part;
use wuji_proto::v1::statistics_client::StatisticsClient;
use wuji_proto::v1::{Figure, QueryEnd, QueryRequest};

/// How an answer's rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// As fast as they come.
    Fast,
    /// With a pause after every so many rows.
    Slow {
        /// Rows between two pauses.
        rows: u64,
        /// A pause.
        pause: Duration,
    },
}

/// What there is to say of an answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Rows.
    pub rows: u64,
    /// The sums of the rows' first figures: an amount, or a ratio's two parts.
    pub sums: (i64, i64),
    /// From the question to the first row.
    pub first_row: Duration,
    /// Totals and coverage.
    pub end: QueryEnd,
}

/// Asks, and reads the answer to its end.
pub async fn ask(channel: &Channel, request: QueryRequest, reader: Reader) -> anyhow::Result<Answer> {
    let began = Instant::now();
    let mut client = StatisticsClient::new(channel.clone());
    let mut parts = client.query(request).await.context("asking")?.into_inner();
    let mut answer = Answer::default();
    let mut ended = None;
    while let Some(reply) = parts.message().await.context("reading the answer")? {
        match reply.part {
            Some(Part::Head(_)) => {}
            Some(Part::Row(row)) => {
                if answer.rows == 0 {
                    answer.first_row = began.elapsed();
                }
                answer.rows += 1;
                let (numerator, denominator) = row.figures.first().map_or((0, 0), parts_of);
                answer.sums = (answer.sums.0 + numerator, answer.sums.1 + denominator);
                if let Reader::Slow { rows, pause } = reader
                    && answer.rows.is_multiple_of(rows)
                {
                    sleep(pause).await;
                }
            }
            Some(Part::End(end)) => ended = Some(end),
            None => bail!("a part of the answer is of no kind that is known"),
        }
    }
    answer.end = ended.context("the answer has no end")?;
    ensure!(answer.rows > 0, "the answer has no rows");
    Ok(answer)
}

/// An amount, or a ratio's numerator and denominator.
pub fn parts_of(figure: &Figure) -> (i64, i64) {
    match &figure.kind {
        Some(Kind::Amount(amount)) => (*amount, 0),
        Some(Kind::Ratio(ratio)) => (ratio.numerator, ratio.denominator),
        None => (0, 0),
    }
}
