//! Reports, made, issued and shown.

use tonic::{Request, Response, Status};
use wuji_proto::v1::reports_server;
use wuji_proto::v1::{
    ListReportsReply, ListReportsRequest, MakeReportRequest, Report, ShowReportReply, ShowReportRequest,
};

use super::{interrupted, refusal};
use crate::access::Access;
use crate::env::Env;
use crate::ledger::Ledgers;
use crate::pull::Desk;
use crate::report::kinds::UNITS_NAMED_MAX;
use crate::report::shelf::{LIST_DEFAULT, LIST_MAX};
use crate::report::{ReportError, Reports};

/// The service.
pub struct ReportService {
    /// Who may ask and issue.
    pub access: Access,
    /// How blocking reads run.
    pub env: Env,
    /// What is asked waits for what was acknowledged.
    pub ledgers: Ledgers,
    /// The reports.
    pub reports: Reports,
    /// For reports of figures that are to be confirmed.
    pub desk: Desk,
}

impl ReportService {
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reports) -> Result<T, ReportError> + Send + 'static,
    ) -> Result<T, Status> {
        self.ledgers.settled().await;
        let reports = self.reports.clone();
        let done = self.env.blocking(move || work(&reports)).await.ok_or_else(interrupted)?;
        done.map_err(refusal::report)
    }
}

#[tonic::async_trait]
impl reports_server::Reports for ReportService {
    async fn make(&self, request: Request<MakeReportRequest>) -> Result<Response<Report>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let MakeReportRequest { kind, scope, period, issue, confirmed, within_ms } = request.into_inner();
        // What makes no sense is told before anybody below is asked.
        self.reports.check(&kind, &scope, &period).map_err(refusal::report)?;
        let confirmation = if confirmed { self.desk.confirm(&scope, within_ms, UNITS_NAMED_MAX).await } else { None };
        let mut made = self.read(move |reports| reports.make(&kind, &scope, &period)).await?;
        if confirmation.is_some() {
            made.coverage.get_or_insert_default().confirmation = confirmation;
        }
        if !issue {
            return Ok(Response::new(made));
        }
        self.reports.issue(made, &actor).await.map(Response::new).map_err(refusal::report)
    }

    async fn show(&self, request: Request<ShowReportRequest>) -> Result<Response<ShowReportReply>, Status> {
        self.access.require_operator(&request)?;
        let ShowReportRequest { id, now } = request.into_inner();
        let id = id.parse().map_err(|error| refusal::argument("id", &error))?;
        let shown = self.read(move |reports| {
            let report = reports.show(id)?;
            let now = now.then(|| reports.again(&report)).transpose()?;
            Ok(ShowReportReply { report: Some(report), now })
        });
        Ok(Response::new(shown.await?))
    }

    async fn list(&self, request: Request<ListReportsRequest>) -> Result<Response<ListReportsReply>, Status> {
        self.access.require_operator(&request)?;
        let count = match usize::try_from(request.into_inner().limit).unwrap_or(LIST_MAX) {
            0 => LIST_DEFAULT,
            count => count,
        };
        let reports = self.read(move |reports| reports.list(count)).await?;
        Ok(Response::new(ListReportsReply { reports }))
    }
}
