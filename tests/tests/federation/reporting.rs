//! Who has reported, how, and in time, as every tier tells it.

use anyhow::{Context, Result};
use wuji_proto::{period, v1};
use wuji_tests::client::Client;
use wuji_tests::records::{case, day};
use wuji_tests::recount::Answer;
use wuji_tests::{Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, quiet, recount, wait};

/// All days of this test.
const YEARS: (&str, &str) = ("2024", "2100");

const HOUR_MS: i64 = 3_600_000;

/// Today by a node's time, in China; days since 1900-01-01.
async fn today(client: &Client) -> Result<i32> {
    let hours = client.status().await?.now_ms / HOUR_MS + 8;
    Ok(day("1970-01-01")? + i32::try_from(hours / 24)?)
}

/// Days received in the last years, by how and whether in time.
async fn received(client: &Client) -> Result<Answer> {
    recount::ask(client, "received", "", &["via", "timeliness"], YEARS).await
}

fn of(parts: &[(&str, &str, i64)]) -> Answer {
    parts.iter().map(|(via, timeliness, days)| (vec![(*via).to_owned(), (*timeliness).to_owned()], *days)).collect()
}

async fn until_received(federation: &Federation, code: &str, wanted: &Answer) -> Result<()> {
    let client = federation.client(code)?;
    wait::until(&format!("{code} has received {wanted:?}"), async || {
        let found = received(client).await.map_err(|error| format!("{error:#}"))?;
        if found == *wanted { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await
}

/// The two sums of an indicator.
async fn ratio(client: &Client, indicator: &str) -> Result<(i64, i64)> {
    let (from, to) = (YEARS.0.to_owned(), YEARS.1.to_owned());
    let request = v1::QueryRequest { measures: vec![indicator.to_owned()], from, to, ..Default::default() };
    let replies = client.query(request).await?;
    let totals = replies.into_iter().find_map(|reply| match reply.part {
        Some(v1::query_reply::Part::End(end)) => end.totals.into_iter().next(),
        _ => None,
    });
    match totals.and_then(|figure| figure.kind).context("no total")? {
        v1::figure::Kind::Ratio(ratio) => Ok((ratio.numerator, ratio.denominator)),
        v1::figure::Kind::Amount(amount) => Ok((amount, 1)),
    }
}

#[tokio::test]
async fn every_tier_tells_which_days_were_received_and_which_of_them_in_time() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let (first, second) = (federation.client(WORKROOM)?, federation.client(WORKROOM_2)?);
    let now = today(first).await?;
    let on = |before: i32| period::date(now - before).to_string();
    // Today and yesterday in time; a day long ago late; three days of which one is reported.
    for (client, written) in [(first, on(0)), (first, on(0)), (second, on(1)), (first, "2024-05-06".to_owned())] {
        client.submit(&case(1, &written)).await?;
    }
    assert_eq!(second.zero_report(now - 2, now).await?, 2);
    assert_eq!(second.zero_report(now - 2, now).await?, 0, "once is enough");

    let wanted = of(&[("报送", "按时", 4), ("报送", "迟报", 1)]);
    for tier in [TOWNSHIP, PROVINCE] {
        until_received(&federation, tier, &wanted).await?;
    }
    let province = federation.client(PROVINCE)?;
    assert_eq!(ratio(province, "reporting.timeliness").await?, (4, 5));
    let rooms = recount::ask(province, "received", "", &["workroom"], YEARS).await?;
    assert_eq!(rooms, [(vec![WORKROOM.to_owned()], 2), (vec![WORKROOM_2.to_owned()], 3)].into());

    // What was received stays so, whatever happens to the node that stated it.
    federation.kill(TOWNSHIP).await?;
    std::fs::remove_dir_all(federation.directory(TOWNSHIP).join("data/index"))?;
    federation.start_node(TOWNSHIP).await?;
    federation.exact().await?;
    for tier in [TOWNSHIP, PROVINCE] {
        until_received(&federation, tier, &wanted).await?;
    }
    federation.finish().await
}

#[tokio::test]
async fn a_zero_report_of_days_that_have_not_come_is_refused_with_what_to_do() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let client = federation.client(WORKROOM)?;
    let now = today(client).await?;
    for (from, to, words) in [
        (now, now + 2, "to: "),
        (now, now - 1, "swap them"),
        (now - 500, now, "make several zero reports"),
        (now + 2, now + 3, "from: "),
    ] {
        let refused = format!("{:#}", client.zero_report(from, to).await.unwrap_err());
        assert!(refused.contains(words) && refused.contains("InvalidArgument"), "{refused}");
    }
    quiet::wait(&federation).await?;
    assert_eq!(recount::ask(client, "reported", "", &[], YEARS).await?, Answer::new());
    federation.finish().await
}
