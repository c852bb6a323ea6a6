//! Confirmed answers: every unit shows its newest figures first, or is named.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use wuji_proto::v1::reports_client::ReportsClient;
use wuji_proto::v1::{self, query_reply::Part};
use wuji_tests::client::Client;
use wuji_tests::records::{case, day};
use wuji_tests::{CITY, COUNTY, Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, recount, wait};

/// What a confirmed answer says: the cases of 2025, and who confirmed.
async fn confirmed(client: &Client, scope: &str, within: Duration) -> Result<(i64, v1::Confirmation)> {
    let request = v1::QueryRequest {
        scope: scope.to_owned(),
        measures: vec!["mediation.accepted".to_owned()],
        from: "2025".to_owned(),
        confirmed: true,
        within_ms: u32::try_from(within.as_millis())?,
        ..v1::QueryRequest::default()
    };
    let began = tokio::time::Instant::now();
    let replies = client.query(request).await?;
    // The promise that the feature makes, with room for a busy machine.
    ensure!(began.elapsed() < within + Duration::from_secs(5), "the answer took {:?}", began.elapsed());
    for reply in replies {
        if let Some(Part::End(end)) = reply.part {
            let total = end.totals.first().map_or(0, v1::Figure::numerator);
            let coverage = end.coverage.context("no coverage")?;
            return Ok((total, coverage.confirmation.context("no confirmation")?));
        }
    }
    bail!("the answer has no end")
}

/// Code and state of those who did not confirm.
fn unconfirmed(confirmation: &v1::Confirmation) -> Vec<(&str, &str)> {
    confirmation.unconfirmed.iter().map(|unit| (unit.code.as_str(), unit.state.as_str())).collect()
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_entry_written_just_before_is_in_the_confirmed_answer_of_every_tier() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.exact().await?;
    let workrooms = [WORKROOM, WORKROOM_2].map(|code| federation.client(code));
    let mut written = 0;
    for round in 0..10 {
        for (asked, units) in [(PROVINCE, 6), (CITY, 5), (COUNTY, 4), (TOWNSHIP, 3)] {
            let workroom = workrooms[round % 2].as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
            workroom.submit(&case(usize::try_from(written)?, "2025-03-04")).await?;
            written += 1;
            let (total, confirmation) = confirmed(federation.client(asked)?, "", LONG).await?;
            assert_eq!(unconfirmed(&confirmation), [], "{asked}");
            assert_eq!((total, confirmation.confirmed), (written, units), "{asked}");
        }
    }
    // Of a part only those in it are asked to confirm.
    let (total, confirmation) = confirmed(federation.client(PROVINCE)?, TOWNSHIP, LONG).await?;
    assert_eq!((total, confirmation.confirmed, confirmation.unconfirmed_count), (written, 3, 0));
    let (total, confirmation) = confirmed(federation.client(PROVINCE)?, WORKROOM, LONG).await?;
    assert_eq!((total, confirmation.confirmed, confirmation.unconfirmed_count), (written / 2, 1, 0));
    federation.finish().await
}

#[tokio::test]
async fn who_is_not_there_is_named_at_once_and_nobody_waits_for_it() -> Result<()> {
    let federation = Federation::start(&[PROVINCE, CITY, COUNTY, TOWNSHIP, WORKROOM]).await?;
    // Planned, and it never comes.
    federation.client(TOWNSHIP)?.register(WORKROOM_2.parse()?, "工作室", day("2024-01-01")?).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-03-04")).await?;
    federation.exact().await?;
    let province = federation.client(PROVINCE)?;
    let (total, confirmation) = confirmed(province, "", LONG).await?;
    assert_eq!((total, confirmation.confirmed), (1, 5));
    assert_eq!(unconfirmed(&confirmation), [(WORKROOM_2, "planned")]);
    // A report says it, too.
    let asked = v1::MakeReportRequest {
        kind: "monthly".to_owned(),
        period: "2025-03".to_owned(),
        confirmed: true,
        ..v1::MakeReportRequest::default()
    };
    let report = ReportsClient::new(province.channel()).make(asked).await?.into_inner();
    let confirmation = report.coverage.context("no coverage")?.confirmation.context("no confirmation")?;
    assert_eq!((confirmation.confirmed, unconfirmed(&confirmation)), (5, vec![(WORKROOM_2, "planned")]));

    federation.cut(COUNTY, true)?;
    wait::until("the city notices that the county is away", async || {
        let state = federation.client(CITY)?.child(COUNTY.parse()?).await?.state;
        if state == "absent" { Ok(()) } else { Err(anyhow::anyhow!(state)) }
    })
    .await?;
    let hour = Duration::from_mins(9);
    let began = tokio::time::Instant::now();
    let (total, confirmation) = confirmed(province, "", hour).await?;
    assert!(began.elapsed() < wait::LONGEST, "it waited for who is absent");
    assert_eq!((total, confirmation.confirmed), (1, 2));
    let states = [(COUNTY, "absent"), (TOWNSHIP, "unknown"), (WORKROOM, "unknown"), (WORKROOM_2, "planned")];
    assert_eq!(unconfirmed(&confirmation), states);
    let below = confirmation.unconfirmed.iter().find(|unit| unit.code == WORKROOM).unwrap();
    assert!(below.reason.contains(COUNTY), "{below:?}");
    federation.cut(COUNTY, false)?;
    federation.exact().await?;
    federation.finish().await
}

#[tokio::test]
async fn a_child_that_stops_answering_is_named_as_late_within_the_deadline_and_blocks_nobody() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-03-04")).await?;
    federation.exact().await?;
    federation.pause(WORKROOM_2).await?;
    let (province, workroom) = (federation.client(PROVINCE)?, federation.client(WORKROOM)?);
    let within = Duration::from_millis(1_500);
    let asking = confirmed(province, "", within);
    // Meanwhile entries are acknowledged, and go up.
    let writing = async {
        for number in 2..30 {
            workroom.submit(&case(number, "2025-03-04")).await?;
        }
        wait::until("the province has them", async || {
            let total =
                recount::total(province, "mediation.accepted", "2025").await.map_err(|error| error.to_string())?;
            if total == 29 { Ok(()) } else { Err(total.to_string()) }
        })
        .await
    };
    let (asked, written) = tokio::join!(asking, writing);
    written?;
    let (_, confirmation) = asked?;
    assert_eq!(confirmation.confirmed, 5, "{confirmation:?}");
    assert_eq!(unconfirmed(&confirmation), [(WORKROOM_2, "late")]);

    federation.resume(WORKROOM_2).await?;
    federation.exact().await?;
    let (total, confirmation) = confirmed(province, "", LONG).await?;
    assert_eq!((total, confirmation.confirmed, confirmation.unconfirmed_count), (29, 6, 0));
    federation.finish().await
}

#[tokio::test]
async fn a_middle_node_that_dies_mid_barrier_is_named_with_all_below_it() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-03-04")).await?;
    federation.exact().await?;
    // The township waits for it, so the barrier is under way when the township dies.
    federation.pause(WORKROOM_2).await?;
    let province = federation.client(PROVINCE)?;
    let (asked, killed) = tokio::join!(confirmed(province, "", LONG), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        federation.kill(TOWNSHIP).await
    });
    killed?;
    let (total, confirmation) = asked?;
    assert_eq!((total, confirmation.confirmed), (1, 3));
    assert_eq!(unconfirmed(&confirmation), [(TOWNSHIP, "absent"), (WORKROOM, "unknown"), (WORKROOM_2, "unknown")]);
    assert!(
        u128::from(confirmation.took_ms) < LONG.as_millis() * 9 / 10,
        "nobody waits for the dead: {confirmation:?}"
    );
    federation.resume(WORKROOM_2).await?;
    federation.start_node(TOWNSHIP).await?;
    federation.exact().await?;
    federation.finish().await
}

#[tokio::test]
async fn a_node_that_holds_its_feed_back_is_named_with_the_reason() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.exact().await?;
    federation.set(COUNTY, |setup| setup.hold_seconds = 3_600).await?;
    // After an unclean stop it waits for its child, which does not come back.
    federation.cut(TOWNSHIP, true)?;
    federation.kill(COUNTY).await?;
    federation.start_node(COUNTY).await?;
    wait::until("the city can ask the county", async || {
        let (_, confirmation) = confirmed(federation.client(CITY)?, "", Duration::from_secs(1)).await?;
        let county = confirmation.unconfirmed.iter().find(|unit| unit.code == COUNTY).context("it confirms")?;
        let holds = county.state == "catching-up" && !county.reason.is_empty();
        ensure!(holds && confirmation.confirmed == 1, "{confirmation:?}");
        Ok::<_, anyhow::Error>(())
    })
    .await?;
    federation.cut(TOWNSHIP, false)?;
    wait::until("all confirm again", async || {
        let (_, confirmation) = confirmed(federation.client(PROVINCE)?, "", LONG).await?;
        ensure!(confirmation.confirmed == 6, "{confirmation:?}");
        Ok::<_, anyhow::Error>(())
    })
    .await?;
    federation.finish().await
}
