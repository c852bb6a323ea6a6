//! Text to rows, with their line numbers and with what makes a row unfit to be sent.

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::{CELL_BYTES_MAX, COLUMNS_MAX, ImportError, REASON_COLUMN, ROWS_MAX};

/// The delimiters that are recognised; the first wins where none occurs more often.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// Its line in the file, from 1.
    pub line: u32,
    /// Its cells as they stand in the file, without the reason of an earlier refusal.
    pub cells: Vec<String>,
    /// Why it cannot be sent.
    pub fault: Option<String>,
}

/// The rows of a file, one by one.
pub struct Rows<'a> {
    text: &'a str,
    reader: csv::Reader<&'a [u8]>,
    columns: Vec<String>,
    reason_at: Option<usize>,
    delimiter: u8,
    taken: u64,
}

impl<'a> Rows<'a> {
    /// Recognises the delimiter and reads the header.
    pub fn new(text: &'a str) -> Result<Self, ImportError> {
        let delimiter = delimiter(text);
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(text.as_bytes());
        let mut header = StringRecord::new();
        if !reader.read_record(&mut header)? {
            return Err(ImportError::Empty("header"));
        }
        let mut columns: Vec<String> = header.iter().map(|title| title.trim().to_owned()).collect();
        let reason_at = columns.iter().position(|title| title == REASON_COLUMN);
        if let Some(at) = reason_at {
            columns.remove(at);
        }
        // Excel leaves empty columns at the right of what was deleted there.
        while columns.last().is_some_and(String::is_empty) {
            columns.pop();
        }
        match columns.len() {
            0 => Err(ImportError::Empty("header")),
            1..=COLUMNS_MAX => Ok(Self { text, reader, columns, reason_at, delimiter, taken: 0 }),
            columns => Err(ImportError::TooManyColumns { columns }),
        }
    }

    /// The titles, without that of the reasons.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What separates the cells.
    pub const fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// How many bytes of the text have been read.
    pub fn read_bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row that is not blank.
    pub fn next_row(&mut self) -> Result<Option<SourceRow>, ImportError> {
        let mut record = ByteRecord::new();
        while self.reader.read_byte_record(&mut record)? {
            let line = self.line_of(&record);
            let mut cells: Vec<String> = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            if self.reason_at.is_some_and(|at| at < cells.len()) {
                self.reason_at.map(|at| cells.remove(at));
            }
            while cells.len() > self.columns.len() && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
                cells.pop();
            }
            if cells.iter().any(|cell| !cell.trim().is_empty()) {
                self.taken += 1;
                if self.taken > ROWS_MAX {
                    return Err(ImportError::TooManyRows);
                }
                let fault = self.fault(&cells);
                cells.resize(cells.len().max(self.columns.len()), String::new());
                return Ok(Some(SourceRow { line, cells, fault }));
            }
        }
        Ok(None)
    }

    fn fault(&self, cells: &[String]) -> Option<String> {
        if let Some((at, _)) = cells.iter().enumerate().find(|(_, cell)| cell.len() > CELL_BYTES_MAX) {
            let column = self.columns.get(at).map_or("", String::as_str);
            return Some(format!("{column}: 内容超过 {CELL_BYTES_MAX} 字节，请检查是否缺少引号"));
        }
        let (has, columns) = (cells.len(), self.columns.len());
        (has > columns).then(|| format!("本行有 {has} 列，表头只有 {columns} 列，含分隔符的内容请加引号"))
    }

    /// The reader counts blank lines before a record as the record's; people do not.
    fn line_of(&self, record: &ByteRecord) -> u32 {
        let Some(position) = record.position() else { return 0 };
        let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n');
        u32::try_from(position.line() + blank.count() as u64).unwrap_or(u32::MAX)
    }
}

/// The delimiter that occurs most often in the first line, outside quotation marks.
fn delimiter(text: &str) -> u8 {
    let first = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    let mut counts = DELIMITERS.map(|delimiter| (delimiter, 0_usize));
    let mut quoted = false;
    for byte in first.bytes() {
        quoted ^= byte == b'"';
        for (_, count) in counts.iter_mut().filter(|(delimiter, _)| *delimiter == byte && !quoted) {
            *count += 1;
        }
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> (Vec<String>, Vec<SourceRow>) {
        let mut rows = Rows::new(text).unwrap();
        let columns = rows.columns().to_vec();
        let mut found = Vec::new();
        while let Some(row) = rows.next_row().unwrap() {
            found.push(row);
        }
        (columns, found)
    }

    #[test]
    fn commas_semicolons_and_tabs_are_recognised_outside_quotes() {
        for text in ["a,b\n1,2\n", "a;b\r\n1;2\r\n", "a\tb\n1\t2", "\"a,,,\";b\n1;2\n", "\n\na,b\n1,2"] {
            let (columns, rows) = all(text);
            assert_eq!((columns.len(), rows[0].cells.as_slice()), (2, &["1".to_owned(), "2".to_owned()][..]), "{text}");
        }
        assert_eq!(all("a\n1\n").0, ["a"]);
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them_and_blank_rows_are_skipped() {
        let (_, rows) = all("a,b\r\n\r\n1,2\r\n,\r\n\"x\r\ny\",3\r\n\r\n\r\n5\r\n");
        let lines: Vec<u32> = rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [3, 5, 9]);
        assert_eq!(rows[2].cells, ["5", ""]);
    }

    #[test]
    fn rows_that_are_no_rows_of_this_table_are_kept_with_the_fault() {
        let long = "x".repeat(CELL_BYTES_MAX + 1);
        let (_, rows) = all(&format!("a,b\n1,2,3\n1,{long}\n1,2,,\n"));
        let faults: Vec<bool> = rows.iter().map(|row| row.fault.is_some()).collect();
        assert_eq!(faults, [true, true, false]);
        assert_eq!(rows[0].cells, ["1", "2", "3"]);
    }

    #[test]
    fn the_reasons_of_an_earlier_refusal_are_not_sent_again() {
        let (columns, rows) = all("拒收原因,a,b\n错误,1,2\n,3,4,5\n");
        assert_eq!(columns, ["a", "b"]);
        assert_eq!(rows[0].cells, ["1", "2"]);
        assert!(rows[1].fault.is_some());
    }

    #[test]
    fn files_that_are_no_tables_are_refused() {
        assert!(matches!(Rows::new(""), Err(ImportError::Empty(_))));
        assert!(matches!(Rows::new(",,\n1,2,3\n"), Err(ImportError::Empty(_))));
        let wide = vec!["a"; COLUMNS_MAX + 1].join(",");
        assert!(matches!(Rows::new(&wide), Err(ImportError::TooManyColumns { .. })));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a\u{4e00},;\t\"\r\n]{0,40}") {
            if let Ok(mut rows) = Rows::new(&text) {
                while rows.next_row().unwrap().is_some() {}
            }
        }
    }
}
