//! The catalogue, for forms and for titles.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use wuji_proto::v1::catalogue_server::Catalogue;
use wuji_proto::v1::{CatalogueReply, GetCatalogueRequest};

use crate::access::Access;

/// The service.
pub struct CatalogueService {
    /// Who may ask.
    pub access: Access,
    /// What is told.
    pub catalogue: Arc<crate::catalogue::Catalogue>,
}

#[tonic::async_trait]
impl Catalogue for CatalogueService {
    async fn get(&self, request: Request<GetCatalogueRequest>) -> Result<Response<CatalogueReply>, Status> {
        self.access.require_operator(&request)?;
        Ok(Response::new(self.catalogue.to_proto()))
    }
}
