//! Projections 密级上限: what of a record a tier may see. Fields leave a unit through these only.

use wuji_proto::v1::value::Kind;
use wuji_proto::{Tier, v1};

use super::ledger::{Field, FieldKind, Ledger, Values};

impl Field {
    /// Whether somebody of a tier may see the value: the ceiling is the highest tier that may.
    pub fn may_be_seen_by(&self, asker: Tier) -> bool {
        asker >= self.ceiling
    }
}

impl Ledger {
    /// Leaves of a record what somebody of the tier `asker` may see: values of fields whose
    /// ceiling is that high, and in lists only such columns. What the ledger does not know is
    /// left out, since nobody said who may see it.
    pub fn project(&self, values: &mut Values, asker: Tier) {
        values.retain(|name, value| {
            let field = self.field(name).filter(|field| field.may_be_seen_by(asker));
            field.is_some_and(|field| {
                project_rows(field, value, asker);
                true
            })
        });
    }

    /// Whether somebody of a tier may see the date that records are counted under.
    pub fn shows_event_date_to(&self, asker: Tier) -> bool {
        self.field(&self.event_date).is_some_and(|field| field.may_be_seen_by(asker))
    }
}

fn project_rows(field: &Field, value: &mut v1::Value, asker: Tier) {
    let Some(Kind::List(list)) = &mut value.kind else { return };
    let FieldKind::List { columns, .. } = &field.kind else {
        // Written under a catalogue in which the field had rows, of which nothing is known now.
        list.rows.clear();
        return;
    };
    let seen = |name: &String| columns.iter().any(|column| column.name == *name && column.may_be_seen_by(asker));
    for row in &mut list.rows {
        row.values.retain(|name, _| seen(name));
    }
}

#[cfg(test)]
mod tests {
    use wuji_proto::v1::{List, Row, Value};

    use super::*;
    use crate::catalogue::Catalogue;

    fn text(text: &str) -> Value {
        Value { kind: Some(Kind::Text(text.to_owned())) }
    }

    #[test]
    fn a_column_beyond_the_asker_is_left_out_of_a_list_that_is_not() {
        let mut ledger = Catalogue::embedded().unwrap().ledger("mediation").unwrap().clone();
        let parties = ledger.fields.iter_mut().find(|field| field.name == "parties").unwrap();
        parties.ceiling = Tier::County;
        let FieldKind::List { columns, .. } = &mut parties.kind else { panic!("parties are a list") };
        columns.iter_mut().find(|column| column.name == "kind").unwrap().ceiling = Tier::County;
        let columns = ["name", "kind", "unheard_of"].map(|column| (column.to_owned(), text(column)));
        let rows = vec![Row { values: columns.into() }];
        let values = Values::from([("parties".to_owned(), Value { kind: Some(Kind::List(List { rows })) })]);
        for (asker, wanted) in
            [(Tier::City, None), (Tier::County, Some(&["kind"][..])), (Tier::Township, Some(&["kind", "name"]))]
        {
            let mut seen = values.clone();
            ledger.project(&mut seen, asker);
            let columns = seen.get("parties").map(|value| match &value.kind {
                Some(Kind::List(list)) => list.rows[0].values.keys().map(String::as_str).collect::<Vec<_>>(),
                _ => panic!("{value:?}"),
            });
            assert_eq!(columns.as_deref(), wanted, "{asker}");
        }
    }

    #[test]
    fn rows_of_what_is_no_list_any_more_and_unknown_fields_go_nowhere() {
        let ledger = Catalogue::embedded().unwrap().ledger("mediation").unwrap().clone();
        let rows = vec![Row { values: [("name".to_owned(), text("张三"))].into() }];
        let list = Value { kind: Some(Kind::List(List { rows })) };
        let mut values = Values::from([("source".to_owned(), list), ("unheard_of".to_owned(), text("x"))]);
        ledger.project(&mut values, Tier::Workroom);
        let empty = Value { kind: Some(Kind::List(List::default())) };
        assert_eq!(values, Values::from([("source".to_owned(), empty)]));
    }
}
