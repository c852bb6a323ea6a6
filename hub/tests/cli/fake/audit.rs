use wuji_proto::v1::audit_reply::Part;
use wuji_proto::v1::{AbsentUnit, AuditDifference, AuditEnd, AuditProgress, AuditReply, AuditRequest};

/// Two nodes with a difference each; the scope `371122103` has none.
pub fn parts(request: &AuditRequest, cut: bool) -> Vec<AuditReply> {
    let state = if request.repair { "repaired" } else { "found" };
    let total = AuditDifference {
        node: "371122".to_owned(),
        kind: "total".to_owned(),
        unit: "371122102".to_owned(),
        unit_name: "招贤镇".to_owned(),
        measure: "mediation.accepted".to_owned(),
        period: "2016-08".to_owned(),
        words: vec!["邻里".to_owned(), "成功".to_owned()],
        stored: 1_869,
        parts: 1_862,
        state: state.to_owned(),
    };
    let copy = AuditDifference {
        kind: "copy".to_owned(),
        unit: "371122102205".to_owned(),
        unit_name: "张家庄社区".to_owned(),
        stored: 311,
        parts: 312,
        state: state.to_owned(),
        node: "371122".to_owned(),
        ..AuditDifference::default()
    };
    let found = if request.scope == "371122103" { Vec::new() } else { vec![total, copy] };
    let differences = found.len() as u64;
    let absent = AbsentUnit {
        code: "371122104".to_owned(),
        name: "寨里河镇".to_owned(),
        state: "absent".to_owned(),
        since_ms: 0,
        reason: "it is not connected".to_owned(),
    };
    let progress = AuditProgress { node: "371122".to_owned(), compared: 5, of: 10 };
    let mut parts = vec![Part::Progress(progress)];
    parts.extend(found.into_iter().map(Part::Difference));
    if !cut {
        parts.push(Part::End(AuditEnd {
            node: "371122".to_owned(),
            totals: 12_345,
            records: 678,
            copies: if request.deep { 31 } else { 0 },
            differences,
            repaired: if request.repair { differences } else { 0 },
            unreached: if request.deep { vec![absent] } else { Vec::new() },
            took_ms: 1_234,
        }));
    }
    parts.into_iter().map(|part| AuditReply { part: Some(part) }).collect()
}
