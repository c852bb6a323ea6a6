//! The side file: refused rows as they stood, each with the reason in front, in the
//! encoding and with the delimiter of its source, to be mended and imported again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use csv::WriterBuilder;

use super::text::Encoding;
use super::{ImportError, REASON_COLUMN};

/// How many side files of one source are kept before another name must be given.
const SIDE_FILES_MAX: u32 = 100;

/// A side file; made when the first row is refused.
pub struct SideFile {
    wanted: Option<PathBuf>,
    source: PathBuf,
    columns: Vec<String>,
    encoding: Encoding,
    delimiter: u8,
    open: Option<(PathBuf, BufWriter<File>)>,
}

impl SideFile {
    /// A side file for `source`: `wanted`, or the source's name with `.refused.csv`. No file
    /// is ever replaced: someone may be mending it.
    pub fn new(source: &Path, wanted: Option<PathBuf>, columns: &[String], encoding: Encoding, delimiter: u8) -> Self {
        Self { wanted, source: source.to_owned(), columns: columns.to_vec(), encoding, delimiter, open: None }
    }

    /// Adds a row with its reason.
    pub fn add(&mut self, reason: &str, cells: &[String]) -> Result<(), ImportError> {
        let line = self.line(std::iter::once(reason).chain(cells.iter().map(String::as_str)))?;
        if self.open.is_none() {
            self.open = Some(self.create()?);
        }
        let Some((path, file)) = &mut self.open else { return Ok(()) };
        file.write_all(&line).map_err(|source| ImportError::SideFile { path: path.clone(), source })
    }

    /// Makes sure that all is on disk; returns the file's name if one was made.
    pub fn finish(self) -> Result<Option<PathBuf>, ImportError> {
        let Some((path, mut file)) = self.open else { return Ok(None) };
        match file.flush().and_then(|()| file.get_ref().sync_all()) {
            Ok(()) => Ok(Some(path)),
            Err(source) => Err(ImportError::SideFile { path, source }),
        }
    }

    fn create(&self) -> Result<(PathBuf, BufWriter<File>), ImportError> {
        let new = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let (path, file) = match &self.wanted {
            Some(path) => (path.clone(), new(path)),
            None => (1..=SIDE_FILES_MAX)
                .map(|number| self.beside(number))
                .map(|path| (path.clone(), new(&path)))
                .find(|(_, file)| !matches!(file, Err(error) if error.kind() == io::ErrorKind::AlreadyExists))
                .unwrap_or_else(|| (self.beside(1), Err(io::ErrorKind::AlreadyExists.into()))),
        };
        let header = self.line(std::iter::once(REASON_COLUMN).chain(self.columns.iter().map(String::as_str)))?;
        let begun = file.map(BufWriter::new).and_then(|mut file| {
            file.write_all(self.encoding.mark())?;
            file.write_all(&header)?;
            Ok(file)
        });
        begun.map(|file| (path.clone(), file)).map_err(|source| ImportError::SideFile { path, source })
    }

    fn beside(&self, number: u32) -> PathBuf {
        let mut name = self.source.clone().into_os_string();
        name.push(if number == 1 { ".refused.csv".to_owned() } else { format!(".refused-{number}.csv") });
        name.into()
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, ImportError> {
        let mut writer = WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_writer(Vec::new());
        writer.write_record(cells)?;
        let bytes = writer.into_inner().map_err(|error| csv::Error::from(io::Error::other(error.to_string())))?;
        Ok(self.encoding.encode(&String::from_utf8_lossy(&bytes)).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_side_file_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("cases.csv");
        let refuse = |wanted: Option<PathBuf>| {
            let mut side = SideFile::new(&source, wanted, &["a".to_owned()], Encoding::Utf8, b';');
            side.add("why", &["1;2".to_owned()])?;
            side.finish()
        };
        let first = refuse(None).unwrap().unwrap();
        assert_eq!(first, directory.path().join("cases.csv.refused.csv"));
        assert_eq!(std::fs::read_to_string(&first).unwrap(), "拒收原因;a\nwhy;\"1;2\"\n");
        assert_eq!(refuse(None).unwrap().unwrap(), directory.path().join("cases.csv.refused-2.csv"));
        let error = refuse(Some(first)).unwrap_err().to_string();
        assert!(error.contains("--refused FILE"), "{error}");
    }

    #[test]
    fn no_refused_row_makes_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let side = SideFile::new(&directory.path().join("x.csv"), None, &[], Encoding::Utf8, b',');
        assert_eq!(side.finish().unwrap(), None);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
