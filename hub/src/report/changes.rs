//! What has changed since a report was issued: figure by figure beside what the same questions
//! say now, and of a newer report beside those issued before it.

use std::collections::BTreeMap;

use wuji_proto::v1::{Adjustment, Figure, Report};

use super::document::{Column, Row, Table};
use super::section::Section;
use super::titles;
use super::value::Value;
use crate::clock;

/// A figure that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The section.
    pub section: String,
    /// The period of a comparison; empty: the report's own time.
    pub period: String,
    /// Empty where the section is not by unit.
    pub unit: String,
    /// Its name.
    pub unit_name: String,
    /// The words of the row.
    pub words: Vec<String>,
    /// The column.
    pub column: wuji_proto::v1::Column,
    /// As it was issued.
    pub issued: Figure,
    /// As it is now.
    pub now: Figure,
}

/// What a figure is of: section, period, unit, words, column.
type Place = (usize, String, String, Vec<String>, usize);

/// Every figure of the issued report that the same questions answer otherwise now.
pub fn changes(issued: &Report, now: &Report) -> Vec<Change> {
    let (mut before, mut after) = (figures(issued), figures(now));
    // What only one of them has was nothing in the other.
    for place in before.keys().cloned().collect::<Vec<_>>() {
        after.entry(place).or_insert((Figure::amount(0), String::new()));
    }
    let mut changes = Vec::new();
    for (place, (now, name_now)) in after {
        let (issued_figure, name) = before.remove(&place).unwrap_or((Figure::amount(0), name_now));
        let (section, period, unit, words, at) = place;
        let Some(found) = issued.sections.get(section).and_then(Section::of) else { continue };
        let Some(column) = found.columns().get(at).filter(|_| !same(&issued_figure, &now)) else { continue };
        let (section, column) = (found.section.id.clone(), column.clone());
        changes.push(Change { section, period, unit, unit_name: name, words, column, issued: issued_figure, now });
    }
    changes
}

/// An amount of 0 that stands for a row that is not there equals a ratio of nothing.
fn same(a: &Figure, b: &Figure) -> bool {
    a == b || (a.is_zero() && b.is_zero())
}

fn figures(report: &Report) -> BTreeMap<Place, (Figure, String)> {
    let mut figures = BTreeMap::new();
    for (section, found) in report.sections.iter().enumerate() {
        for row in &found.rows {
            let own = (String::new(), &row.figures);
            let compared = row.comparisons.iter().map(|one| (one.period.clone(), &one.figures));
            for (period, all) in std::iter::once(own).chain(compared) {
                for (at, figure) in all.iter().enumerate() {
                    let place = (section, period.clone(), row.unit.clone(), row.words.clone(), at);
                    figures.insert(place, (*figure, row.unit_name.clone()));
                }
            }
        }
    }
    figures
}

/// Tables of changes: since the report was issued, and since those issued before it.
pub fn tables(report: &Report, now: Option<&Report>) -> Vec<Table> {
    let since = now.map(|now| since(&changes(report, now)));
    let told = adjustments(report);
    let former = (!told.is_empty()).then(|| before(report, &told));
    since.into_iter().chain(former).collect()
}

fn since(changes: &[Change]) -> Table {
    let mut columns: Vec<Column> = ["部分", "单位", "分组", "时间", "指标"].map(Column::text).into();
    columns.extend(["发布时", "现在", "调整"].map(Column::number));
    let row = |change: &Change| {
        let place = [section(&change.section), &change.unit_name].map(Value::text);
        let words = change.words.iter().map(|word| titles::word(word)).collect::<Vec<_>>().join(" × ");
        let mut cells = Vec::from(place);
        cells.extend([Value::text(words), Value::text(titles::period(&change.period))]);
        cells.push(Value::text(&change.column.title_zh));
        cells.extend(amounts(&change.column, &change.issued, &change.now));
        Row::plain(cells)
    };
    let mut rows: Vec<Row> = changes.iter().map(row).collect();
    if rows.is_empty() {
        rows.push(Row::plain(vec![Value::text("无：所有数字与发布时一致")]));
    }
    Table { title: "调整：发布后的变化".to_owned(), sheet: "调整", key_columns: 5, columns, rows }
}

fn amounts(column: &wuji_proto::v1::Column, issued: &Figure, now: &Figure) -> [Value; 3] {
    let difference = match (issued.denominator(), now.denominator()) {
        (None, None) => Value::of(column, &now.minus(issued)),
        _ => Value::change(now, issued),
    };
    [Value::of(column, issued), Value::of(column, now), difference]
}

/// What the answers themselves tell of former reports, each figure once.
pub fn adjustments(report: &Report) -> Vec<Adjustment> {
    let mut told: Vec<Adjustment> = Vec::new();
    for adjustment in report.sections.iter().filter_map(|section| section.end.as_ref()).flat_map(|end| &end.adjustments)
    {
        if !told.iter().any(|it| it.report == adjustment.report && it.column == adjustment.column) {
            told.push(adjustment.clone());
        }
    }
    told
}

fn before(report: &Report, told: &[Adjustment]) -> Table {
    let mut columns: Vec<Column> = ["此前发布的报表", "发布时间", "指标"].map(Column::text).into();
    columns.extend(["发布时", "现在", "调整"].map(Column::number));
    let heads = || report.sections.iter().filter_map(|section| section.head.as_ref());
    let zero = Figure::amount(0);
    let row = |told: &Adjustment| {
        let column = heads().flat_map(|head| &head.columns).find(|column| column.id == told.column);
        let column = column.cloned().unwrap_or_else(|| wuji_proto::v1::Column {
            id: told.column.clone(),
            title_zh: told.column.clone(),
            ..Default::default()
        });
        let mut cells = vec![Value::text(&told.report), Value::text(clock::shown(told.issued_at_ms))];
        cells.push(Value::text(&column.title_zh));
        cells.extend(amounts(&column, told.issued.as_ref().unwrap_or(&zero), told.now.as_ref().unwrap_or(&zero)));
        Row::plain(cells)
    };
    let rows = told.iter().map(row).collect();
    Table {
        title: "与此前发布的报表相比".to_owned(), sheet: "与此前报表相比", key_columns: 3, columns, rows
    }
}

fn section(id: &str) -> &str {
    match id {
        "total" => "总体情况",
        "sources" => "纠纷来源",
        "types" => "纠纷类型",
        "prevented" => "防止激化",
        "units" => "各单位情况",
        other => other,
    }
}
