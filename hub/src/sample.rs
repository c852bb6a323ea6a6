//! Sample data: federations of real units with entries that are made up, in published
//! proportions. The same sample and months always give the same entries under the same ids,
//! so loading one twice adds nothing.
//!
//! * [`settings`]: which units and how many entries (`config/samples/*.toml`).
//! * [`published`]: the published report whose figures and proportions are used.
//! * [`mix`]: how many cases of each kind; [`mediation`]: cases as entries.
//! * [`duties`]: the other ledgers.
//! * [`random`]: random numbers that never change.

pub mod duties;
pub mod mediation;
pub mod mix;
pub mod published;
pub mod random;
pub mod settings;

use std::collections::BTreeMap;

use thiserror::Error;
use wuji_proto::{DivisionCode, Period, RecordId, v1};

use mix::Mix;
use published::Published;
use random::Random;
use settings::Settings;

/// Which sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleName {
    /// 莒县 in 日照市: six communities of three townships, a generated year.
    Ju,
    /// 黄石市: the 869 cases of the published report of August 2016.
    Huangshi,
}

impl SampleName {
    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ju => "ju",
            Self::Huangshi => "huangshi",
        }
    }
}

/// Why a sample cannot be made: its files, which are compiled in, are wrong.
#[derive(Debug, Error)]
pub enum SampleError {
    /// The TOML file.
    #[error("reading config/samples/{file}: {source}")]
    Settings {
        /// Which.
        file: &'static str,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// The published report.
    #[error("reading config/samples/huangshi-2016-08.csv: {problem}")]
    Published {
        /// What is wrong, with the line or the figure.
        problem: String,
    },
}

/// An entry to be submitted at a workroom.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The workroom.
    pub unit: DivisionCode,
    /// The ledger's id.
    pub ledger: &'static str,
    /// Derived from the sample's seed and the entry's place in it.
    pub id: RecordId,
    /// The fields.
    pub values: BTreeMap<String, v1::Value>,
}

/// A sample over its months.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Which.
    pub name: SampleName,
    /// Units and amounts.
    pub settings: Settings,
    /// The published report.
    pub published: Published,
    /// The first month.
    pub first: Period,
    /// The last month, included.
    pub last: Period,
}

impl Sample {
    /// The sample beginning with the month `first`, which a sample of a published month has
    /// already chosen.
    pub fn new(name: SampleName, first: Period) -> Result<Self, SampleError> {
        let settings = Settings::of(name)?;
        let months = if settings.month.is_some() { 1 } else { settings::YEAR_MONTHS };
        let first = settings.month.unwrap_or(first);
        let last = (1..months).fold(first, |month, _| month.next());
        Ok(Self { name, settings, published: Published::huangshi()?, first, last })
    }

    /// The twelve whole months before `today`, as the first of them.
    pub fn year_before(today: jiff::civil::Date) -> Period {
        let this = Period::of(today, wuji_proto::Grain::Month);
        (0..settings::YEAR_MONTHS).fold(this, |month, _| month.previous())
    }

    /// All entries, workroom by workroom.
    pub fn entries(&self) -> Vec<Entry> {
        let mut random = Random::new(self.settings.seed);
        let workrooms = &self.settings.workrooms;
        let (mix, span) = (self.mix(), mediation::Span::of(self.first, self.last));
        let mut entries = mediation::entries(&mix, workrooms, span, &mut random);
        if let Some(yearly) = &self.settings.yearly {
            for unit in workrooms {
                entries.extend(duties::entries(*unit, yearly, span, &mut random));
            }
        }
        entries.sort_by_key(|entry| entry.unit);
        entries
    }

    /// The published mix, brought to this sample's number of cases.
    fn mix(&self) -> Mix {
        let published = Mix::of(&self.published);
        match &self.settings.yearly {
            None => published,
            Some(yearly) => published.scaled(yearly.mediation * self.settings.workrooms.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests;
