//! Reports over the tiers: issued above, changed below, and shown as they were.

use std::fs;

use anyhow::{Context, Result, ensure};
use tonic::Code;
use wuji_proto::v1::reports_client::ReportsClient;
use wuji_proto::v1::{self, Adjustment, Figure, Report};
use wuji_tests::records::{case, closed, integer};
use wuji_tests::{COUNTY, Federation, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2};

async fn make(federation: &Federation, code: &str, kind: &str, period: &str, issue: bool) -> Result<Report> {
    let (kind, period) = (kind.to_owned(), period.to_owned());
    let request = v1::MakeReportRequest { kind, period, issue, ..v1::MakeReportRequest::default() };
    Ok(ReportsClient::new(federation.client(code)?.channel()).make(request).await?.into_inner())
}

async fn show(federation: &Federation, code: &str, id: &str, now: bool) -> Result<(Report, Option<Report>)> {
    let request = v1::ShowReportRequest { id: id.to_owned(), now };
    let reply = ReportsClient::new(federation.client(code)?.channel()).show(request).await?.into_inner();
    Ok((reply.report.context("no report")?, reply.now))
}

/// The figures of the only row of the whole scope.
fn totals(report: &Report) -> Result<Vec<Figure>> {
    let section = report.sections.first().context("no sections")?;
    Ok(section.rows.first().context("no row")?.figures.clone())
}

async fn adjustments(federation: &Federation, code: &str, by: &[&str], from: &str) -> Result<Vec<Adjustment>> {
    let request = v1::QueryRequest {
        measures: vec!["mediation.accepted".to_owned(), "mediation.people".to_owned()],
        from: from.to_owned(),
        by: by.iter().map(|by| (*by).to_owned()).collect(),
        ..v1::QueryRequest::default()
    };
    let replies = federation.client(code)?.query(request).await?;
    let end = replies.into_iter().find_map(|reply| match reply.part {
        Some(v1::query_reply::Part::End(end)) => Some(end.adjustments),
        _ => None,
    });
    end.context("the answer has no end")
}

#[tokio::test]
async fn an_issued_report_stays_and_what_workrooms_change_later_is_an_adjustment() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let mut cases = Vec::new();
    for number in 0..10 {
        let client = federation.client([WORKROOM, WORKROOM_2][number % 2])?;
        let case = closed(case(number, &format!("2025-0{}-10", number % 2 + 7)), "成功", "2025-09-01");
        client.submit(&case).await?;
        cases.push((client, case));
    }
    federation.exact().await?;
    let issued = make(&federation, COUNTY, "monthly", "2025-08", true).await?;
    ensure!(!issued.id.is_empty() && issued.actor.contains(COUNTY), "{} {}", issued.id, issued.actor);
    let before = totals(&issued)?;
    assert_eq!(before.first(), Some(&Figure::amount(5)));
    assert_eq!(issued.coverage.as_ref().map(|it| (it.expected, it.reported)), Some((2, 1)), "one wrote in August");
    assert_eq!(issued.positions.len(), 2, "the county and its township");
    let township = issued.positions.iter().find(|it| it.code == TOWNSHIP).context("no township")?;
    ensure!(township.complete_at_ms > 0 && township.journal == 0, "{township:?}");

    // One gets more people, one is taken back; July, which is not in the report, changes too.
    let (client, august) = cases.get(1).context("no case")?;
    client.amend(&august.clone().with("people_count", integer(100)), 1).await?;
    let (client, voided) = cases.get(3).context("no case")?;
    client.void(voided, 1).await?;
    let (client, july) = cases.get(2).context("no case")?;
    client.void(july, 1).await?;
    federation.exact().await?;

    let (shown, now) = show(&federation, COUNTY, &issued.id, true).await?;
    assert_eq!(shown, issued);
    let now = totals(&now.context("not answered now")?)?;
    assert_eq!(now.first(), Some(&Figure::amount(4)));
    let told = adjustments(&federation, COUNTY, &[], "2025-08").await?;
    let columns: Vec<&str> = told.iter().map(|it| it.column.as_str()).collect();
    assert_eq!(columns, ["mediation.accepted", "mediation.people"]);
    for (adjustment, was, is) in [(0, Figure::amount(5), Figure::amount(4)), (1, before[4], now[4])] {
        let it = told.get(adjustment).context("no adjustment")?;
        assert_eq!((it.report.as_str(), it.issued, it.now), (issued.id.as_str(), Some(was), Some(is)));
    }
    // The scope's own total, however the rows are divided; but of this time alone, and here alone.
    assert_eq!(adjustments(&federation, COUNTY, &["unit"], "2025-08").await?, told);
    assert_eq!(adjustments(&federation, COUNTY, &[], "2025-07").await?, []);
    assert_eq!(adjustments(&federation, TOWNSHIP, &[], "2025-08").await?, []);

    // Killed, and without its index, it shows the same; the next report tells the difference.
    federation.kill(COUNTY).await?;
    fs::remove_dir_all(federation.directory(COUNTY).join("data/index"))?;
    federation.start_node(COUNTY).await?;
    federation.exact().await?;
    assert_eq!(show(&federation, COUNTY, &issued.id, false).await?.0, issued);
    let again = make(&federation, COUNTY, "monthly", "2025-08", true).await?;
    let told: Vec<&Adjustment> = again.sections.iter().flat_map(|it| &it.end.as_ref().unwrap().adjustments).collect();
    ensure!(told.iter().any(|it| it.report == issued.id && it.now == Some(Figure::amount(4))), "{told:?}");
    let list = v1::ListReportsRequest { limit: 0 };
    let list = ReportsClient::new(federation.client(COUNTY)?.channel()).list(list).await?.into_inner();
    assert_eq!(list.reports.iter().map(|it| &it.id).collect::<Vec<_>>(), [&again.id, &issued.id]);
    federation.finish().await
}

#[tokio::test]
async fn a_report_of_workrooms_has_a_row_for_each_and_says_who_is_silent() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-08-10")).await?;
    // The judicial office writes too.
    federation.client(TOWNSHIP)?.submit(&case(2, "2025-08-11")).await?;
    wuji_tests::quiet::wait(&federation).await?;
    let report = make(&federation, COUNTY, "workrooms", "2025-08", false).await?;
    let mediation = report.sections.iter().find(|it| it.title == "人民调解").context("no duty")?;
    let rows: Vec<_> = mediation.rows.iter().map(|row| (row.unit.as_str(), row.figures.first().copied())).collect();
    let wanted = [(TOWNSHIP, 1), (WORKROOM, 1), (WORKROOM_2, 0)];
    assert_eq!(rows, wanted.map(|(unit, amount)| (unit, Some(Figure::amount(amount)))));
    let workrooms = mediation.rows.iter().filter(|row| row.unit != TOWNSHIP);
    let reported: Vec<_> = workrooms.map(|row| row.reporting.map(|it| (it.expected, it.reported))).collect();
    assert_eq!(reported, [Some((1, 1)), Some((1, 0))]);
    let end = mediation.end.as_ref().context("no end")?;
    assert_eq!((end.totals.first(), end.in_transit.first()), (Some(&Figure::amount(2)), Some(&Figure::amount(0))));
    federation.finish().await
}

#[tokio::test]
async fn a_confirmed_report_has_what_was_written_last_and_names_who_could_not_be_asked() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    wuji_tests::quiet::wait(&federation).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-08-10")).await?;
    let request = v1::MakeReportRequest {
        kind: "monthly".to_owned(),
        period: "2025-08".to_owned(),
        issue: true,
        confirmed: true,
        within_ms: 20_000,
        ..v1::MakeReportRequest::default()
    };
    let mut reports = ReportsClient::new(federation.client(COUNTY)?.channel());
    let made = reports.make(request.clone()).await?.into_inner();
    assert_eq!(totals(&made)?.first(), Some(&Figure::amount(1)), "without waiting for quiet");
    let confirmation = made.coverage.as_ref().and_then(|it| it.confirmation.as_ref()).context("not confirmed")?;
    assert_eq!((confirmation.confirmed, confirmation.unconfirmed_count), (4, 0), "{confirmation:?}");
    assert_eq!(show(&federation, COUNTY, &made.id, false).await?.0, made);

    federation.stop(WORKROOM_2).await?;
    let made = reports.make(v1::MakeReportRequest { issue: false, ..request }).await?.into_inner();
    let confirmation = made.coverage.and_then(|it| it.confirmation).context("not confirmed")?;
    let missing: Vec<&str> = confirmation.unconfirmed.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(missing, [WORKROOM_2], "{confirmation:?}");
    federation.finish().await
}

#[tokio::test]
async fn what_cannot_be_reported_is_refused_with_what_to_do() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let mut reports = ReportsClient::new(federation.client(COUNTY)?.channel());
    for (kind, scope, period, code, says) in [
        ("weekly", "", "2025-08", Code::InvalidArgument, "monthly and workrooms"),
        ("monthly", "", "2025-08-10", Code::InvalidArgument, "whole months"),
        ("monthly", "42", "2025-08", Code::NotFound, "42"),
        ("workrooms", WORKROOM, "2025-08", Code::InvalidArgument, "larger unit"),
    ] {
        let (kind, scope, period) = (kind.to_owned(), scope.to_owned(), period.to_owned());
        let request = v1::MakeReportRequest { kind, scope, period, ..v1::MakeReportRequest::default() };
        let refused = reports.make(request).await.err().context("it was made")?;
        ensure!(refused.code() == code && refused.message().contains(says), "{refused:?}");
    }
    for (id, code) in [("7", Code::InvalidArgument), ("0156f1d4-5800-7000-8000-000000000001", Code::NotFound)] {
        let request = v1::ShowReportRequest { id: id.to_owned(), now: false };
        let refused = reports.show(request).await.err().context("it was shown")?;
        assert_eq!(refused.code(), code, "{refused:?}");
    }
    federation.finish().await
}
