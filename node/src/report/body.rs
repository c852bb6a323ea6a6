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
pub fn read(id: ReportId, body: &[u8]) -> Result<v1::Report, String> {
    // Never more than the limit, whatever size the body claims to have.
    let plain =
        zstd::bulk::decompress(body, REPORT_BYTES_MAX).map_err(|error| format!("it does not unpack: {error}"))?;
    let report = v1::Report::decode(plain.as_slice()).map_err(|error| format!("it is no report: {error}"))?;
    if report.id == id.to_string() { Ok(report) } else { Err("it is another report".to_owned()) }
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
    let also = |figures: &[v1::Figure], at: usize| figures.get(at).copied().unwrap_or(v1::Figure::amount(0));
    let own = |(at, total): (usize, &v1::Figure)| total.plus(&also(&end.rest, at)).plus(&also(&end.in_transit, at));
    end.totals.iter().enumerate().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scopes_own_figures_are_kept_once_each_with_what_rows_lack() {
        let column = |id: &str| v1::Column { id: id.to_owned(), revision: 1, ..v1::Column::default() };
        let section = |ids: &[&str], totals: &[v1::Figure], rest: &[v1::Figure], in_transit: &[v1::Figure]| {
            let head = v1::QueryHead { columns: ids.iter().map(|id| column(id)).collect(), ..Default::default() };
            let (totals, rest, in_transit) = (totals.to_vec(), rest.to_vec(), in_transit.to_vec());
            let end = v1::QueryEnd { totals, rest, in_transit, ..v1::QueryEnd::default() };
            v1::ReportSection { head: Some(head), end: Some(end), ..v1::ReportSection::default() }
        };
        let (amount, ratio) = (v1::Figure::amount, v1::Figure::ratio);
        let report = v1::Report {
            sections: vec![
                section(&["a", "r"], &[amount(5), ratio(1, 2)], &[], &[]),
                section(&["b", "a"], &[amount(7), amount(9)], &[amount(2), amount(0)], &[amount(1), amount(0)]),
            ],
            ..v1::Report::default()
        };
        let kept: Vec<_> = figures(&report).into_iter().map(|it| (it.column, it.numerator, it.denominator)).collect();
        let wanted = [("a", 5, None), ("r", 1, Some(2)), ("b", 10, None)];
        assert_eq!(kept, wanted.map(|(id, numerator, denominator)| (id.to_owned(), numerator, denominator)));
    }

    #[test]
    fn a_hostile_body_is_refused_within_its_limit_and_never_panics() {
        let id = ReportId::new(0, &[7; ReportId::RANDOM_BYTES]);
        let read = |body: &[u8]| super::read(id, body);
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        assert!(read(&bomb).unwrap_err().contains("unpack"));
        let no_report = zstd::bulk::compress(&[0xff; 100], 1).unwrap();
        assert!(read(&no_report).unwrap_err().contains("no report"));
        for bytes in [&[][..], &[0x28, 0xb5, 0x2f, 0xfd], b"report"] {
            read(bytes).unwrap_err();
        }
    }
}
