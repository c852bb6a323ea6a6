//! A clerk of a workroom whose node may be killed at any instant: submits, amends, voids and imports,
//! each until it is acknowledged, and keeps a list of what was.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;
use wuji::sample::random::Random;
use wuji_proto::v1;
use wuji_proto::v1::import_verdict::Outcome;
use wuji_tests::client::Client;
use wuji_tests::records::{self, Entry, integer};
use wuji_tests::recount;

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(4);
/// Rows of an imported file; the last two are twins.
const FILE_ROWS: usize = 5;
/// The most that a screening may find.
const FOUND_MAX: u64 = 10_000;

/// A record as it was last acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub ledger: &'static str,
    pub revision: u32,
    pub live: bool,
    /// Of a case its amount, of a screening what it found.
    pub figure: i64,
}

/// Records by id.
pub type List = BTreeMap<String, Record>;

/// A clerk.
pub struct Clerk<'f> {
    client: &'f Client,
    random: Random,
    written: usize,
    list: List,
    /// Cases that can still be amended or voided.
    cases: Vec<Entry>,
    /// The file that was imported last.
    file: Vec<Vec<String>>,
}

impl<'f> Clerk<'f> {
    pub fn new(client: &'f Client, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { client, random, written: 0, list: List::new(), cases: Vec::new(), file: Vec::new() }
    }

    /// Works until told to stop.
    pub async fn work(&mut self, stop: &Cell<bool>) -> Result<()> {
        while !stop.get() {
            self.written += 1;
            match self.random.below(10) {
                0..=4 => self.submit().await?,
                5..=6 => self.amend().await?,
                7 => self.void().await?,
                8 => self.import_anew().await?,
                _ => self.import_again().await?,
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// What was acknowledged, ever.
    pub fn list(&self) -> &List {
        &self.list
    }

    async fn submit(&mut self) -> Result<()> {
        let case = records::case(self.written, &self.day());
        let receipt = self.client.submit_until_acknowledged(&case).await?;
        if self.random.below(4) == 0 {
            // As after an answer that was lost.
            let again = self.client.submit_until_acknowledged(&case).await?;
            ensure!(again.repeated && again.sequence == receipt.sequence, "{again:?} repeats {receipt:?}");
        }
        self.acknowledged(&case, &receipt, true);
        self.cases.push(case);
        Ok(())
    }

    async fn amend(&mut self) -> Result<()> {
        let Some(at) = self.pick() else { return Ok(()) };
        let amount = i64::try_from(self.random.below(1_000_000))?;
        let case = self.cases.swap_remove(at).with("amount", integer(amount));
        let base = self.revision(&case)?;
        let receipt =
            self.client.until_acknowledged("amending", async || self.client.try_amend(&case, base).await).await?;
        self.acknowledged(&case, &receipt, true);
        self.cases.push(case);
        Ok(())
    }

    async fn void(&mut self) -> Result<()> {
        let Some(at) = self.pick() else { return Ok(()) };
        let case = self.cases.swap_remove(at);
        let (id, base) = (case.id.to_string(), self.revision(&case)?);
        let void = async || self.client.try_void(case.ledger, &id, base).await;
        let receipt = self.client.until_acknowledged("voiding", void).await?;
        self.acknowledged(&case, &receipt, false);
        Ok(())
    }

    async fn import_anew(&mut self) -> Result<()> {
        let day = self.day();
        let row = |found: u64| vec![day.clone(), found.to_string(), "绿".to_owned()];
        let mut file: Vec<_> = (0..FILE_ROWS - 1).map(|_| row(self.random.below(FOUND_MAX))).collect();
        file.extend(file.last().cloned());
        self.file = file;
        self.import().await
    }

    /// A file that is there already imports to nothing new.
    async fn import_again(&mut self) -> Result<()> {
        let before = self.list.len();
        self.import().await?;
        ensure!(self.list.len() == before || self.file.is_empty(), "a file was imported again: {:?}", self.file);
        Ok(())
    }

    async fn import(&mut self) -> Result<()> {
        if self.file.is_empty() {
            return Ok(());
        }
        let import = async || self.client.try_import("screening", &["on", "found", "risk"], &self.file).await;
        let verdicts = self.client.until_acknowledged("importing", import).await?;
        ensure!(verdicts.len() == self.file.len(), "{} rows became {verdicts:?}", self.file.len());
        for (verdict, cells) in verdicts.into_iter().zip(&self.file) {
            if !matches!(verdict.outcome(), Outcome::Accepted | Outcome::AlreadyPresent) {
                bail!("a row became {verdict:?}");
            }
            let figure = cells.get(1).context("a row has three cells")?.parse()?;
            self.list.insert(verdict.id, Record { ledger: "screening", revision: 1, live: true, figure });
        }
        Ok(())
    }

    fn acknowledged(&mut self, case: &Entry, receipt: &v1::Receipt, live: bool) {
        let figure = recount::number(&v1::Record { values: case.values.clone(), ..v1::Record::default() }, "amount");
        let record = Record { ledger: case.ledger, revision: receipt.revision, live, figure };
        self.list.insert(case.id.to_string(), record);
    }

    fn revision(&self, case: &Entry) -> Result<u32> {
        let known = self.list.get(&case.id.to_string()).context("a case without an acknowledgement")?;
        Ok(known.revision)
    }

    fn pick(&mut self) -> Option<usize> {
        usize::try_from(self.random.below(self.cases.len() as u64)).ok().filter(|_| !self.cases.is_empty())
    }

    fn day(&mut self) -> String {
        format!("2025-{:02}-{:02}", self.random.between(1, 12), self.random.between(1, 28))
    }
}

/// A record as a node lists it, in the form of the list.
pub fn listed(record: &v1::Record) -> Result<(String, Record)> {
    let (ledger, field) = match record.ledger.as_str() {
        "mediation" => ("mediation", "amount"),
        "screening" => ("screening", "found"),
        other => bail!("nobody wrote into {other}"),
    };
    let live = record.state() == v1::RecordState::Live;
    let figure = recount::number(record, field);
    Ok((record.id.clone(), Record { ledger, revision: record.revision, live, figure }))
}
