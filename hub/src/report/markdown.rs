//! Markdown: readable as it is, aligned where characters are as wide as they should be.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::document::{Column, Document, Style, Table};

/// The narrowest column, so that its rule is one.
const WIDTH_MIN: usize = 3;

/// The document as text.
pub fn render(document: &Document) -> String {
    let mut text = format!("# {}\n\n", plain(&document.title));
    for (name, value) in &document.facts {
        let _ = writeln!(text, "- **{name}**：{}", plain(value));
    }
    for table in &document.tables {
        let _ = write!(text, "\n## {}\n\n{}", plain(&table.title), drawn(table));
    }
    text
}

fn drawn(table: &Table) -> String {
    let title = |column: &Column| {
        if column.group.is_empty() {
            plain(&column.title)
        } else {
            plain(&format!("{}：{}", column.group, column.title))
        }
    };
    let mut lines: Vec<Vec<String>> = vec![table.columns.iter().map(title).collect()];
    for row in &table.rows {
        let shown = |(at, cell): (usize, &super::value::Value)| {
            let text = plain(&cell.shown());
            match row.style {
                Style::Detail if at == 0 => format!("　{text}"),
                Style::Total if !text.is_empty() => format!("**{text}**"),
                _ => text,
            }
        };
        lines.push(row.cells.iter().enumerate().map(shown).collect());
    }
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|text| text.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.columns.len()).map(|at| width(at).max(WIDTH_MIN)).collect();
    let rule =
        table.columns.iter().zip(&widths).map(|(column, width)| {
            if column.numeric { format!("{}:", "-".repeat(width - 1)) } else { "-".repeat(*width) }
        });
    let rule: Vec<String> = rule.collect();
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        text += &joined(table, &widths, line);
        if at == 0 {
            text += &joined(table, &widths, &rule);
        }
    }
    text
}

fn joined(table: &Table, widths: &[usize], line: &[String]) -> String {
    let mut text = "|".to_owned();
    for (at, (column, width)) in table.columns.iter().zip(widths).enumerate() {
        let cell = line.get(at).map_or("", String::as_str);
        let space = " ".repeat(width.saturating_sub(cell.width()));
        let _ = if column.numeric { write!(text, " {space}{cell} |") } else { write!(text, " {cell}{space} |") };
    }
    text.push('\n');
    text
}

/// Text that ends no cell and begins no markup: names may hold anything that somebody typed.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}
