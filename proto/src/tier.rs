use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// One of the five levels of government, ordered from the top: `Province < Workroom`.
///
/// A parent's tier is higher than its child's, not always by one: a county can be
/// administered directly by its province (省直管县).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 省
    Province,
    /// 市
    City,
    /// 县
    County,
    /// 乡镇: its judicial office 司法所
    Township,
    /// 工作室, one per rural community
    Workroom,
}

impl Tier {
    /// All tiers, from the top.
    pub const ALL: [Self; 5] = [Self::Province, Self::City, Self::County, Self::Township, Self::Workroom];

    /// How many digits the short form of a code of this tier has.
    pub const fn digits(self) -> usize {
        match self {
            Self::Province => 2,
            Self::City => 4,
            Self::County => 6,
            Self::Township => 9,
            Self::Workroom => 12,
        }
    }

    /// The tier whose short codes have `digits` digits.
    pub const fn of_digits(digits: usize) -> Option<Self> {
        match digits {
            2 => Some(Self::Province),
            4 => Some(Self::City),
            6 => Some(Self::County),
            9 => Some(Self::Township),
            12 => Some(Self::Workroom),
            _ => None,
        }
    }

    /// The English word, as in configuration and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::City => "city",
            Self::County => "county",
            Self::Township => "township",
            Self::Workroom => "workroom",
        }
    }

    /// The Chinese title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Province => "省",
            Self::City => "市",
            Self::County => "县",
            Self::Township => "乡镇",
            Self::Workroom => "工作室",
        }
    }

    /// Whether units of this tier can have children.
    pub const fn has_children(self) -> bool {
        !matches!(self, Self::Workroom)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tier {
    type Err = ParseError;

    /// Accepts the English word or the Chinese title.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|tier| tier.name() == text || tier.title() == text).ok_or_else(|| {
            ParseError::new("tier", text, "use province, city, county, township or workroom (省 市 县 乡镇 工作室)")
        })
    }
}
