//! Values at a date, on any day and at every tier.

use anyhow::{Result, ensure};
use wuji_proto::v1;
use wuji_tests::records::{Entry, case, closed, day, register, staff, text};
use wuji_tests::{Federation, TIERS, WORKROOM, WORKROOM_2, quiet, recount};

/// Around each date at which something begins or ends, in the past and in the future.
const DAYS: [&str; 16] = [
    "2024-12-31",
    "2025-01-01",
    "2025-01-31",
    "2025-02-01",
    "2025-03-01",
    "2025-03-02",
    "2025-03-31",
    "2025-04-01",
    "2025-04-30",
    "2025-05-01",
    "2025-05-15",
    "2025-06-01",
    "2025-12-31",
    "2026-02-28",
    "2026-12-31",
    "2030-06-15",
];

/// Open more than 30 days after acceptance, at the end of `on`.
fn is_overdue(record: &v1::Record, on: i32) -> bool {
    let accepted = recount::date(record, "accepted_on").unwrap_or(i32::MAX);
    let ended = matches!(recount::word(record, "result").as_str(), "成功" | "不成功")
        .then(|| recount::date(record, "agreed_on").or(recount::date(record, "mediated_on")))
        .flatten();
    on >= accepted.saturating_add(31) && ended.is_none_or(|ended| on < ended)
}

fn live<'r>(records: &'r [v1::Record], scope: &str, ledger: &str) -> Vec<&'r v1::Record> {
    let counts = |record: &&v1::Record| {
        record.ledger == ledger && record.unit.starts_with(scope) && record.state() == v1::RecordState::Live
    };
    records.iter().filter(counts).collect()
}

/// A workroom has all of 3111 and 六统一, and three people, at the end of `on`.
fn is_standardised(records: &[v1::Record], workroom: &str, on: i32) -> bool {
    let since = |record: &&v1::Record, field: &str| recount::date(record, field).is_some_and(|since| since <= on);
    let built = live(records, workroom, "workroom")
        .iter()
        .any(|record| wuji_tests::records::STANDARD.iter().all(|field| since(record, field)));
    let people = live(records, workroom, "staff");
    let serving =
        people.iter().filter(|record| since(record, "from") && recount::date(record, "to").is_none_or(|to| on < to));
    built && serving.count() >= 3
}

/// Every tier, on every day: what the node says and what the records make.
async fn right_on_each_day(federation: &Federation) -> Result<i64> {
    quiet::wait(federation).await?;
    let records = recount::records(federation).await?;
    let mut seen = 0;
    for (client, _) in federation.clients() {
        for text in DAYS {
            let (on, scope) = (day(text)?, client.code.as_str());
            let cases = live(&records, scope, "mediation");
            let overdue = i64::try_from(cases.iter().filter(|record| is_overdue(record, on)).count())?;
            let rooms = [WORKROOM, WORKROOM_2].into_iter().filter(|room| room.starts_with(scope));
            let standardised = i64::try_from(rooms.filter(|room| is_standardised(&records, room, on)).count())?;
            for (measure, counted) in
                [("mediation.open_over_30_days", overdue), ("workroom.standardised", standardised)]
            {
                let told = recount::total(client, measure, text).await?;
                ensure!(told == counted, "{scope}: {measure} on {text} is {told}, the records make {counted}");
                seen += counted;
            }
        }
    }
    Ok(seen)
}

#[tokio::test]
async fn cases_open_over_30_days_and_workrooms_standardised_are_right_on_each_day() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let (first, second) = (federation.client(WORKROOM)?, federation.client(WORKROOM_2)?);

    // Overdue from 2025-02-01, 2025-04-01 and 2025-04-30 on; the last closed in time.
    let cases: Vec<Entry> = [("2025-01-01", 0), ("2025-03-01", 1), ("2025-03-30", 2), ("2025-03-02", 3)]
        .map(|(accepted, number)| case(number, accepted))
        .into();
    for case in &cases {
        first.submit(case).await?;
        second.submit(&Entry { id: wuji_proto::RecordId::now(), ..case.clone() }).await?;
    }
    let people: Vec<Entry> = [("甲", "2025-01-01"), ("乙", "2025-02-01"), ("丙", "2025-03-01"), ("丁", "2025-05-01")]
        .map(|(name, from)| staff(name, from))
        .into();
    for person in &people {
        first.submit(person).await?;
    }
    let room = register(WORKROOM, "2024-12-01", "2025-01-31");
    first.submit(&room).await?;
    assert!(right_on_each_day(&federation).await? > 0, "nothing to see");

    // Closed: one that was overdue, one just in time, one without success; one goes on.
    first.amend(&closed(cases[0].clone(), "成功", "2025-03-31"), 1).await?;
    first.amend(&closed(cases[1].clone(), "成功", "2025-04-01").with("agreed_on", text("2025-03-31")), 1).await?;
    first.amend(&closed(cases[2].clone(), "不成功", "2025-05-15"), 1).await?;
    first.amend(&cases[3].clone().with("result", text("继续")), 1).await?;
    // The third person leaves before the fourth comes: a gap in March and April.
    first.amend(&people[2].clone().with("to", text("2025-04-01")), 1).await?;
    right_on_each_day(&federation).await?;

    // What was wrong is mended: another day of acceptance, open again, a later square, a void.
    first.amend(&cases[2].clone().with("accepted_on", text("2025-05-01")), 2).await?;
    first.amend(&closed(cases[0].clone(), "成功", "2025-05-15"), 2).await?;
    first.amend(&room.clone().with("square_on", text("2025-05-15")), 1).await?;
    first.void(&cases[3], 2).await?;
    right_on_each_day(&federation).await?;
    first.void(&people[0], 1).await?;
    right_on_each_day(&federation).await?;
    federation.finish().await
}
