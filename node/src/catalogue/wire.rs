//! The catalogue as a reply.

use wuji_proto::v1;

use super::Catalogue;
use super::indicator::Indicator;
use super::ledger::{Field, Ledger, Title};
use super::measure::{Measure, Split};

impl Catalogue {
    /// The catalogue as clients see it.
    pub fn to_proto(&self) -> v1::CatalogueReply {
        v1::CatalogueReply {
            version: self.version.clone(),
            hash: blake3::Hash::from_bytes(self.hash).to_hex().to_string(),
            ledgers: self.ledgers.iter().map(ledger).collect(),
            measures: self.measures.iter().map(measure).collect(),
            indicators: self.indicators.iter().map(indicator).collect(),
        }
    }
}

fn title(title: &Title) -> v1::Title {
    v1::Title { zh: title.zh.clone(), en: title.en.clone() }
}

fn ledger(ledger: &Ledger) -> v1::LedgerDefinition {
    v1::LedgerDefinition {
        id: ledger.id.clone(),
        title: Some(title(&ledger.title)),
        event_date: ledger.event_date.clone(),
        fields: ledger.fields.iter().map(field).collect(),
    }
}

fn field(definition: &Field) -> v1::FieldDefinition {
    v1::FieldDefinition {
        name: definition.name.clone(),
        title: Some(title(&definition.title)),
        r#type: definition.kind.name().to_owned(),
        required: definition.required,
        class: u32::from(definition.class),
        ceiling: definition.ceiling.name().to_owned(),
        codes: definition.kind.words().to_vec(),
        columns: definition.kind.columns().iter().map(field).collect(),
    }
}

fn measure(measure: &Measure) -> v1::MeasureDefinition {
    v1::MeasureDefinition {
        id: measure.id.clone(),
        title: Some(title(&measure.title)),
        number: u32::from(measure.key.number),
        revision: u32::from(measure.key.revision),
        kind: measure.kind.name().to_owned(),
        unit: measure.unit.clone(),
        ledger: measure.ledger.clone(),
        splits: measure.splits.iter().map(split).collect(),
        definition: measure.definition.clone(),
        hash: blake3::Hash::from_bytes(measure.hash).to_hex().to_string(),
    }
}

fn split(split: &Split) -> v1::Split {
    v1::Split { fields: split.fields.clone() }
}

fn indicator(indicator: &Indicator) -> v1::IndicatorDefinition {
    v1::IndicatorDefinition {
        id: indicator.id.clone(),
        title: Some(title(&indicator.title)),
        numerator: Indicator::formula(&indicator.numerator),
        denominator: Indicator::formula(&indicator.denominator),
        show: indicator.show.name().to_owned(),
    }
}
