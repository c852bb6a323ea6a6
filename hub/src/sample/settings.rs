//! `config/samples/*.toml`: which units, how many entries.

use serde::Deserialize;
use wuji_proto::{DivisionCode, Period};

use super::{SampleError, SampleName};

/// Months of a generated sample.
pub const YEAR_MONTHS: u32 = 12;

/// What a sample consists of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// For the screen, in Chinese.
    pub title: String,
    /// The workrooms; their ancestors follow from the directory.
    pub workrooms: Vec<DivisionCode>,
    /// Of the random numbers.
    pub seed: u64,
    /// The month of a published report.
    #[serde(default, deserialize_with = "month")]
    pub month: Option<Period>,
    /// Entries a workroom and year, if the sample is generated.
    pub yearly: Option<Yearly>,
}

/// Entries a workroom and year, by ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yearly {
    /// 人民调解.
    pub mediation: u64,
    /// 矛盾纠纷排查.
    pub screening: u64,
    /// 法治宣传.
    pub publicity: u64,
    /// 法律服务.
    pub service: u64,
    /// 法律援助.
    pub legal_aid: u64,
    /// 特殊人群.
    pub special: u64,
    /// 人员.
    pub staff: u64,
}

impl Settings {
    /// The settings that ship with the program.
    pub fn of(name: SampleName) -> Result<Self, SampleError> {
        let (file, text) = match name {
            SampleName::Ju => ("ju.toml", include_str!("../../../config/samples/ju.toml")),
            SampleName::Huangshi => ("huangshi.toml", include_str!("../../../config/samples/huangshi.toml")),
        };
        toml::from_str(text).map_err(|source| SampleError::Settings { file, source: Box::new(source) })
    }
}

fn month<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Period>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
