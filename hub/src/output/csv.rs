//! CSV: a header of stable names, then a line a row; numbers exact and without separators.

use std::io::{self, Write};

use ::csv::Writer;

use super::{Cell, Column, Kind, Sheet};

/// Writes a sheet; its totals are left to the reader's own sum.
pub fn write(sheet: &Sheet, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(&sheet.columns, out)?;
    for row in &sheet.rows {
        rows.row(row)?;
    }
    rows.finish()
}

/// A CSV file that is written row by row.
pub struct Rows<W: Write> {
    writer: Writer<W>,
    kinds: Vec<Kind>,
}

impl<W: Write> Rows<W> {
    /// Writes the header. Money is named with its unit, 元; a ratio has two columns.
    pub fn new(columns: &[Column], out: W) -> io::Result<Self> {
        let mut rows = Self { writer: Writer::from_writer(out), kinds: columns.iter().map(|it| it.kind).collect() };
        let header = columns.iter().flat_map(|column| match column.kind {
            Kind::Text | Kind::Number => vec![column.name.clone()],
            Kind::Money => vec![format!("{}(元)", column.name)],
            Kind::Ratio => vec![format!("{}.numerator", column.name), format!("{}.denominator", column.name)],
        });
        rows.writer.write_record(header).map_err(cause)?;
        Ok(rows)
    }

    /// Writes a row, a cell a column.
    pub fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let fields = self.kinds.iter().zip(cells).flat_map(|(kind, cell)| match (kind, cell) {
            (Kind::Ratio, Cell::Ratio(numerator, denominator, _)) => {
                vec![numerator.to_string(), denominator.to_string()]
            }
            (Kind::Ratio, _) => vec![String::new(), String::new()],
            _ => vec![cell.exact()],
        });
        self.writer.write_record(fields).map_err(cause)
    }

    /// Makes sure that all is written.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The error below csv's own, so that a closed pipe is still known as one.
fn cause(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Show;
    use super::*;

    #[test]
    fn a_ratio_has_two_exact_columns_and_money_names_its_unit() {
        let sheet = Sheet {
            columns: vec![
                Column::text("unit"),
                Column::new("amount", "金额", Kind::Money),
                Column::new("rate", "率", Kind::Ratio),
            ],
            rows: vec![vec![Cell::text("a,b"), Cell::Fen(2_873_800_000), Cell::Ratio(842, 869, Show::Percent)]],
            totals: None,
        };
        let mut out = Vec::new();
        write(&sheet, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "unit,amount(元),rate.numerator,rate.denominator\n\"a,b\",28738000.00,842,869\n");
    }
}
