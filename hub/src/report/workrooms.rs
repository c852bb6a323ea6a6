//! The report of workrooms: what each has done for each of its duties.

use std::collections::BTreeMap;

use wuji_proto::v1::{QueryRow, Report};

use super::document::{Column, Row, Style, Table};
use super::monthly::titled;
use super::section::{Line, Section};
use super::value::Value;
use crate::coverage::Reported;

/// The report's tables: duties × units, and how many units did what.
pub fn tables(report: &Report) -> Vec<Table> {
    let sections: Vec<Section<'_>> = report.sections.iter().filter_map(Section::of).collect();
    vec![units(&sections), duties(&sections)]
}

/// How a unit has reported in the time, and what stands in place of its zeros if it has not.
pub fn reporting(row: &QueryRow) -> (Value, Option<Value>) {
    let Some(reporting) = &row.reporting else { return (Value::Empty, None) };
    match (Reported::of(reporting).instead_of_zero(), reporting.expected, reporting.reported) {
        (Some(instead), ..) => (Value::text(instead), Some(Value::text(instead))),
        (None, 0 | 1, 1) => (Value::text("已报"), None),
        (None, expected, reported) => (Value::text(format!("{reported}/{expected}")), None),
    }
}

fn units(sections: &[Section<'_>]) -> Table {
    let mut columns = vec![Column::text("代码"), Column::text("单位"), Column::text("报送")];
    for section in sections {
        let group = &section.section.title;
        columns.extend(section.columns().iter().map(|column| Column::grouped(group, &titled(column))));
    }
    // In the order of the first section that has a unit.
    let mut order: Vec<&QueryRow> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines: Vec<BTreeMap<&str, Line>> = Vec::new();
    for section in sections {
        let mut of_section = BTreeMap::new();
        for row in section.rows() {
            places.entry(&row.unit).or_insert_with(|| {
                order.push(row);
                order.len()
            });
            of_section.insert(row.unit.as_str(), Line::of(row));
        }
        lines.push(of_section);
    }
    let scope = sections.first().map_or("", |section| section.head.scope.as_str());
    let mut rows: Vec<Row> = order
        .into_iter()
        .map(|unit| {
            let (state, missing) = reporting(unit);
            let name =
                if unit.unit == scope { format!("{}（本级）", unit.unit_name) } else { unit.unit_name.clone() };
            let mut cells = vec![Value::text(&unit.unit), Value::text(name), state];
            for (section, lines) in sections.iter().zip(&lines) {
                cells.extend(figures(section, lines.get(unit.unit.as_str()), missing.as_ref()));
            }
            Row::plain(cells)
        })
        .collect();
    let mut sum = |style, label: &str, of: &dyn Fn(&Section<'_>) -> Line| {
        let mut cells = vec![Value::Empty, Value::text(label), Value::Empty];
        cells.extend(sections.iter().flat_map(|section| figures(section, Some(&of(section)), None)));
        rows.push(Row { style, cells });
    };
    sum(Style::Total, "合计", &|section| section.totals());
    if sections.iter().any(|section| section.beyond().is_some()) {
        sum(Style::Plain, "其他（上级直接录入及在途）", &|section| section.beyond().unwrap_or_default());
    }
    Table {
        title: "一、各单位履职情况".to_owned(), sheet: "各单位履职情况", key_columns: 2, columns, rows
    }
}

/// A unit's figures of one duty; `missing` in place of zeros that nobody reported.
fn figures(section: &Section<'_>, line: Option<&Line>, missing: Option<&Value>) -> Vec<Value> {
    let figure = |(at, column): (usize, &wuji_proto::v1::Column)| {
        let figure = line.map_or(wuji_proto::v1::Figure::amount(0), |line| line.figure(at));
        match missing {
            Some(missing) if figure.is_zero() => missing.clone(),
            _ => Value::of(column, &figure),
        }
    };
    section.columns().iter().enumerate().map(figure).collect()
}

/// Each duty's figures, and how many units have any.
fn duties(sections: &[Section<'_>]) -> Table {
    let titles = ["职责", "指标"].map(Column::text);
    let numbers = ["合计", "有数据的单位", "列出的单位"].map(Column::number);
    let mut rows = Vec::new();
    for section in sections {
        let totals = section.totals();
        for (at, column) in section.columns().iter().enumerate() {
            let with = section.rows().iter().filter(|row| row.figures.get(at).is_some_and(|it| !it.is_zero())).count();
            rows.push(Row::plain(vec![
                Value::text(&section.section.title),
                Value::text(titled(column)),
                Value::of(column, &totals.figure(at)),
                Value::count(with as u64),
                Value::count(section.rows().len() as u64),
            ]));
        }
    }
    let columns = titles.into_iter().chain(numbers).collect();
    Table { title: "二、各项职责覆盖情况".to_owned(), sheet: "职责覆盖", key_columns: 2, columns, rows }
}
