//! What a ledger 台账 is: its fields, their types and limits, its rules.

use std::collections::BTreeMap;

use wuji_proto::{Tier, v1};

use super::term::Term;

/// The values of a record, by field name. An absent field is empty.
pub type Values = BTreeMap<String, v1::Value>;

/// The longest text that a field may allow, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 4_000;
/// The longest text of a field that says nothing else, in characters.
pub const TEXT_CHARACTERS_DEFAULT: usize = 100;
/// The most rows that a list field may allow.
pub const LIST_ROWS_MAX: usize = 200;
/// The most rows of a list field that says nothing else.
pub const LIST_ROWS_DEFAULT: usize = 50;
/// The most fields of a ledger, and columns of a list.
pub const FIELDS_MAX: usize = 64;
/// The most words of a code set.
pub const CODE_WORDS_MAX: usize = 128;
/// The longest word of a code set, in bytes: two of them fit into a feed item's key.
pub const CODE_WORD_BYTES_MAX: usize = 60;
/// The largest integer of a field that says nothing else.
pub const INTEGER_DEFAULT_MAX: i64 = 1_000_000_000;
/// The largest amount of a money field that says nothing else: 10,000,000,000 元, in 分.
pub const MONEY_DEFAULT_MAX_FEN: i64 = 1_000_000_000_000;

/// The class of values that are no personal information; only these may be measured.
pub const CLASS_NONE: u8 = 0;
/// From this class on (2 personal, 3 sensitive), values live in the sealed part of a record only.
pub const CLASS_SEALED_MIN: u8 = 2;
/// The highest class.
pub const CLASS_MAX: u8 = 3;

/// A name in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A register 台账 and what one entry of it says.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) id: String,
    pub(super) title: Title,
    pub(super) event_date: String,
    pub(super) fields: Vec<Field>,
    pub(super) unique: Vec<UniqueRule>,
    /// Names of the fields that measures may read, in order.
    pub(super) facts: Vec<String>,
    /// Dated deadlines by the word of a code field.
    pub(super) deadlines: Vec<Deadline>,
}

/// A field of a ledger, or a column of a list field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub(super) name: String,
    pub(super) title: Title,
    pub(super) kind: FieldKind,
    pub(super) required: bool,
    pub(super) class: u8,
    pub(super) ceiling: Tier,
    pub(super) rules: FieldRules,
}

/// What a field asks of the other fields of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldRules {
    /// Required when all of these hold.
    pub(super) required_when: Vec<Term>,
    /// A date field that this one must not lie before.
    pub(super) not_before: Option<String>,
    /// Must not lie after the day of entry.
    pub(super) past_only: bool,
    /// A date field whose year this integer must be.
    pub(super) same_year_as: Option<String>,
}

/// The type of a field with its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Free text.
    Text {
        /// The longest text, in characters.
        max_characters: usize,
        /// The form that it must have.
        form: TextForm,
    },
    /// One word of a code set.
    Code {
        /// The set, in the order to show.
        words: Vec<String>,
    },
    /// A whole number.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// An amount of money, in 分.
    Money {
        /// The smallest, in 分.
        min: i64,
        /// The largest, in 分.
        max: i64,
    },
    /// A civil date (UTC+8).
    Date,
    /// Yes or no.
    Flag,
    /// Rows.
    List {
        /// The columns of a row.
        columns: Vec<Field>,
        /// The most rows.
        max_rows: usize,
    },
}

/// The form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// Any text.
    Free,
    /// A resident identity number of 18 characters (GB 11643) or, of the former kind, 15.
    IdentityNumber,
    /// A division code of 12 digits.
    VillageCode,
}

/// Among live records of the unit, no two may have the same values of these fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueRule {
    /// The fields; none: there may be one live record.
    pub fields: Vec<String>,
    /// Only records of the same year, by event date, are compared.
    pub within_year: bool,
}

/// Dates by the word of a code field, for stocks that begin at a deadline.
#[derive(Clone, Debug)]
pub(super) struct Deadline {
    pub(super) id: String,
    pub(super) field: String,
    /// Days since 1900-01-01 by word.
    pub(super) dates: Vec<(String, i32)>,
}

impl Ledger {
    /// The name in requests, such as `mediation`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name on screen.
    pub const fn title(&self) -> &Title {
        &self.title
    }

    /// The date field that a record is counted under.
    pub fn event_date(&self) -> &str {
        &self.event_date
    }

    /// The fields, in the order of the form.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What must be unique among the unit's live records.
    pub fn unique_rules(&self) -> &[UniqueRule] {
        &self.unique
    }

    /// The values that measures may read: codes, numbers, dates and flags of class 0.
    pub fn facts(&self, public: &Values) -> Values {
        let wanted = |name: &str| self.facts.binary_search_by(|fact| fact.as_str().cmp(name)).is_ok();
        public.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(super) fn field_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.fields.iter().map(|field| field.name.as_str())
    }
}

impl Field {
    /// The name in requests, such as `accepted_on`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name on screen.
    pub const fn title(&self) -> &Title {
        &self.title
    }

    /// The type and its limits.
    pub const fn kind(&self) -> &FieldKind {
        &self.kind
    }

    /// Whether every record must have a value.
    pub const fn required(&self) -> bool {
        self.required
    }

    /// Personal information: 0 none, 1 staff, 2 personal, 3 sensitive. Of a list, the highest of its columns.
    pub const fn class(&self) -> u8 {
        self.class
    }

    /// The highest tier that may see the value.
    pub const fn ceiling(&self) -> Tier {
        self.ceiling
    }

    /// Whether the value lives in the sealed part of a record, and must never be repeated in a message.
    pub const fn sealed(&self) -> bool {
        self.class >= CLASS_SEALED_MIN
    }

    /// Whether measures may read it: class 0, and of a type that says something in a number or a word.
    pub(super) const fn is_fact(&self) -> bool {
        self.class == CLASS_NONE && !matches!(self.kind, FieldKind::Text { .. } | FieldKind::List { .. })
    }
}

impl FieldKind {
    /// The word for the type, as in catalogue files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Code { .. } => "code",
            Self::Integer { .. } => "integer",
            Self::Money { .. } => "money",
            Self::Date => "date",
            Self::Flag => "flag",
            Self::List { .. } => "list",
        }
    }

    /// The words of a code field; none for other types.
    pub fn words(&self) -> &[String] {
        if let Self::Code { words } = self { words } else { &[] }
    }

    /// The columns of a list field; none for other types.
    pub fn columns(&self) -> &[Field] {
        if let Self::List { columns, .. } = self { columns } else { &[] }
    }
}
