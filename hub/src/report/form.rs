//! In which forms a report is written, and where to.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use wuji_proto::v1::Report;

use super::document::Document;
use super::{csv, json, markdown, xlsx};
use crate::exit::UsageError;

/// Where `-` stands for stdout.
const STDOUT: &str = "-";

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Text for people: `.md`
    Markdown,
    /// A workbook: `.xlsx`
    Xlsx,
    /// A line a figure, exact: `.csv`
    Csv,
    /// All of it, exact: `.json`
    Json,
}

impl Form {
    /// The ending of a file's name.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        let forms = [Self::Markdown, Self::Xlsx, Self::Csv, Self::Json];
        forms.into_iter().find(|form| form.ending() == ending || (*form == Self::Markdown && ending == "markdown"))
    }
}

/// A form and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The form.
    pub form: Form,
    /// The file; `None`: stdout.
    pub file: Option<PathBuf>,
}

/// What is wanted: of forms and files as they were typed. `name` is a file's name without its
/// ending where none was typed.
pub fn targets(forms: &[Form], to: &[PathBuf], name: &str) -> Result<Vec<Target>, UsageError> {
    let named =
        |form: Form, directory: &Path| Target { form, file: Some(directory.join(format!("{name}.{}", form.ending()))) };
    match (forms, to) {
        ([], []) => Ok(vec![Target { form: Form::Markdown, file: None }]),
        ([form], []) if *form != Form::Xlsx => Ok(vec![Target { form: *form, file: None }]),
        (forms, []) => Ok(forms.iter().map(|form| named(*form, Path::new(""))).collect()),
        ([], files) => files.iter().map(|file| by_name(file)).collect(),
        ([form], [file]) if file.as_os_str() == STDOUT => stdout(*form),
        ([form], [file]) if !file.is_dir() => Ok(vec![Target { form: *form, file: Some(file.clone()) }]),
        (forms, [directory]) if directory.is_dir() => Ok(forms.iter().map(|form| named(*form, directory)).collect()),
        _ => Err(UsageError(
            "name each file with --to FILE, by its ending (.xlsx, .csv, .json, .md), or give several --format and one directory"
                .to_owned(),
        )),
    }
}

fn by_name(file: &Path) -> Result<Target, UsageError> {
    if file.as_os_str() == STDOUT {
        return Ok(Target { form: Form::Markdown, file: None });
    }
    let form = Form::of(file).ok_or_else(|| {
        let shown = file.display();
        UsageError(format!(
            "the name {shown} does not tell its form: end it in .xlsx, .csv, .json or .md, or add --format"
        ))
    })?;
    Ok(Target { form, file: Some(file.to_owned()) })
}

fn stdout(form: Form) -> Result<Vec<Target>, UsageError> {
    if form == Form::Xlsx && io::stdout().is_terminal() {
        return Err(UsageError("a workbook is not for a terminal: name a file with --to".to_owned()));
    }
    Ok(vec![Target { form, file: None }])
}

/// Writes a report; files appear whole or not at all.
pub fn write(target: &Target, report: &Report, now: Option<&Report>) -> anyhow::Result<()> {
    let bytes = bytes(target.form, report, now)?;
    let Some(file) = &target.file else {
        let mut out = io::stdout().lock();
        out.write_all(&bytes)?;
        return Ok(out.flush()?);
    };
    let mut beside = file.clone().into_os_string();
    beside.push(".part");
    let written = fs::write(&beside, &bytes).and_then(|()| fs::rename(&beside, file));
    written.map_err(|error| anyhow::anyhow!("writing {}: {error}", file.display()))?;
    eprintln!("wrote {}", file.display());
    Ok(())
}

fn bytes(form: Form, report: &Report, now: Option<&Report>) -> anyhow::Result<Vec<u8>> {
    Ok(match form {
        Form::Markdown => markdown::render(&Document::of(report, now)).into_bytes(),
        Form::Xlsx => xlsx::render(&Document::of(report, now), report)?,
        Form::Csv => {
            let mut bytes = Vec::new();
            csv::write(report, &mut bytes)?;
            bytes
        }
        Form::Json => {
            let mut bytes = serde_json::to_vec_pretty(&json::document(report, now))?;
            bytes.push(b'\n');
            bytes
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(forms: &[Form], to: &[&str]) -> Result<Vec<String>, String> {
        let to: Vec<PathBuf> = to.iter().map(PathBuf::from).collect();
        let targets = targets(forms, &to, "monthly-4202-2016-08").map_err(|error| error.to_string())?;
        let shown = |target: Target| {
            let file = target.file.map_or_else(|| "stdout".to_owned(), |file| file.display().to_string());
            format!("{:?} {file}", target.form)
        };
        Ok(targets.into_iter().map(shown).collect())
    }

    #[test]
    fn forms_and_files_go_together_as_people_expect() {
        assert_eq!(told(&[], &[]).unwrap(), ["Markdown stdout"]);
        assert_eq!(told(&[Form::Json], &[]).unwrap(), ["Json stdout"]);
        assert_eq!(told(&[Form::Xlsx], &[]).unwrap(), ["Xlsx monthly-4202-2016-08.xlsx"]);
        assert_eq!(
            told(&[Form::Xlsx, Form::Csv], &[]).unwrap(),
            ["Xlsx monthly-4202-2016-08.xlsx", "Csv monthly-4202-2016-08.csv"]
        );
        assert_eq!(told(&[], &["a.XLSX", "b.md", "-"]).unwrap(), ["Xlsx a.XLSX", "Markdown b.md", "Markdown stdout"]);
        assert_eq!(told(&[Form::Csv], &["figures.txt"]).unwrap(), ["Csv figures.txt"]);
        assert_eq!(told(&[Form::Csv], &["-"]).unwrap(), ["Csv stdout"]);
        assert!(told(&[], &["figures.txt"]).unwrap_err().contains(".xlsx"));
        assert!(told(&[Form::Csv, Form::Json], &["figures.txt"]).unwrap_err().contains("directory"));
    }
}
