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
