//! A ranking with ties, a newcomer, and units that have no place.

use wuji_proto::v1::{Figure, RankReply, RankRequest, RankRow};

use super::statistics::{column, coverage};

fn row(unit: &str, name: &str, sums: (i64, i64), places: (u64, u64, u64), quartile: u32) -> RankRow {
    let (place, tied, former_place) = places;
    RankRow {
        place,
        tied,
        unit: unit.to_owned(),
        unit_name: name.to_owned(),
        figure: Some(Figure::ratio(sums.0, sums.1)),
        former_place,
        former: (former_place > 0).then(|| Figure::ratio(80, 90)),
        quartile,
        unplaced: String::new(),
    }
}

fn unplaced(unit: &str, name: &str, sums: (i64, i64), why: &str) -> RankRow {
    RankRow { unplaced: why.to_owned(), ..row(unit, name, sums, (0, 0, 0), 0) }
}

/// The answer to a question.
pub fn reply(request: &RankRequest) -> RankReply {
    let rows = vec![
        row("371122102", "招贤镇", (99, 100), (1, 1, 3), 1),
        row("371122103", "阎庄镇", (96, 100), (2, 2, 1), 2),
        row("371122104", "寨里河镇", (48, 50), (2, 2, 2), 2),
        row("371122105", "东莞镇", (9, 10), (4, 1, 0), 4),
        unplaced("371122106", "浮来山镇", (3, 3), "denominator"),
        unplaced("371122107", "龙山镇", (0, 0), "not-reported"),
        unplaced("371122108", "果庄镇", (0, 0), "not-expected"),
    ];
    let own = rows.iter().find(|row| row.unit == request.unit).cloned();
    let shown = match request.limit {
        0 => rows,
        limit => rows.into_iter().take(limit as usize).collect(),
    };
    RankReply {
        scope: "371122".to_owned(),
        scope_name: "莒县".to_owned(),
        tier: "township".to_owned(),
        from: request.from.clone(),
        to: request.to.clone(),
        against_from: "2016-07".to_owned(),
        against_to: "2016-07".to_owned(),
        column: Some(column(&request.indicator)),
        rows: shown,
        quartiles: vec![Figure::ratio(99, 100), Figure::ratio(48, 50), Figure::ratio(96, 100)],
        own,
        placed: 4,
        unplaced: 3,
        total: Some(Figure::ratio(255, 263)),
        coverage: Some(coverage(false)),
    }
}
