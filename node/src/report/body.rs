//! The stored form of a report, and its limits.

use prost::Message;
use wuji_proto::{ReportId, stored, v1};

use super::ReportError;
use super::span::Span;

/// The largest report, in bytes of its message: two of them fit the largest answer that
/// clients read.
pub const REPORT_BYTES_MAX: usize = 7 << 20;

/// The largest body in the journal, in bytes: with its figures it fits an entry, and the
/// smallest segment (1 MiB).
pub const BODY_BYTES_MAX: usize = 768 << 10;

/// The most figures by which later answers tell adjustments, a column each.
pub const FIGURES_MAX: usize = 512;

/// Cells are alike: the ordinary level finds what there is.
const COMPRESSION_LEVEL: i32 = 3;

/// What the journal takes of a report that has its id.
pub fn issued(id: ReportId, report: &v1::Report) -> Result<stored::ReportIssued, ReportError> {
    let plain = report.encode_to_vec();
    let too_large =
        |bytes| ReportError::TooLarge { what: "be issued", bytes, max: BODY_BYTES_MAX, scope: report.scope.clone() };
    let body = zstd::bulk::compress(&plain, COMPRESSION_LEVEL).map_err(|_| too_large(plain.len()))?;
    if body.len() > BODY_BYTES_MAX {
        return Err(too_large(body.len()));
    }
    let span: Span = report.period.parse()?;
    let (from, to) = span.days();
    Ok(stored::ReportIssued {
        id: id.to_bytes().to_vec(),
        kind: report.kind.clone(),
        scope: report.scope.clone(),
        from,
        to,
        period: report.period.clone(),
        body,
        figures: figures(report),
    })
}

/// Reads a body; what is wrong with it otherwise.
pub fn read(body: &[u8]) -> Result<v1::Report, String> {
    // Never more than the limit, whatever size the body claims to have.
    let plain =
        zstd::bulk::decompress(body, REPORT_BYTES_MAX).map_err(|error| format!("it does not unpack: {error}"))?;
    v1::Report::decode(plain.as_slice()).map_err(|error| format!("it is no report: {error}"))
}

/// The scope's own figures, each column once.
fn figures(report: &v1::Report) -> Vec<stored::ReportedFigure> {
    let mut figures: Vec<stored::ReportedFigure> = Vec::new();
    for section in &report.sections {
        let (Some(head), Some(end)) = (&section.head, &section.end) else { continue };
        for (column, own) in head.columns.iter().zip(own_totals(end)) {
            let known = figures.iter().any(|it| it.column == column.id && it.revision == column.revision);
            if !known && figures.len() < FIGURES_MAX {
                figures.push(stored::ReportedFigure {
                    column: column.id.clone(),
                    revision: column.revision,
                    numerator: own.numerator(),
                    denominator: own.denominator(),
                });
            }
        }
    }
    figures
}

/// The scope's own figures: what the rows add up to, what was left out, and what is in transit.
fn own_totals(end: &v1::QueryEnd) -> Vec<v1::Figure> {
    let zero = v1::Figure::amount(0);
    let also = |figures: &[v1::Figure], at: usize| figures.get(at).unwrap_or(&zero).clone();
    let own = |(at, total): (usize, &v1::Figure)| total.plus(&also(&end.rest, at)).plus(&also(&end.in_transit, at));
    end.totals.iter().enumerate().map(own).collect()
}
