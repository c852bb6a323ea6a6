//! Files of rows as people have them: UTF-8 with or without a byte order mark, GB18030 (as
//! Excel writes it in China) or UTF-16; separated by commas, semicolons or tabs.
//!
//! * [`text`]: bytes to text. [`rows`]: text to rows. [`refused`]: the side file.
//!
//! What a column means and what a cell says is the node's to decide; here is only what
//! makes a file a table.

pub mod refused;
pub mod rows;
pub mod text;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::exit::Exit;

/// The title of the column that a side file has more than its source; skipped on reading.
pub const REASON_COLUMN: &str = "拒收原因";

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// The most rows that one import takes; a county writes fewer in a year.
pub const ROWS_MAX: u64 = 1_000_000;

/// The most columns that a file may have.
pub const COLUMNS_MAX: usize = 200;

/// The longest cell, in bytes of UTF-8. Longer ones come from a missing quotation mark.
pub const CELL_BYTES_MAX: usize = 64 << 10;

/// Why a file cannot be imported at all.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is too large.
    #[error("the file has {bytes} bytes; at most {FILE_BYTES_MAX} are read: split it into several files")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// It is a workbook.
    #[error("the file is an Excel workbook or another archive: save it as CSV (另存为 → CSV) and import that")]
    Workbook,
    /// Its bytes are no text.
    #[error("line {line} of the file is neither UTF-8 nor GB18030: save it as CSV UTF-8 and import that")]
    Undecodable {
        /// The first line that cannot be read.
        line: u64,
    },
    /// It has no rows.
    #[error("the file has no {0}: the first line names the columns, each further line is an entry")]
    Empty(&'static str),
    /// It has too many rows.
    #[error("the file has more than {ROWS_MAX} rows: split it into several files")]
    TooManyRows,
    /// It has too many columns.
    #[error("the file has {columns} columns; at most {COLUMNS_MAX} are read: is the delimiter one of , ; and tab?")]
    TooManyColumns {
        /// How many.
        columns: usize,
    },
    /// The side file cannot be written.
    #[error("cannot write the refused rows to {path}: {source}; name another file with --refused FILE")]
    SideFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be parsed.
    #[error("cannot read the rows of the file: {0}")]
    Csv(#[from] csv::Error),
}

impl ImportError {
    /// The exit code for this error.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } => Exit::Usage,
            Self::SideFile { .. } => Exit::Failed,
            _ => Exit::Refused,
        }
    }
}
