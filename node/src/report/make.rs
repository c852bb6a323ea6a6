//! Making a report: all its questions answered from one view.

use std::ops::ControlFlow;

use prost::Message;
use wuji_proto::{DivisionCode, v1};

use super::body::REPORT_BYTES_MAX;
use super::kinds::{self, Asked};
use super::span::Span;
use super::{ReportError, Reports};
use crate::catalogue::Catalogue;
use crate::feed::child::Child;
use crate::index::{IndexError, keys};
use crate::statistics::answer;
use crate::statistics::warm::warm;
use crate::store::View;

/// The program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Reports {
    /// A report of a kind, not issued. An empty scope is the node's own. Blocks.
    pub fn make(&self, kind: &str, scope: &str, period: &str) -> Result<v1::Report, ReportError> {
        let (scope, span, asked) = self.asked(kind, scope, period)?;
        self.answered(kind, scope, &span.text, asked)
    }

    /// Whether there can be such a report: its kind, scope and period make sense.
    pub fn check(&self, kind: &str, scope: &str, period: &str) -> Result<(), ReportError> {
        self.asked(kind, scope, period).map(drop)
    }

    fn asked(&self, kind: &str, scope: &str, period: &str) -> Result<(DivisionCode, Span, Vec<Asked>), ReportError> {
        let question = |error: wuji_proto::ParseError| ReportError::Question(format!("scope: {error}"));
        let scope: DivisionCode = if scope.is_empty() { self.store.own } else { scope.parse().map_err(question)? };
        let span: Span = period.parse()?;
        let asked = kinds::questions(kind, scope, &span, self.ledgers.catalogue())?;
        Ok((scope, span, asked))
    }

    /// The same questions as a report's, answered now. Blocks.
    pub fn again(&self, issued: &v1::Report) -> Result<v1::Report, ReportError> {
        let scope = issued.scope.parse().map_err(|_| ReportError::Question("the report has no scope".to_owned()))?;
        let asked = issued.sections.iter().map(|section| Asked {
            id: section.id.clone(),
            title: section.title.clone(),
            question: section.question.clone().unwrap_or_default(),
        });
        self.answered(&issued.kind, scope, &issued.period, asked.collect())
    }

    fn answered(
        &self,
        kind: &str,
        scope: DivisionCode,
        period: &str,
        asked: Vec<Asked>,
    ) -> Result<v1::Report, ReportError> {
        let catalogue = self.ledgers.catalogue();
        let mut report = v1::Report {
            kind: kind.to_owned(),
            scope: scope.to_string(),
            period: period.to_owned(),
            catalogue_version: catalogue.version().to_owned(),
            version: VERSION.to_owned(),
            ..v1::Report::default()
        };
        for asked in &asked {
            // What is refused here is refused again below.
            drop(warm(&asked.question, &self.store, catalogue));
        }
        let view = self.store.view();
        report.made_at_ms = self.ledgers.now_ms();
        for asked in asked {
            let section = self.section(&view, report.made_at_ms, asked)?;
            let (section, coverage) = without_coverage(section);
            report.coverage = report.coverage.or(coverage);
            if let Some(head) = section.head.as_ref().filter(|_| report.scope_name.is_empty()) {
                report.scope_name.clone_from(&head.scope_name);
            }
            report.sections.push(section);
        }
        report.positions = positions(&view, self.store.own)?;
        drop(view);
        let bytes = report.encoded_len();
        if bytes > REPORT_BYTES_MAX {
            let (what, max, scope) = ("be sent", REPORT_BYTES_MAX, report.scope);
            return Err(ReportError::TooLarge { what, bytes, max, scope });
        }
        Ok(report)
    }

    /// The one place where a question meets the query core.
    fn section(&self, view: &View<'_>, now_ms: i64, asked: Asked) -> Result<v1::ReportSection, ReportError> {
        let Asked { id, title, question } = asked;
        let catalogue = self.ledgers.catalogue();
        let asked = answer::Asked { catalogue, now_ms, standings: self.standings.as_ref() };
        let answered = answer::answer(&question, &view.figures(), &asked);
        let answer = answered.map_err(|source| ReportError::Section { section: id.clone(), source })?;
        let mut rows: Vec<v1::QueryRow> = answer.rows().collect();
        if let Some(words) = words_of(catalogue, &question) {
            sort_by_words(&mut rows, words);
        }
        Ok(v1::ReportSection {
            id,
            question: Some(question),
            head: Some(answer.head),
            rows,
            end: Some(answer.end),
            title,
        })
    }
}

/// One view, scope and time have one coverage, which is told once.
fn without_coverage(mut section: v1::ReportSection) -> (v1::ReportSection, Option<v1::Coverage>) {
    let coverage = section.end.as_mut().and_then(|end| end.coverage.take());
    (section, coverage)
}

/// The words of the field by which a question is divided, in the order to show.
fn words_of<'c>(catalogue: &'c Catalogue, question: &v1::QueryRequest) -> Option<&'c [String]> {
    let measure = catalogue.measure(question.measures.first()?)?;
    let field = catalogue.ledger(measure.ledger())?.field(question.by.first()?)?;
    Some(field.kind().words()).filter(|words| !words.is_empty())
}

/// Published reports have the order of the code set; words that it does not have come last.
fn sort_by_words(rows: &mut [v1::QueryRow], words: &[String]) {
    let place = |row: &v1::QueryRow| {
        let word = row.words.first();
        words.iter().position(|known| Some(known) == word).unwrap_or(words.len())
    };
    rows.sort_by_key(place);
}

/// Where the journal and each child's feed stood in the view.
fn positions(view: &View<'_>, own: DivisionCode) -> Result<Vec<v1::FeedPosition>, IndexError> {
    let mut positions = vec![v1::FeedPosition {
        code: own.to_string(),
        journal: view.state.applied,
        mark: view.state.head.at.to_string(),
        complete_at_ms: 0,
    }];
    let children = keys::children();
    view.index.scan(&children, keys::after(&children).as_deref(), &mut |key, value| {
        if let Some(code) = keys::parse_child(key) {
            let child = Child::from_bytes(value)?;
            positions.push(v1::FeedPosition {
                code: code.to_string(),
                journal: 0,
                mark: child.low.at.to_string(),
                complete_at_ms: child.complete_at_ms,
            });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(positions)
}
