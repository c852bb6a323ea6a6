//! A page of records, as it is asked for.

use wuji_proto::v1::{ListReply, ListRequest, RecordState};

use super::read::{Filter, PAGE_MAX};
use super::{LedgerError, Ledgers};

/// Records on a page that does not say how many it wants.
const PAGE_DEFAULT: usize = 100;

/// How many records a page may have.
pub fn page_size(asked: u32) -> usize {
    match usize::try_from(asked).unwrap_or(PAGE_MAX) {
        0 => PAGE_DEFAULT,
        count => count.min(PAGE_MAX),
    }
}

impl Ledgers {
    /// A page of the unit's own records, with all their values. Blocks.
    pub fn list(&self, request: &ListRequest) -> Result<ListReply, LedgerError> {
        if self.catalogue.ledger(&request.ledger).is_none() {
            return Err(LedgerError::unknown_ledger(&request.ledger, &self.catalogue));
        }
        let voided = match request.state() {
            RecordState::Unspecified => None,
            RecordState::Live => Some(false),
            RecordState::Voided => Some(true),
        };
        let filter = Filter { from: request.from, to: request.to, voided };
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(LedgerError::PageToken)?),
        };
        let (records, more) = self.page(&request.ledger, &filter, after, page_size(request.page_size))?;
        let next_page_token = match records.last() {
            Some(last) if more => last.id.clone(),
            _ => String::new(),
        };
        Ok(ListReply { records, next_page_token })
    }
}
