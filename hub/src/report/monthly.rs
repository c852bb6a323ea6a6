//! The monthly mediation report, in the form in which justice bureaus publish it.

use wuji_proto::v1::{QueryRow, Report};

use super::document::{Column, Row, Style, Table};
use super::section::{Line, Section};
use super::titles;
use super::value::{Fraction, Value, unit};
use super::workrooms::reporting;

/// The measure that everything is a share of.
const ACCEPTED: usize = 0;

/// The report's tables.
pub fn tables(report: &Report) -> Vec<Table> {
    let find = |id: &str| Section::find(report, id);
    let made = [
        find("total").map(totals),
        find("sources").map(sources),
        find("types").map(types),
        find("prevented").map(prevented),
        find("units").map(units),
    ];
    made.into_iter().flatten().collect()
}

/// Every figure of the scope as a whole, a row each.
fn totals(section: Section<'_>) -> Table {
    let mut columns = vec![Column::text("指标"), Column::text("计量单位"), Column::number("本期")];
    columns.extend(section.compared_titles(false).into_iter().map(Column::number));
    let line = section.rows().first().map(Line::of).unwrap_or_default();
    let row = |(at, column): (usize, &wuji_proto::v1::Column)| {
        let title =
            if column.kind == "stock" { format!("{}（期末）", column.title_zh) } else { column.title_zh.clone() };
        let mut cells = vec![Value::text(title), Value::text(unit(column)), Value::of(column, &line.figure(at))];
        cells.extend(section.compared_cells(&line, at, false));
        Row::plain(cells)
    };
    let rows = section.columns().iter().enumerate().map(row).collect();
    Table { title: "一、总体情况".to_owned(), sheet: "总体情况", key_columns: 1, columns, rows }
}

/// Counts with their shares, and what they are compared with.
struct Parts<'r> {
    section: Section<'r>,
    total: Line,
    rows: Vec<Row>,
}

impl<'r> Parts<'r> {
    fn new(section: Section<'r>) -> Self {
        Self { section, total: section.totals(), rows: Vec::new() }
    }

    fn add(&mut self, style: Style, label: &str, line: &Line) {
        let part = line.figure(ACCEPTED).numerator();
        let share = Fraction::new(part, self.total.figure(ACCEPTED).numerator());
        let mut cells = vec![Value::text(label), Value::Count(part), Value::Share(share)];
        cells.extend(self.section.compared_cells(line, ACCEPTED, false));
        self.rows.push(Row { style, cells });
    }

    fn table(mut self, title: &str, sheet: &'static str, what: &str) -> Table {
        let total = self.total.clone();
        self.add(Style::Total, "合计", &total);
        let mut columns = vec![Column::text(what), Column::number("件数"), Column::number("占比")];
        columns.extend(self.section.compared_titles(false).into_iter().map(Column::number));
        Table { title: title.to_owned(), sheet, key_columns: 1, columns, rows: self.rows }
    }
}

fn sources(section: Section<'_>) -> Table {
    let mut parts = Parts::new(section);
    for (published, words) in titles::SOURCES {
        parts.add(Style::Plain, published, &section.sum(words).unwrap_or_default());
        for word in words.iter().filter(|_| words.len() > 1) {
            if let Some(line) = section.sum(&[word]) {
                parts.add(Style::Detail, &format!("其中：{word}"), &line);
            }
        }
    }
    // Words that a later catalogue has.
    let known = |word: &str| titles::SOURCES.iter().any(|(_, words)| words.contains(&word));
    for row in section.rows() {
        let word = word_of(row);
        if !known(word) {
            parts.add(Style::Plain, titles::word(word), &Line::of(row));
        }
    }
    parts.table("二、纠纷来源", "纠纷来源", "来源")
}

fn types(section: Section<'_>) -> Table {
    let mut parts = Parts::new(section);
    for row in section.rows() {
        parts.add(Style::Plain, titles::word(word_of(row)), &Line::of(row));
    }
    parts.table("三、纠纷类型", "纠纷类型", "类型")
}

fn word_of(row: &QueryRow) -> &str {
    row.words.first().map_or("", String::as_str)
}

/// Cases and people; what cases are compared with.
fn prevented(section: Section<'_>) -> Table {
    let mut columns = vec![Column::text("类别"), Column::number("件数"), Column::number("人数")];
    columns.extend(section.compared_titles(false).into_iter().map(|title| Column::number(&format!("件数{title}"))));
    let row = |style, label: &str, line: &Line| {
        let mut cells = vec![Value::text(label)];
        cells.extend([0, 1].map(|at| Value::Count(line.figure(at).numerator())));
        cells.extend(section.compared_cells(line, 0, false));
        Row { style, cells }
    };
    let mut rows: Vec<Row> =
        section.rows().iter().map(|it| row(Style::Plain, titles::prevented(word_of(it)), &Line::of(it))).collect();
    rows.push(row(Style::Total, "合计", &section.totals()));
    Table { title: "四、防止矛盾激化".to_owned(), sheet: "防止激化", key_columns: 1, columns, rows }
}

/// Each unit below.
fn units(section: Section<'_>) -> Table {
    let mut columns = vec![Column::text("代码"), Column::text("单位"), Column::text("报送")];
    columns.extend(section.columns().iter().map(|column| Column::number(&titled(column))));
    columns.push(Column::number("占比"));
    columns.extend(section.compared_titles(true).into_iter().map(|title| Column::number(&format!("受理{title}"))));
    let totals = section.totals();
    let cells = |line: &Line| {
        let share = Fraction::new(line.figure(ACCEPTED).numerator(), totals.figure(ACCEPTED).numerator());
        let figures = section.columns().iter().enumerate().map(|(at, column)| Value::of(column, &line.figure(at)));
        let compared = section.compared_cells(line, ACCEPTED, true);
        figures.chain([Value::Share(share)]).chain(compared).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    for row in section.rows() {
        let own = row.unit == section.head.scope;
        let name = if own { format!("{}（本级）", row.unit_name) } else { row.unit_name.clone() };
        let (state, missing) = reporting(row);
        let mut all = vec![Value::text(&row.unit), Value::text(name), state];
        // A zero that nobody reported is none.
        let is_zero = row.figures.iter().all(wuji_proto::v1::Figure::is_zero);
        all.extend(cells(&Line::of(row)).into_iter().map(|cell| match &missing {
            Some(missing) if is_zero => missing.clone(),
            _ => cell,
        }));
        rows.push(Row::plain(all));
    }
    let mut sum = |style, label: &str, line: &Line| {
        let mut all = vec![Value::Empty, Value::text(label), Value::Empty];
        all.extend(cells(line));
        rows.push(Row { style, cells: all });
    };
    sum(Style::Total, "合计", &totals);
    if let Some(beyond) = section.beyond() {
        sum(Style::Plain, "在途（未计入各单位）", &beyond);
    }
    Table { title: "五、各单位情况".to_owned(), sheet: "各单位情况", key_columns: 2, columns, rows }
}

/// A column's title with what it counts.
pub fn titled(column: &wuji_proto::v1::Column) -> String {
    match unit(column) {
        "" | "%" => column.title_zh.clone(),
        unit => format!("{}（{unit}）", column.title_zh),
    }
}
