//! How a measure or indicator is defined.

use anyhow::Context;
use serde_json::{Value, json};
use wuji_proto::v1::{CatalogueReply, IndicatorDefinition, LedgerDefinition, MeasureDefinition, Title};

use crate::names;
use crate::output::json::text;

/// A measure, or an indicator with the measures of its terms.
pub struct Definition<'a> {
    /// The id, with the revision that was asked for.
    pub id: String,
    /// The titles.
    pub title: Option<&'a Title>,
    /// The indicator, unless it is a measure.
    pub indicator: Option<&'a IndicatorDefinition>,
    /// The measure, or those of the indicator's terms, each once.
    pub measures: Vec<Measure<'a>>,
    catalogue: &'a CatalogueReply,
}

/// A measure with its ledger.
pub struct Measure<'a> {
    /// Its definition.
    pub definition: &'a MeasureDefinition,
    /// The ledger whose records it counts; none of what is counted of the units themselves.
    pub ledger: Option<&'a LedgerDefinition>,
}

impl<'a> Definition<'a> {
    /// Finds the definition of an id that the catalogue has.
    pub fn find(catalogue: &'a CatalogueReply, id: &str) -> anyhow::Result<Self> {
        let own = |title, indicator, measures| Self { id: id.to_owned(), title, indicator, measures, catalogue };
        if let Some(indicator) = catalogue.indicators.iter().find(|indicator| indicator.id == id) {
            let mut measures: Vec<Measure<'a>> = Vec::new();
            for (name, _) in names::terms(&indicator.numerator).chain(names::terms(&indicator.denominator)) {
                if !measures.iter().any(|measure| measure.definition.id == name) {
                    measures.push(Measure::find(catalogue, name)?);
                }
            }
            return Ok(own(indicator.title.as_ref(), Some(indicator), measures));
        }
        let measure = Measure::find(catalogue, id)?;
        Ok(own(measure.definition.title.as_ref(), None, vec![measure]))
    }

    /// A sum of terms with titles, `调解成功[履行情况=履行]`; in brackets if there are several.
    pub fn formula(&self, formula: &str) -> String {
        let term = |(name, parts): (&str, Option<&str>)| {
            let found = self.measures.iter().find(|measure| measure.definition.id == name);
            let title = found.map_or(name, |it| names::title(it.definition.title.as_ref(), name));
            let parts = parts.map(|parts| found.map_or_else(|| parts.to_owned(), |measure| measure.parts(parts)));
            parts.map_or_else(|| title.to_owned(), |parts| format!("{title}[{parts}]"))
        };
        let terms: Vec<String> = names::terms(formula).map(term).collect();
        if terms.len() > 1 { format!("({})", terms.join(" + ")) } else { terms.concat() }
    }

    /// As JSON (docs/cli-json.md).
    pub fn json(&self) -> Value {
        let title = |it: fn(&Title) -> &String| self.title.map_or(Value::Null, |title| text(it(title)));
        let kind = match (self.indicator, self.measures.first()) {
            (None, Some(measure)) => measure.definition.kind.as_str(),
            _ => "indicator",
        };
        json!({
            "id": self.id,
            "title_zh": title(|title| &title.zh),
            "title_en": title(|title| &title.en),
            "kind": kind,
            "numerator": self.indicator.map(|it| &it.numerator),
            "denominator": self.indicator.map(|it| &it.denominator),
            "show": self.indicator.map(|it| &it.show),
            "measures": self.measures.iter().map(Measure::json).collect::<Vec<_>>(),
            "catalogue_version": self.catalogue.version,
        })
    }
}

impl<'a> Measure<'a> {
    /// The newest revision unless the id names one.
    fn find(catalogue: &'a CatalogueReply, id: &str) -> anyhow::Result<Self> {
        let (name, revision) = match id.split_once('@') {
            Some((name, revision)) => (name, revision.parse::<u32>().ok()),
            None => (id, None),
        };
        let named = catalogue.measures.iter().filter(|measure| measure.id == name);
        let definition = named.filter(|it| revision.is_none_or(|wanted| it.revision == wanted));
        let definition = definition.max_by_key(|measure| measure.revision);
        let definition =
            definition.with_context(|| format!("the node's catalogue {} has no measure {id}", catalogue.version))?;
        let ledger = catalogue.ledgers.iter().find(|ledger| ledger.id == definition.ledger);
        Ok(Self { definition, ledger })
    }

    /// The date that it goes by: a flow names it in its definition, otherwise it is the ledger's.
    pub fn event_date(&self) -> Option<&str> {
        let named = self.definition.definition.split("; ").find_map(|part| part.strip_prefix("on "));
        named.or_else(|| self.ledger.map(|ledger| ledger.event_date.as_str())).filter(|name| !name.is_empty())
    }

    /// A field with its title: `受理日期 (accepted_on)`.
    pub fn field(&self, name: &str) -> String {
        match self.field_title(name) {
            title if title == name => name.to_owned(),
            title => format!("{title} ({name})"),
        }
    }

    fn field_title<'b>(&'b self, name: &'b str) -> &'b str {
        let field = self.ledger.and_then(|ledger| ledger.fields.iter().find(|field| field.name == name));
        field.map_or(name, |field| names::title(field.title.as_ref(), name))
    }

    /// `performance=履行` with the field's title.
    fn parts(&self, parts: &str) -> String {
        let part = |part: &str| match part.split_once('=') {
            Some((field, words)) => format!("{}={words}", self.field_title(field)),
            None => part.to_owned(),
        };
        parts.split(", ").map(part).collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> Value {
        let it = self.definition;
        json!({
            "id": it.id,
            "title_zh": it.title.as_ref().map(|title| &title.zh),
            "title_en": it.title.as_ref().map(|title| &title.en),
            "kind": it.kind,
            "unit": it.unit,
            "revision": it.revision,
            "ledger": text(&it.ledger),
            "event_date": self.event_date(),
            "splits": it.splits.iter().map(|split| &split.fields).collect::<Vec<_>>(),
            "definition": it.definition,
            "hash": it.hash,
        })
    }
}
