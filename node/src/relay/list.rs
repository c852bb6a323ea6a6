//! Records of another unit: passed down the path, listed by the unit that wrote them, and cut
//! down to the asker's tier by it and by every hop.

use std::time::Duration;

use tokio::time::Instant;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::{DivisionCode, RecordId, Tier, v1};

use super::pass::named;
use super::{Asked, Relay, RelayError, asker};
use crate::catalogue::Ledger;
use crate::ledger::LedgerError;
use crate::ledger::list::page_size;
use crate::pull::{Ask, Parts};
use crate::statistics::plan::PlanError;

/// Bytes of records in one part of a list, unless one record alone has more.
const PART_BYTES: usize = 128 << 10;

/// Bytes of one page that are taken from a child at most.
pub const PAGE_BYTES_MAX: usize = 32 << 20;

impl Relay {
    /// A page of the records of this node or of a unit below it, for the node or parent of the
    /// tier `asking`.
    pub async fn records(
        &self,
        request: v1::ListRequest,
        asking: Tier,
        within: Duration,
    ) -> Result<v1::ListReply, RelayError> {
        let until = Instant::now() + within;
        let own = self.here.own();
        let tier = asker(&request.asker, asking)?;
        let unit = match request.unit.as_str() {
            "" => own,
            text => text.parse().map_err(|error: wuji_proto::ParseError| LedgerError::Unit(error))?,
        };
        self.may_list(&request, tier)?;
        let ledger = request.ledger.clone();
        let mut page = if unit == own {
            self.here.settled().await;
            self.blocking(move |here| here.list(&request)).await??
        } else {
            self.list_below(request, unit, tier, until).await?
        };
        if let Some(ledger) = self.here.catalogue().ledger(&ledger) {
            for record in &mut page.records {
                project(ledger, record, tier);
            }
        }
        Ok(page)
    }

    /// Whether records of the ledger may be picked as the request wants.
    fn may_list(&self, request: &v1::ListRequest, asker: Tier) -> Result<(), RelayError> {
        let catalogue = self.here.catalogue();
        let ledger = catalogue.ledger(&request.ledger);
        let ledger = ledger.ok_or_else(|| LedgerError::unknown_ledger(&request.ledger, catalogue))?;
        let by_date = request.from.is_some() || request.to.is_some();
        if !by_date || ledger.shows_event_date_to(asker) {
            return Ok(());
        }
        let field = ledger.event_date();
        let ceiling = ledger.field(field).map_or(Tier::Workroom, crate::catalogue::Field::ceiling);
        Err(RelayError::Ceiling { ledger: ledger.id().to_owned(), field: field.to_owned(), ceiling })
    }

    async fn list_below(
        &self,
        request: v1::ListRequest,
        unit: DivisionCode,
        tier: Tier,
        until: Instant,
    ) -> Result<v1::ListReply, RelayError> {
        let own = self.here.own();
        let directory = self.units_below().await?;
        let hop = directory.branch(own, unit).ok_or(PlanError::NoUnit { own, scope: unit })?;
        let question = v1::QueryRequest::default();
        let asked = Asked { question: &question, asker: tier, until, directory };
        let time = asked.time_below();
        let wanted = v1::ListRequest {
            asker: tier.name().to_owned(),
            within_ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX),
            ..request
        };
        let parts = self.below.ask(hop, Ask::Records(wanted.clone()), time);
        page(parts, &wanted, unit).await.map_err(|error| named(error, &asked, hop))
    }
}

/// Leaves of a record what a tier may see. Beside values only what the node itself made of
/// them goes: who wrote it and why it was voided are people's words that no ceiling lets go up.
fn project(ledger: &Ledger, record: &mut v1::Record, asker: Tier) {
    ledger.project(&mut record.values, asker);
    if !ledger.shows_event_date_to(asker) {
        record.event_date = 0;
    }
    record.author.clear();
    record.void_reason.clear();
}

/// A page as a child sends it, checked against the request.
async fn page(mut parts: Parts, request: &v1::ListRequest, unit: DivisionCode) -> Result<v1::ListReply, RelayError> {
    let odd = |what: &str| RelayError::Malformed(what.to_owned());
    let (mut page, mut bytes, mut ended) = (v1::ListReply::default(), 0_usize, false);
    while let Some(part) = parts.next().await {
        let Part::Records(v1::RecordsReply { page: Some(more) }) = part.map_err(RelayError::Child)? else {
            return Err(odd("it has a part of another kind"));
        };
        if ended {
            return Err(odd("it goes on after its last part"));
        }
        bytes = bytes.saturating_add(prost::Message::encoded_len(&more));
        if page.records.len() + more.records.len() > page_size(request.page_size) || bytes > PAGE_BYTES_MAX {
            return Err(odd("it has more records than were asked for"));
        }
        let fits = |record: &v1::Record| {
            record.unit == unit.as_str() && record.ledger == request.ledger && record.id.parse::<RecordId>().is_ok()
        };
        if !more.records.iter().all(fits) {
            return Err(odd("it has a record of another unit or ledger"));
        }
        page.records.extend(more.records);
        ended = !more.next_page_token.is_empty();
        page.next_page_token = more.next_page_token;
    }
    if ended && page.next_page_token.parse::<RecordId>().is_err() {
        return Err(odd("its page token is none"));
    }
    Ok(page)
}

/// Cuts a page into parts of a moderate size; only the last has the token.
pub(super) fn in_parts(page: v1::ListReply) -> Vec<v1::ListReply> {
    let mut parts = vec![v1::ListReply::default()];
    let mut bytes = 0;
    for record in page.records {
        let size = prost::Message::encoded_len(&record);
        if bytes > 0 && bytes + size > PART_BYTES {
            parts.push(v1::ListReply::default());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.records.push(record);
        }
    }
    if let Some(last) = parts.last_mut() {
        last.next_page_token = page.next_page_token;
    }
    parts
}
