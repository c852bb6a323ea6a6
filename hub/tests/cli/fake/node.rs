use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use wuji_proto::v1::node_server::Node;
use wuji_proto::v1::{
    AdoptChildReply, AdoptChildRequest, AuditStatus, BackupStatus, ChildStatus, IndexStatus, JournalStatus,
    ListChildrenReply, ListChildrenRequest, ListUnsettledRequest, ParentStatus, PlannedChild, RegisterChildReply,
    RegisterChildRequest, ReleaseChildReply, ReleaseChildRequest, RetireChildReply, RetireChildRequest,
    SettleChildReply, SettleChildRequest, StatusReply, StatusRequest, TreeRequest, TreeUnit, UnsettledAmount,
};

use super::Fake;

type Amounts = Pin<Box<dyn Stream<Item = Result<UnsettledAmount, Status>> + Send>>;
type Units = Pin<Box<dyn Stream<Item = Result<TreeUnit, Status>> + Send>>;

const NOW_MS: i64 = 1_471_224_600_000;

fn parent() -> ParentStatus {
    ParentStatus {
        code: "3711".to_owned(),
        address: "https://127.0.0.1:7302".to_owned(),
        state: "connected".to_owned(),
        since_ms: NOW_MS - 3_600_000,
        head: "3.120".to_owned(),
        applied: "3.120".to_owned(),
        safe: "3.118".to_owned(),
        lag_items: 0,
        digest: "equal".to_owned(),
        clock_skew_ms: -12,
        items_sent: 12_345,
        bytes_sent: 1 << 20,
        resyncs: 1,
        ..ParentStatus::default()
    }
}

fn children() -> Vec<ChildStatus> {
    let connected = ChildStatus {
        code: "371122102".to_owned(),
        name: "招贤镇".to_owned(),
        state: "connected".to_owned(),
        incarnation: "5d3c0f10-1111-4222-8333-444455556666".to_owned(),
        watermark: "2.87".to_owned(),
        head: "2.90".to_owned(),
        lag_items: 3,
        lag_seconds: 1,
        digest: "catching-up".to_owned(),
        resync: "b4… 40 % of 2,000 items".to_owned(),
        last_contact_ms: NOW_MS,
        complete_at_ms: NOW_MS - 1_000,
        clock_skew_ms: 4,
        version: "0.1.0".to_owned(),
        items_received: 2_087,
        unsettled: 42,
        unsettled_since_ms: NOW_MS - 3_600_000,
        ..ChildStatus::default()
    };
    let held = ChildStatus {
        code: "371122103".to_owned(),
        name: "阎庄镇".to_owned(),
        state: "held".to_owned(),
        digest: "unknown".to_owned(),
        reason: "it came back with a new incarnation".to_owned(),
        waiting_since_ms: NOW_MS - 7_200_000,
        ..ChildStatus::default()
    };
    vec![connected, held]
}

#[tonic::async_trait]
impl Node for Fake {
    type TreeStream = Units;

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        Ok(Response::new(StatusReply {
            audit: Some(AuditStatus {
                passed_at_ms: NOW_MS - 7_200_000,
                totals: 4_300,
                differences: 2,
                repaired: 2,
                progress: 405,
            }),
            code: "371122".to_owned(),
            name: "莒县".to_owned(),
            tier: "county".to_owned(),
            incarnation: "0192f3aa-7c1e-4d0a-9c55-3f1f5c0a8d11".to_owned(),
            version: "0.1.0".to_owned(),
            now_ms: NOW_MS,
            started_at_ms: NOW_MS - 3 * 3_600_000 - 61_000,
            journal: Some(JournalStatus {
                sequence: 12_345,
                segments: 2,
                bytes: 128 << 20,
                recovered: "cut 112 bytes of a torn tail".to_owned(),
                refusing: String::new(),
            }),
            index: Some(IndexStatus {
                kind: "sled".to_owned(),
                applied: 12_345,
                items: 4_321,
                rebuilt: String::new(),
                checkpoint_at_ms: NOW_MS - 4_000,
                disk_bytes: 48 << 20,
                live_bytes: 15 << 20,
                snapshot_sequence: 12_000,
                snapshot_at_ms: NOW_MS - 9_000_000,
            }),
            catalogue_version: "2016.1".to_owned(),
            catalogue_hash: "8f3a5c2199aa".to_owned(),
            parent: Some(parent()),
            children: children(),
            holding: String::new(),
            backup: Some(BackupStatus {
                at_ms: NOW_MS - 3_600_000,
                sequence: 12_000,
                place: "same-disk".to_owned(),
                destination: "/srv/371122.wuji".to_owned(),
                outside_at_ms: NOW_MS - 9 * 86_400_000,
                overdue: true,
            }),
        }))
    }

    async fn tree(&self, request: Request<TreeRequest>) -> Result<Response<Units>, Status> {
        if request.into_inner().scope == "42" {
            return Err(Status::not_found("42 is not below 371122"));
        }
        let unit = |code: &str, name: &str, tier: &str, parent: &str, state: &str, heard_ms| TreeUnit {
            code: code.to_owned(),
            name: name.to_owned(),
            tier: tier.to_owned(),
            parent: parent.to_owned(),
            state: state.to_owned(),
            heard_ms,
            version: "0.1.0".to_owned(),
        };
        let units = [
            unit("371122", "莒县", "county", "", "self", NOW_MS),
            unit("371122102", "招贤镇", "township", "371122", "connected", NOW_MS),
            unit("371122102205", "招贤村", "workroom", "371122102", "connected", NOW_MS),
            unit("371122102206", "大罗庄", "workroom", "371122102", "planned", 0),
            unit("371122103", "阎庄镇", "township", "371122", "absent", NOW_MS - 86_400_000),
        ];
        Ok(Response::new(Box::pin(tokio_stream::iter(units.map(Ok)))))
    }

    async fn register_child(
        &self,
        request: Request<RegisterChildRequest>,
    ) -> Result<Response<RegisterChildReply>, Status> {
        Ok(Response::new(RegisterChildReply { repeated: request.into_inner().name == "招贤镇" }))
    }

    async fn adopt_child(&self, asked: Request<AdoptChildRequest>) -> Result<Response<AdoptChildReply>, Status> {
        let incarnation = "5d3c0f10-1111-4222-8333-444455556666".to_owned();
        let asked = asked.into_inner();
        let (cells, unsettled) = match (asked.keep_history, asked.code.as_str()) {
            (true, _) => (1_750, 0),
            (false, "371122104") => (1_750, 42),
            (false, _) => (0, 0),
        };
        Ok(Response::new(AdoptChildReply { incarnation, cells, unsettled, unknown: asked.code == "371122105" }))
    }

    async fn settle_child(&self, asked: Request<SettleChildRequest>) -> Result<Response<SettleChildReply>, Status> {
        match asked.into_inner().code.as_str() {
            "371122102" => Err(Status::failed_precondition("nothing of 371122102 is unsettled")),
            _ => Ok(Response::new(SettleChildReply { amounts: 42 })),
        }
    }

    type ListUnsettledStream = Amounts;

    async fn list_unsettled(&self, asked: Request<ListUnsettledRequest>) -> Result<Response<Amounts>, Status> {
        let amount = |measure: &str, title: &str, fields: &[&str], words: &[&str], amount| UnsettledAmount {
            code: "371122104".to_owned(),
            name: "阎庄镇".to_owned(),
            measure: measure.to_owned(),
            title_zh: title.to_owned(),
            revision: 1,
            period: "2016-08-15".to_owned(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            amount,
            ..UnsettledAmount::default()
        };
        let amounts = match asked.into_inner().code.as_str() {
            "371122102" => Vec::new(),
            _ => vec![
                amount("entries", "台账条数", &["ledger"], &["mediation"], 3),
                amount("mediation.accepted", "受理案件", &["source"], &["依申请"], 2),
            ],
        };
        Ok(Response::new(Box::pin(tokio_stream::iter(amounts.into_iter().map(Ok)))))
    }

    async fn release_child(&self, _: Request<ReleaseChildRequest>) -> Result<Response<ReleaseChildReply>, Status> {
        Ok(Response::new(ReleaseChildReply {}))
    }

    async fn retire_child(&self, asked: Request<RetireChildRequest>) -> Result<Response<RetireChildReply>, Status> {
        let repeated = asked.into_inner().code == "371122104";
        Ok(Response::new(RetireChildReply { repeated, cells: if repeated { 0 } else { 1_750 } }))
    }

    async fn list_children(&self, _: Request<ListChildrenRequest>) -> Result<Response<ListChildrenReply>, Status> {
        let child = |code: &str, name: &str, incarnation: &str| PlannedChild {
            code: code.to_owned(),
            name: name.to_owned(),
            expected_from: 42_734,
            incarnation: incarnation.to_owned(),
            retired_from: (code == "371122103").then_some(43_000),
        };
        let children = vec![
            child("371122102", "招贤镇", "5d3c0f10-1111-4222-8333-444455556666"),
            child("371122103", "阎庄镇", ""),
        ];
        Ok(Response::new(ListChildrenReply { children }))
    }
}
