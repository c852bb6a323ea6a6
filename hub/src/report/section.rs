//! A report's sections, read: figures by column, sums of rows, comparisons by name.

use wuji_proto::v1::{Column, Comparison, Figure, QueryEnd, QueryHead, QueryRow, Report, ReportSection};

use super::value::Value;

/// Compared with: the contract's word, the title of the former figure, the title of the change.
const COMPARED: [(&str, &str, &str); 2] = [("year-ago", "上年同期", "同比"), ("previous", "上期", "环比")];

/// A section that has its head.
#[derive(Clone, Copy, Debug)]
pub struct Section<'r> {
    /// All of it.
    pub section: &'r ReportSection,
    /// What was asked.
    pub head: &'r QueryHead,
}

/// The figures of one or several rows, with those that they are compared with.
#[derive(Clone, Debug, Default)]
pub struct Line {
    figures: Vec<Figure>,
    comparisons: Vec<Vec<Figure>>,
}

impl Line {
    /// A row's.
    pub fn of(row: &QueryRow) -> Self {
        Self::new(&row.figures, &row.comparisons)
    }

    fn new(figures: &[Figure], comparisons: &[Comparison]) -> Self {
        let comparisons = comparisons.iter().map(|one| one.figures.clone()).collect();
        Self { figures: figures.to_vec(), comparisons }
    }

    /// The sums with another one's.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sums = |a: Vec<Figure>, b: Vec<Figure>| if a.is_empty() { b } else { plus(&a, &b) };
        let mut comparisons = self.comparisons.into_iter();
        let compared = other.comparisons.into_iter().map(|b| sums(comparisons.next().unwrap_or_default(), b));
        Self { figures: sums(self.figures, other.figures), comparisons: compared.collect() }
    }

    /// The figure of a column; 0 where there is none.
    pub fn figure(&self, at: usize) -> Figure {
        self.figures.get(at).copied().unwrap_or(Figure::amount(0))
    }
}

fn plus(a: &[Figure], b: &[Figure]) -> Vec<Figure> {
    a.iter().zip(b).map(|(a, b)| a.plus(b)).collect()
}

/// What is missing from a report; a figure that is not there is no 0.
pub fn check(report: &Report) -> Result<(), String> {
    if report.sections.is_empty() {
        return Err("the report has no sections".to_owned());
    }
    for section in &report.sections {
        let wrong = |what: String| Err(format!("the section {} has {what}", section.id));
        let (Some(head), Some(end)) = (&section.head, &section.end) else {
            return wrong("no head or no end".to_owned());
        };
        let compared = |all: &[Comparison]| all.iter().map(|one| one.figures.clone()).collect::<Vec<_>>();
        let rows = section.rows.iter().map(|row| (&row.figures, &row.comparisons));
        for (figures, comparisons) in rows.chain([(&end.totals, &end.comparisons)]) {
            if comparisons.len() != head.compare.len() {
                return wrong(format!("{} comparisons instead of {}", comparisons.len(), head.compare.len()));
            }
            for figures in [figures.clone()].into_iter().chain(compared(comparisons)) {
                if figures.len() != head.columns.len() || figures.iter().any(|figure| figure.kind.is_none()) {
                    return wrong(format!("{} figures for {} columns", figures.len(), head.columns.len()));
                }
            }
        }
    }
    Ok(())
}

impl<'r> Section<'r> {
    /// The section of this id, if the report has it.
    pub fn find(report: &'r Report, id: &str) -> Option<Self> {
        report.sections.iter().find(|section| section.id == id).and_then(Self::of)
    }

    /// A section; `None` if it has no head.
    pub fn of(section: &'r ReportSection) -> Option<Self> {
        section.head.as_ref().map(|head| Self { section, head })
    }

    /// Where a column stands.
    pub fn column(&self, id: &str) -> Option<usize> {
        self.head.columns.iter().position(|column| column.id == id)
    }

    /// The columns.
    pub fn columns(&self) -> &'r [Column] {
        &self.head.columns
    }

    /// The rows.
    pub fn rows(&self) -> &'r [QueryRow] {
        &self.section.rows
    }

    /// The rows whose word is one of these, added up; `None`: there is none.
    pub fn sum(&self, words: &[&str]) -> Option<Line> {
        let of = |row: &&QueryRow| row.words.first().is_some_and(|word| words.contains(&word.as_str()));
        self.rows().iter().filter(of).map(Line::of).reduce(Line::plus)
    }

    /// The totals.
    pub fn totals(&self) -> Line {
        self.section.end.as_ref().map_or_else(Line::default, |end| Line::new(&end.totals, &end.comparisons))
    }

    /// What the scope's own total has beyond the rows; `None`: nothing.
    pub fn beyond(&self) -> Option<Line> {
        let QueryEnd { rest, in_transit, .. } = self.section.end.as_ref()?;
        let beyond = if rest.is_empty() { in_transit.clone() } else { plus(in_transit, rest) };
        beyond.iter().any(|figure| !figure.is_zero()).then(|| Line { figures: beyond, comparisons: Vec::new() })
    }

    /// Titles of the columns that comparisons take; with `changes_only`, without the former figures.
    pub fn compared_titles(&self, changes_only: bool) -> Vec<&'static str> {
        let titles =
            self.compared().map(|(_, then, change)| if changes_only { vec![change] } else { vec![then, change] });
        titles.flatten().collect()
    }

    /// The cells of these columns; of an empty line they are empty.
    pub fn compared_cells(&self, line: &Line, at: usize, changes_only: bool) -> Vec<Value> {
        let now = line.figure(at);
        let cells = self.compared().map(|(place, ..)| {
            let then = line.comparisons.get(place).and_then(|figures| figures.get(at));
            let (former, change) = match (then, self.columns().get(at)) {
                (Some(then), Some(column)) => (Value::of(column, then), Value::change(&now, then)),
                _ => (Value::Empty, Value::Empty),
            };
            if changes_only { vec![change] } else { vec![former, change] }
        });
        cells.flatten().collect()
    }

    /// The comparisons that the section has, in the order to show, with their places in it.
    fn compared(&self) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
        let place = |name: &str| self.head.compare.iter().position(|it| it == name);
        COMPARED.into_iter().filter_map(move |(name, then, change)| Some((place(name)?, then, change)))
    }
}
