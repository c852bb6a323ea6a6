//! Tables for people: numbers to the right, Chinese characters two columns wide.

use comfy_table::{Attribute, Cell as Drawn, CellAlignment, Color, ContentArrangement, Table, presets};

use super::{Cell, Column, Kind, Sheet, Tone};

/// Draws a sheet with a header; its lines end with a line feed and have no trailing spaces.
pub fn render(sheet: &Sheet, colour: bool) -> String {
    render_with(sheet, &[], colour)
}

/// As [`render`], with more rows below the totals.
pub fn render_with(sheet: &Sheet, below: &[Vec<Cell>], colour: bool) -> String {
    let mut table = blank(colour);
    table.set_header(sheet.columns.iter().map(|column| styled(aligned(Drawn::new(title(column)), column), colour)));
    for row in &sheet.rows {
        table.add_row(sheet.columns.iter().zip(row).map(|(column, cell)| aligned(drawn(cell, colour), column)));
    }
    if let Some(totals) = &sheet.totals {
        let cells = sheet.columns.iter().zip(totals);
        table.add_row(cells.map(|(column, cell)| styled(aligned(drawn(cell, colour), column), colour)));
    }
    for row in below {
        table.add_row(sheet.columns.iter().zip(row).map(|(column, cell)| aligned(drawn(cell, colour), column)));
    }
    finish(&table)
}

/// Draws names and values, one a line.
pub fn pairs(pairs: &[(String, Cell)], colour: bool) -> String {
    let mut table = blank(colour);
    for (name, cell) in pairs {
        table.add_row([styled(Drawn::new(name), colour), drawn(cell, colour)]);
    }
    finish(&table)
}

/// A word coloured by its tone.
pub fn toned(text: &str, tone: Tone, colour: bool) -> String {
    let code = match tone {
        Tone::Good => 32,
        Tone::Waiting => 33,
        Tone::Bad => 31,
    };
    if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn blank(colour: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Nothing is folded or cut: a wide table in a narrow window can still be piped whole.
    table.set_content_arrangement(ContentArrangement::Disabled);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

fn finish(table: &Table) -> String {
    table.lines().fold(String::new(), |mut text, line| {
        let line = line.trim_end();
        text += line.strip_prefix(' ').unwrap_or(line);
        text.push('\n');
        text
    })
}

fn title(column: &Column) -> String {
    let title = super::harmless(&column.title);
    if column.kind == Kind::Money { format!("{title}(元)") } else { title }
}

fn aligned(cell: Drawn, column: &Column) -> Drawn {
    let right = column.kind != Kind::Text;
    cell.set_alignment(if right { CellAlignment::Right } else { CellAlignment::Left })
}

fn styled(cell: Drawn, colour: bool) -> Drawn {
    if colour { cell.add_attribute(Attribute::Bold) } else { cell }
}

fn drawn(cell: &Cell, colour: bool) -> Drawn {
    let drawn = Drawn::new(cell.shown());
    match cell {
        Cell::State(_, tone) if colour => drawn.fg(match tone {
            Tone::Good => Color::Green,
            Tone::Waiting => Color::Yellow,
            Tone::Bad => Color::Red,
        }),
        _ => drawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_titles_and_numbers_line_up() {
        let sheet = Sheet {
            columns: vec![Column::new("name", "单位", Kind::Text), Column::new("amount", "金额", Kind::Money)],
            rows: vec![vec![Cell::text("莒县"), Cell::Fen(123_456)], vec![Cell::text("X"), Cell::Fen(2_873_800_000)]],
            totals: Some(vec![Cell::text("合计"), Cell::Fen(2_873_923_456)]),
        };
        let expected = "单位       金额(元)\n莒县       1,234.56\nX     28,738,000.00\n合计  28,739,234.56\n";
        assert_eq!(render(&sheet, false), expected);
    }

    #[test]
    fn a_record_cannot_steer_the_terminal() {
        let sheet = Sheet {
            columns: vec![Column::text("summary")],
            rows: vec![vec![Cell::text("a\u{1b}[2Jb\nc")]],
            totals: None,
        };
        assert_eq!(render(&sheet, false), "summary\na\u{fffd}[2Jb c\n");
    }
}
