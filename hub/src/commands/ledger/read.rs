//! `wuji ledger show` and `wuji ledger list`, and reading page by page.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Map, json};
use wuji_proto::v1::{CatalogueReply, FieldDefinition, GetRequest, LedgerDefinition, ListRequest, Record, RecordState};
use wuji_proto::{DivisionCode, Period, RecordId, period};

use super::record;
use crate::args::Global;
use crate::client::{Client, ClientError, request, request_within};
use crate::exit::{Exit, UsageError};
use crate::names;
use crate::output::{Format, Sheet, csv, json as json_output, table};
use crate::values;
use crate::within;

/// Records in a page.
const PAGE_RECORDS: u32 = 500;

/// How many fields a table shows where none were asked for.
const FIELDS_SHOWN_MAX: usize = 6;

/// A table of more records is printed in blocks of so many.
const TABLE_BLOCK_ROWS: usize = 5_000;

/// What `wuji ledger show` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji ledger show 0192f3aa-7c1e-7d0a-9c55-3f1f5c0a8d11
  wuji ledger show 0192f3aa-7c1e-7d0a-9c55-3f1f5c0a8d11 --output json")]
pub struct ShowArgs {
    /// The entry's id
    pub id: RecordId,
    /// The ledger, by id or title [default: looked for in every ledger]
    #[arg(long)]
    pub ledger: Option<String>,
}

/// Reads a record.
pub async fn get(client: &Client, ledger: &str, id: RecordId) -> Result<Record, ClientError> {
    let message = GetRequest { ledger: ledger.to_owned(), id: id.to_string() };
    let reply = client.ledger().get(request(message)).await;
    Ok(reply.map_err(|status| client.error(format!("read the entry {id}"), status))?.into_inner())
}

/// Shows a record.
pub async fn show(args: ShowArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let ledger = args.ledger.map(|wanted| names::ledger(&catalogue, &wanted).map(|ledger| ledger.id.clone()));
    let record = get(&client, &ledger.transpose()?.unwrap_or_default(), args.id).await?;
    let definition = definition(&catalogue, &record.ledger)?;
    let mut document = record::json(&record);
    if let Some(members) = document.as_object_mut() {
        members.insert("units".to_owned(), json!(values::units(definition)));
    }
    global.output().document(
        &document,
        |_| record::sheet(definition, &record),
        |_, output| record::screen(definition, &record, output.colour),
    )?;
    Ok(Exit::Done.into())
}

fn definition<'a>(catalogue: &'a CatalogueReply, id: &str) -> anyhow::Result<&'a LedgerDefinition> {
    let found = catalogue.ledgers.iter().find(|ledger| ledger.id == id);
    found.with_context(|| format!("the node's catalogue {} has no ledger {id}", catalogue.version))
}

/// Which records.
#[derive(Debug, Args)]
pub struct Selection {
    /// Event dates from this day, month, … on
    #[arg(long, value_name = "PERIOD")]
    pub from: Option<Period>,
    /// Event dates up to and including this day, month, …
    #[arg(long, value_name = "PERIOD")]
    pub to: Option<Period>,
    /// Only entries in this state
    #[arg(long, value_enum, default_value_t = State::Live)]
    pub state: State,
}

/// A record's state, to choose by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Those that count.
    Live,
    /// Those that were voided.
    Voided,
    /// Both.
    All,
}

impl Selection {
    /// The request for the first page.
    pub fn request(&self, ledger: &str) -> Result<ListRequest, UsageError> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to.last_day() < from.first_day()
        {
            return Err(UsageError(format!("--to {to} ends before --from {from} begins")));
        }
        let state = match self.state {
            State::Live => RecordState::Live,
            State::Voided => RecordState::Voided,
            State::All => RecordState::Unspecified,
        };
        Ok(ListRequest {
            ledger: ledger.to_owned(),
            from: self.from.map(|period| period::days(period.first_day())),
            to: self.to.map(|period| period::days(period.last_day())),
            state: state.into(),
            page_size: PAGE_RECORDS,
            page_token: String::new(),
            ..ListRequest::default()
        })
    }
}

/// Hands records to `take`, page by page; returns whether there were more than `limit`.
pub async fn each(
    client: &Client,
    mut list: ListRequest,
    limit: u64,
    mut take: impl FnMut(&Record) -> std::io::Result<()>,
) -> anyhow::Result<bool> {
    let of = if list.unit.is_empty() { String::new() } else { format!(" at {}", list.unit) };
    let operation = format!("list the entries of {}{of}", list.ledger);
    let service = client.ledger();
    let mut left = limit;
    loop {
        // One more than wanted tells whether there are more.
        list.page_size = u32::try_from(left.saturating_add(1)).unwrap_or(PAGE_RECORDS).min(PAGE_RECORDS);
        let page = client.call(&operation, || {
            let (mut service, list) = (service.clone(), list.clone());
            let within_ms = list.within_ms;
            async move { service.list(request_within(list, within_ms)).await }
        });
        let page = page.await?;
        for record in &page.records {
            if left == 0 {
                return Ok(true);
            }
            take(record)?;
            left -= 1;
        }
        if page.next_page_token.is_empty() {
            return Ok(false);
        }
        list.page_token = page.next_page_token;
    }
}

/// What `wuji ledger list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji ledger list mediation
  wuji ledger list mediation --from 2016-08 --to 2016-08 --all
  wuji ledger list mediation --fields case_no,amount --state voided
  wuji ledger list mediation --unit 371122102205 --within 20s -c 371122")]
pub struct ListArgs {
    /// The ledger, by id or title
    pub ledger: String,
    /// Which entries.
    #[command(flatten)]
    pub selection: Selection,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: u64,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Another unit's entries, asked of it over the open links, with the fields that its ledger shows to this tier
    #[arg(long, value_name = "CODE")]
    pub unit: Option<DivisionCode>,
    /// How long that unit may take to answer: 500ms, 10s, 2m [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = within::parse, requires = "unit")]
    pub within: Option<u32>,
    /// The fields to show, by name or title [default: the first required ones; JSON and CSV: all]
    #[arg(long, value_delimiter = ',', value_name = "FIELD")]
    pub fields: Vec<String>,
}

/// Lists records.
pub async fn list(args: ListArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let ledger = names::ledger(&catalogue, &args.ledger)?;
    let output = global.output();
    let fields = fields(ledger, &args.fields, output.format)?;
    let request = ListRequest {
        unit: args.unit.map(|unit| unit.to_string()).unwrap_or_default(),
        within_ms: args.within.unwrap_or_default(),
        ..args.selection.request(&ledger.id)?
    };
    let limit = if args.all { u64::MAX } else { args.limit };
    let mut shown = 0_u64;
    let more = match output.format {
        Format::Json => write_json(&client, ledger, request, limit, &mut shown).await?,
        Format::Csv => write_csv(&client, &fields, request, limit, &mut shown).await?,
        Format::Table => {
            let mut sheet = Sheet { columns: record::columns(&fields), ..Sheet::default() };
            let print = |sheet: &Sheet| {
                std::io::Write::write_all(&mut std::io::stdout(), table::render(sheet, output.colour).as_bytes())
            };
            let more = each(&client, request, limit, |it| {
                shown += 1;
                if sheet.rows.len() == TABLE_BLOCK_ROWS {
                    print(&sheet)?;
                    sheet.rows.clear();
                }
                sheet.rows.push(record::row(&fields, it));
                Ok(())
            });
            let more = more.await?;
            print(&sheet)?;
            more
        }
    };
    if more {
        eprintln!("the first {shown} are shown: --all for all, --limit N for more, --from and --to for fewer");
    }
    Ok(Exit::Done.into())
}

fn fields<'a>(
    ledger: &'a LedgerDefinition,
    wanted: &[String],
    format: Format,
) -> Result<Vec<&'a FieldDefinition>, names::NameError> {
    if !wanted.is_empty() {
        return wanted.iter().map(|name| names::field(ledger, name)).collect();
    }
    if format != Format::Table {
        return Ok(ledger.fields.iter().collect());
    }
    let short = |field: &&FieldDefinition| field.required && field.r#type != "list" && field.name != ledger.event_date;
    Ok(ledger.fields.iter().filter(short).take(FIELDS_SHOWN_MAX).collect())
}

/// Writes records as a JSON document, as they arrive.
pub async fn write_json(
    client: &Client,
    ledger: &LedgerDefinition,
    request: ListRequest,
    limit: u64,
    written: &mut u64,
) -> anyhow::Result<bool> {
    let head = json_output::members(json!({"ledger": ledger.id, "units": values::units(ledger)}));
    let mut stream = json_output::Stream::new(&head, "records", std::io::BufWriter::new(std::io::stdout()))?;
    let more = each(client, request, limit, |it| {
        *written += 1;
        stream.item(&record::json(it))
    });
    let more = more.await?;
    stream.finish(&Map::new())?;
    Ok(more)
}

/// Writes records as CSV, as they arrive.
pub async fn write_csv(
    client: &Client,
    fields: &[&FieldDefinition],
    request: ListRequest,
    limit: u64,
    written: &mut u64,
) -> anyhow::Result<bool> {
    let mut rows = csv::Rows::new(&record::columns(fields), std::io::BufWriter::new(std::io::stdout()))?;
    let more = each(client, request, limit, |it| {
        *written += 1;
        rows.row(&record::row(fields, it))
    });
    let more = more.await?;
    rows.finish()?;
    Ok(more)
}
