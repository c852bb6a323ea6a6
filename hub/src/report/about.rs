//! What a report says of itself: whether it is issued, what it includes, as of when.

use wuji_proto::v1::{AbsentUnit, Coverage, Report};

use super::document::{Column, Row, Table};
use super::titles;
use super::value::Value;
use crate::clock;
use crate::output::number;

/// Units that a document names of each kind; JSON names all that the report has.
const UNITS_SHOWN_MAX: usize = 40;

/// Unit, time and state in one line.
pub fn subtitle(report: &Report) -> String {
    let state = if report.id.is_empty() { "草稿，未发布" } else { "已发布" };
    let (name, code, time) = (&report.scope_name, &report.scope, titles::period(&report.period));
    format!("统计单位：{name}（{code}）　统计时间：{time}　{state}")
}

/// The facts, in order.
pub fn facts(report: &Report, now: Option<&Report>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("统计单位", format!("{}（{}）", report.scope_name, report.scope)),
        ("统计时间", titles::period(&report.period)),
    ];
    if report.id.is_empty() {
        facts.push(("状态", "草稿，未发布".to_owned()));
    } else {
        facts.push(("状态", "已发布".to_owned()));
        facts.push(("报表编号", report.id.clone()));
        facts.push(("发布人", report.actor.clone()));
    }
    facts.push(("数据读取时间", clock::shown(report.made_at_ms)));
    if let Some(now) = now {
        facts.push(("与现在比较的时间", clock::shown(now.made_at_ms)));
    }
    match &report.coverage {
        Some(coverage) => facts.extend(covered(coverage)),
        None => facts.push(("覆盖情况", "节点未说明".to_owned())),
    }
    facts.push(("目录版本", report.catalogue_version.clone()));
    facts.push(("程序版本", report.version.clone()));
    facts
}

fn covered(coverage: &Coverage) -> Vec<(&'static str, String)> {
    let count = |count: u64| number::grouped(count.into());
    let as_of = match coverage.as_of_ms {
        0 => "有下级单位从未报全".to_owned(),
        as_of => clock::shown(as_of),
    };
    let more = |what: &str, number| if number == 0 { String::new() } else { format!("，{what} {}", count(number)) };
    let reported = format!(
        "应报工作室 {}，已报 {}{}{}{}",
        count(coverage.expected),
        count(coverage.reported),
        more("未报", coverage.missing_count),
        more("不在册", coverage.not_expected),
        if coverage.by_month { "（按整月判断）" } else { "" },
    );
    let mut facts = vec![("数据截至", as_of), ("覆盖情况", reported)];
    let mut named = |title, units: &[AbsentUnit], count: u64| {
        if let Some(text) = names(units, count) {
            facts.push((title, text));
        }
    };
    named("未报单位", &coverage.missing, coverage.missing_count);
    named("未连通单位", &coverage.absent, coverage.absent_count);
    named("待处理单位", &coverage.unsettled, 0);
    named("未答复单位", &coverage.unreached, 0);
    for it in &coverage.unsettled_figures {
        facts.push(("待核数据", format!("{}：{}", it.measure, number::grouped(it.amount.into()))));
    }
    if let Some(confirmation) = &coverage.confirmation {
        facts.push((
            "确认",
            format!("已确认单位 {}，未确认 {}", count(confirmation.confirmed), count(confirmation.unconfirmed_count)),
        ));
        if let Some(text) = names(&confirmation.unconfirmed, confirmation.unconfirmed_count) {
            facts.push(("未确认单位", text));
        }
    }
    facts
}

/// Units by name; `count` of them in all, where not all are named.
fn names(units: &[AbsentUnit], count: u64) -> Option<String> {
    let all = usize::try_from(count).unwrap_or(usize::MAX).max(units.len());
    let named: Vec<String> = units
        .iter()
        .take(UNITS_SHOWN_MAX)
        .map(|unit| format!("{}（{}，{}）", unit.name, unit.code, state(unit)))
        .collect();
    let more = if all > named.len() { format!(" 等 {} 个", number::grouped(all as i128)) } else { String::new() };
    (!named.is_empty()).then(|| named.join("、") + &more)
}

fn state(unit: &AbsentUnit) -> String {
    let state = match unit.state.as_str() {
        "planned" => "尚未接入",
        "absent" => "未连接",
        "held" => "待核准",
        "unsettled" => "数据待核",
        "retired" => "已撤销",
        "catching-up" => "补传中",
        "re-syncing" => "重新同步中",
        "not-reported" => "未报",
        "unknown" => "不明",
        other => other,
    };
    let since = if unit.since_ms == 0 { String::new() } else { format!("，自 {}", clock::shown(unit.since_ms)) };
    let reason = if unit.reason.is_empty() { String::new() } else { format!("，{}", unit.reason) };
    format!("{state}{since}{reason}")
}

/// Where the journal and the children's feeds stood.
pub fn positions(report: &Report) -> Table {
    let columns = ["单位代码", "日志序号", "数据位置", "最近报全时间"].map(Column::text).into();
    let row = |at: &wuji_proto::v1::FeedPosition| {
        let journal = if at.journal == 0 { Value::Empty } else { Value::count(at.journal) };
        let complete = if at.complete_at_ms == 0 { Value::Empty } else { Value::text(clock::shown(at.complete_at_ms)) };
        Row::plain(vec![Value::text(&at.code), journal, Value::text(&at.mark), complete])
    };
    let rows = report.positions.iter().map(row).collect();
    Table { title: "附：数据来源位置".to_owned(), sheet: "数据位置", key_columns: 1, columns, rows }
}
