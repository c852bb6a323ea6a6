//! Entries of the ledgers other than mediation: invented, with the numbers of `ju.toml`.

use std::collections::BTreeMap;

use wuji_proto::period::date;
use wuji_proto::{DivisionCode, v1};

use super::Entry;
use super::mediation::{PEOPLE, Span, date_value, fields, id, integer, rows, text};
use super::random::Random;
use super::settings::Yearly;

type Values = BTreeMap<String, v1::Value>;

/// What makes one entry of a ledger: its number in the workroom from 1, and its event date.
type Make = fn(number: u64, day: i32, &mut Random) -> Values;

/// 3111 and 六统一: twelve dates from which the workroom has each.
pub const BUILT_ON: [&str; 12] = [
    "mediation_room_on",
    "service_room_on",
    "office_room_on",
    "square_on",
    "window_on",
    "hall_on",
    "signage_on",
    "duties_on",
    "rules_on",
    "process_on",
    "support_on",
    "ledgers_on",
];

/// The workroom's register and its year of work.
pub(super) fn entries(unit: DivisionCode, yearly: &Yearly, span: Span, random: &mut Random) -> Vec<Entry> {
    let first_day = span.first;
    let mut entries = vec![Entry { unit, ledger: "workroom", id: id(first_day, random), values: workroom(unit, span) }];
    for number in 1..=yearly.staff {
        let values = staff(number, first_day, random);
        entries.push(Entry { unit, ledger: "staff", id: id(first_day, random), values });
    }
    let duties: [(&'static str, u64, Make); 5] = [
        ("screening", yearly.screening, screening),
        ("publicity", yearly.publicity, publicity),
        ("service", yearly.service, service),
        ("legal_aid", yearly.legal_aid, legal_aid),
        ("special", yearly.special, special),
    ];
    for (ledger, count, make) in duties {
        let mut days: Vec<i32> = (0..count).map(|_| span.day(random)).collect();
        days.sort_unstable();
        for (day, number) in days.into_iter().zip(1..) {
            entries.push(Entry { unit, ledger, id: id(day, random), values: make(number, day, random) });
        }
    }
    entries
}

/// One in three of the workrooms still lacks its hall 法德讲堂 and so is not standardised.
fn workroom(unit: DivisionCode, span: Span) -> Values {
    let lacks_hall = unit.to_key().iter().map(|byte| u32::from(*byte)).sum::<u32>() % 3 == 0;
    let in_town = unit.as_str().get(6..7) == Some("0");
    let covered = fields([("code", text(unit.as_str())), ("from", date_value(span.first))]);
    let mut values = fields([
        ("listed_on", date_value(span.first)),
        ("name", text(&format!("{unit} 司法行政工作室"))),
        ("build_status", text(if lacks_hall { "已建" } else { "已规范化" })),
        ("built_on", date_value(span.first)),
        ("site_kind", text(if in_town { "城市社区" } else { "已撤并社区" })),
        ("covered_villages", rows(vec![covered])),
    ]);
    for field in BUILT_ON.iter().filter(|field| !(lacks_hall && **field == "hall_on")) {
        values.insert((*field).to_owned(), date_value(span.first));
    }
    values
}

fn staff(number: u64, day: i32, random: &mut Random) -> Values {
    let (role, source) = match number {
        1 => ("主任", "村居委成员"),
        2 => ("副主任", "人民调解员"),
        _ => ("调解员", random.pick(&["人民调解员", "律师", "基层法律服务工作者", "社工", "志愿者"])),
    };
    fields([
        ("name", text(random.pick(&PEOPLE))),
        ("role", text(role)),
        ("full_time", text(if number == 1 { "专" } else { "兼" })),
        ("source", text(source)),
        ("from", date_value(day)),
    ])
}

/// Most screenings find nothing: a zero report 零报告 is a report.
fn screening(_: u64, day: i32, random: &mut Random) -> Values {
    let found = random.pick(&[0, 0, 0, 0, 0, 0, 1, 1, 2]);
    fields([
        ("on", date_value(day)),
        ("place", text(random.pick(&["辖区各网格", "沿街商铺", "在建工地", "集贸市场", "居民小区"]))),
        ("found", integer(found)),
        ("risk", text(if found > 1 { "黄" } else { "绿" })),
    ])
}

fn publicity(_: u64, day: i32, random: &mut Random) -> Values {
    fields([
        ("on", date_value(day)),
        ("topic", text(random.pick(&["民法典", "宪法", "反诈骗", "信访条例", "劳动合同", "未成年人保护", "土地承包"]))),
        ("form", text(random.pick(&["演出", "宣讲", "宣讲", "影片", "资料", "其他"]))),
        ("audience", integer(20 + random.below(160))),
    ])
}

fn service(_: u64, day: i32, random: &mut Random) -> Values {
    fields([
        ("on", date_value(day)),
        ("kind", text(random.pick(&["咨询", "咨询", "咨询", "代书", "参与调解", "顾问", "非诉代理"]))),
        ("channel", text(random.pick(&["现场", "现场", "电话", "视频", "网络"]))),
        ("client", text(random.pick(&PEOPLE))),
        ("minutes", integer(10 + 5 * random.below(16))),
    ])
}

fn legal_aid(_: u64, day: i32, random: &mut Random) -> Values {
    fields([
        ("on", date_value(day)),
        ("channel", text(random.pick(&["来访", "来访", "来信", "来电", "网络"]))),
        ("matter", text(random.pick(&["民事", "民事", "民事", "刑事", "行政", "非诉"]))),
        ("applicant", text(random.pick(&PEOPLE))),
        ("handling", text(random.pick(&["咨询", "咨询", "调解", "代书", "转援助"]))),
        ("decision", text(random.pick(&["给予", "给予", "给予", "不予"]))),
    ])
}

fn special(number: u64, day: i32, random: &mut Random) -> Values {
    fields([
        ("on", date_value(day)),
        ("kind", text(random.pick(&["安置帮教", "社区矫正协助"]))),
        ("person_ref", text(&format!("{}-{:02}", date(day).year(), number % 7 + 1))),
        ("event", text(random.pick(&["走访", "走访", "帮教", "帮教", "安置", "救助"]))),
    ])
}
