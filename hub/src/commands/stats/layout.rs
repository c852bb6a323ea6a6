//! The columns of an answer, and its rows as cells.

use wuji_proto::v1::{CatalogueReply, Comparison, Figure, QueryEnd, QueryHead, QueryRow, Reporting};

use super::question::{Compare, is_unit};
use crate::coverage::Reported;
use crate::figures::Look;
use crate::names;
use crate::output::{Cell, Column, Kind, number};

/// Shown for the empty word: the record's field was not filled in.
const NOT_FILLED_IN: &str = "(未填)";

/// The columns: of the row itself, then of each figure with its comparisons, then of reporting.
#[derive(Debug)]
pub struct Layout {
    /// The split fields, in the order of a row's words.
    pub words: Vec<String>,
    /// How the figures look.
    pub looks: Vec<Look>,
    /// What each figure is compared with.
    pub compare: Vec<Compare>,
    titles: Vec<String>,
    by_period: bool,
    by_unit: bool,
    stocks_by_period: bool,
}

impl Layout {
    /// Of an answer's head.
    pub fn new(head: &QueryHead, catalogue: &CatalogueReply) -> Self {
        let ids: Vec<&str> = head.columns.iter().map(|column| column.id.as_str()).collect();
        let dividers = names::dividers(catalogue, &ids);
        // A field of the same name in another ledger has another title.
        let title = |name: &String| {
            dividers.iter().find(|it| it.name == name).map_or_else(|| name.clone(), |it| it.title().to_owned())
        };
        let words: Vec<String> = head.by.iter().filter(|by| !is_unit(by)).cloned().collect();
        Self {
            titles: words.iter().map(title).collect(),
            words,
            looks: head.columns.iter().map(|column| Look::new(column, catalogue)).collect(),
            compare: head.compare.iter().filter_map(|word| Compare::of(word)).collect(),
            by_period: !head.grain.is_empty(),
            by_unit: head.by.iter().any(|by| is_unit(by)),
            stocks_by_period: !head.grain.is_empty() && head.columns.iter().all(|column| column.kind == "stock"),
        }
    }

    /// Whether the answer is one row and no more.
    pub fn is_one_row(&self) -> bool {
        !self.by_period && !self.by_unit && self.words.is_empty()
    }

    /// What tells rows apart.
    fn labels(&self) -> Vec<Column> {
        let mut labels = Vec::new();
        if self.by_period {
            labels.push(Column::text("period"));
        }
        if self.by_unit {
            labels.extend([Column::text("unit"), Column::new("unit_name", "", Kind::Text)]);
        }
        labels.extend(self.words.iter().zip(&self.titles).map(|(word, title)| Column::new(word, title, Kind::Text)));
        labels
    }

    /// The columns of a table.
    pub fn table(&self) -> Vec<Column> {
        let mut columns = self.labels();
        for look in &self.looks {
            let column = look.column();
            columns.push(column.clone());
            for compare in &self.compare {
                columns.push(Column::new("", compare.former(), column.kind));
                columns.push(Column::new("", compare.title(), Kind::Number));
            }
        }
        if self.by_unit {
            columns.push(Column::new("", "报送", Kind::Number));
        }
        columns
    }

    /// The columns of a CSV file.
    pub fn csv(&self) -> Vec<Column> {
        let mut columns = self.labels();
        columns.extend(self.compare.iter().map(|compare| Column::text(compare.name())));
        for look in &self.looks {
            let column = look.column();
            columns.push(column.clone());
            for compare in &self.compare {
                let name = format!("{}.{}", look.id, compare.name());
                let change = Column::text(&format!("{name}.change({})", look.change_unit()));
                columns.extend([Column { name, ..column.clone() }, change]);
            }
        }
        if self.by_unit {
            columns.extend(["expected", "reported", "reporting"].map(Column::text));
        }
        columns
    }

    fn label_cells(&self, row: &QueryRow) -> Vec<Cell> {
        let mut cells = Vec::new();
        if self.by_period {
            cells.push(Cell::text(&row.period));
        }
        if self.by_unit {
            cells.extend([Cell::text(&row.unit), Cell::text(&row.unit_name)]);
        }
        cells.extend(row.words.iter().map(|word| Cell::text(word)));
        cells
    }

    /// A row of a table.
    pub fn table_row(&self, row: &QueryRow) -> Vec<Cell> {
        let words_at = usize::from(self.by_period) + if self.by_unit { 2 } else { 0 };
        let mut cells = self.label_cells(row);
        for cell in cells.iter_mut().skip(words_at).filter(|cell| **cell == Cell::Empty) {
            *cell = Cell::text(NOT_FILLED_IN);
        }
        let instead = row.reporting.as_ref().and_then(|reporting| Reported::of(reporting).instead_of_zero());
        cells.extend(self.figures(&row.figures, &row.comparisons, instead));
        if self.by_unit {
            cells.push(row.reporting.as_ref().map_or(Cell::Empty, reporting_cell));
        }
        cells
    }

    /// Figures with their comparisons; `instead` stands in the place of a 0 that is no zero.
    fn figures(&self, figures: &[Figure], comparisons: &[Comparison], instead: Option<&str>) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (at, (look, figure)) in self.looks.iter().zip(figures).enumerate() {
            let instead = instead.filter(|_| figure.is_zero());
            cells.push(instead.map_or_else(|| look.cell(figure), Cell::text));
            for then in comparisons.iter().filter_map(|comparison| comparison.figures.get(at)) {
                let change = if instead.is_some() { number::NO_VALUE.to_owned() } else { look.change(figure, then) };
                cells.extend([look.cell(then), Cell::Text(change)]);
            }
        }
        cells
    }

    /// A row of a CSV file.
    pub fn csv_row(&self, row: &QueryRow) -> Vec<Cell> {
        let mut cells = self.label_cells(row);
        cells.extend(row.comparisons.iter().map(|comparison| Cell::text(&comparison.period)));
        for (at, (look, figure)) in self.looks.iter().zip(&row.figures).enumerate() {
            cells.push(look.cell(figure));
            for then in row.comparisons.iter().filter_map(|comparison| comparison.figures.get(at)) {
                cells.extend([look.cell(then), Cell::text(&plain(&look.change(figure, then)))]);
            }
        }
        match &row.reporting {
            Some(it) => cells.extend([
                Cell::Text(it.expected.to_string()),
                Cell::Text(it.reported.to_string()),
                Cell::text(Reported::of(it).name()),
            ]),
            None if self.by_unit => cells.extend([Cell::Empty, Cell::Empty, Cell::Empty]),
            None => {}
        }
        cells
    }

    /// The totals, as a row of a table.
    pub fn totals(&self, end: &QueryEnd) -> Vec<Cell> {
        // Stocks are values at a date: their total is that of the last period.
        let mut cells = self.titled(if self.stocks_by_period { "期末合计" } else { "合计" });
        cells.extend(self.figures(&end.totals, &end.comparisons, None));
        cells.resize(self.width(), Cell::Empty);
        cells
    }

    /// What was left out, as a row of a table; `None` if nothing was. Its former figures are not
    /// told, so its change is not known.
    pub fn rest(&self, end: &QueryEnd) -> Option<Vec<Cell>> {
        let mut cells = self.titled(&format!("其余 ({} 个)", number::grouped(end.left_out.into())));
        for (look, figure) in self.looks.iter().zip(&end.rest) {
            cells.push(look.cell(figure));
            cells.resize(cells.len() + 2 * self.compare.len(), Cell::Empty);
        }
        cells.resize(self.width(), Cell::Empty);
        (end.left_out > 0).then_some(cells)
    }

    fn titled(&self, title: &str) -> Vec<Cell> {
        let mut cells = vec![Cell::Empty; self.labels().len()];
        if let Some(first) = cells.first_mut() {
            *first = Cell::text(title);
        }
        cells
    }

    /// How many columns a table has.
    fn width(&self) -> usize {
        let figures = self.looks.len() * (1 + 2 * self.compare.len());
        self.labels().len() + figures + usize::from(self.by_unit)
    }
}

/// `12/14`: how many workrooms have reported of those expected.
fn reporting_cell(it: &Reporting) -> Cell {
    match Reported::of(it).instead_of_zero() {
        Some(word) if it.expected <= 1 => Cell::text(word),
        _ => Cell::Text(format!("{}/{}", number::grouped(it.reported.into()), number::grouped(it.expected.into()))),
    }
}

/// A change as a spreadsheet reads it.
fn plain(change: &str) -> String {
    let number = change.trim_end_matches([' ', '%', 'p']).trim_start_matches('+');
    if number == number::NO_VALUE { String::new() } else { number.replace(',', "") }
}
