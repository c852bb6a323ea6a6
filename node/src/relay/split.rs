//! Who is asked what, where a question is about this node's own scope. Pure.

use wuji_proto::{DivisionCode, Tier, v1};

use crate::statistics::directory::Directory;
use crate::statistics::plan::PlanError;
use crate::statistics::records::fields;

/// Which units the rows are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// The scope as a whole.
    Whole,
    /// The scope's children, and what the scope itself wrote.
    Children,
    /// All units of a tier, those of a lower one whose parent is of a higher one, and what
    /// the units above them wrote themselves.
    Tier(Tier),
}

impl Rows {
    /// Reads the words of `by`.
    pub(super) fn of(by: &[String]) -> Result<Self, PlanError> {
        let mut rows = Self::Whole;
        for word in by {
            let named = match word.parse::<Tier>() {
                Ok(tier) => Self::Tier(tier),
                Err(_) if word == "unit" => Self::Children,
                Err(_) => continue,
            };
            if rows != Self::Whole {
                return Err(PlanError::Question("divide by units once: by \"unit\" or by one tier".to_owned()));
            }
            rows = named;
        }
        Ok(rows)
    }

    /// Whether a unit's rows are of all that lies in it: others are of what it wrote itself.
    pub(super) fn are_whole(self, unit: DivisionCode, scope: DivisionCode) -> bool {
        match self {
            Self::Whole => true,
            Self::Children => unit != scope,
            Self::Tier(tier) => unit.tier() >= tier,
        }
    }
}

/// A question to one child.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sub {
    /// The child.
    pub(super) child: DivisionCode,
    /// Its part of the question.
    pub(super) question: v1::QueryRequest,
    /// Its rows are of the child, and get its name; otherwise of the whole, or they name
    /// their units themselves.
    pub(super) labelled: bool,
    /// Its rows name their units.
    pub(super) by_unit: bool,
    /// It need not be asked: this node holds the answer.
    pub(super) is_held: bool,
}

/// The questions to the children, in the order of codes.
pub(super) fn subs(question: &v1::QueryRequest, rows: Rows, directory: &Directory, own: DivisionCode) -> Vec<Sub> {
    let fields: Vec<String> = fields(question).map(str::to_owned).collect();
    let mut subs = Vec::new();
    for &child in directory.children(own) {
        let by_unit = match rows {
            Rows::Whole | Rows::Children => false,
            Rows::Tier(tier) => child.tier() < tier,
        };
        let question = v1::QueryRequest {
            scope: child.to_string(),
            by: if by_unit { question.by.clone() } else { fields.clone() },
            // Only the node that was asked has all that is to be ordered and cut off.
            order_by: String::new(),
            descending: false,
            limit: 0,
            confirmed: false,
            local_only: false,
            units_named: 1,
            ..question.clone()
        };
        subs.push(Sub { child, question, labelled: rows != Rows::Whole && !by_unit, by_unit, is_held: false });
    }
    subs
}

/// The question for just the revisions that the columns have: nobody answers with others.
pub(super) fn pinned(question: &v1::QueryRequest, columns: &[v1::Column]) -> v1::QueryRequest {
    let pin = |column: &v1::Column| {
        if column.kind == "indicator" { column.id.clone() } else { format!("{}@{}", column.id, column.revision) }
    };
    v1::QueryRequest { measures: columns.iter().map(pin).collect(), ..question.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "37";

    fn code(text: &str) -> DivisionCode {
        text.parse().unwrap()
    }

    /// A city, and a county right under the province whose code is a city's.
    fn province() -> Directory {
        super::super::tests::directory(&[
            (OWN, ""),
            ("3711", OWN),
            ("371122", "3711"),
            ("371302", OWN),
            ("371302101", "371302"),
        ])
    }

    fn asked(by: &[&str]) -> v1::QueryRequest {
        v1::QueryRequest {
            by: by.iter().map(|word| (*word).to_owned()).collect(),
            order_by: "mediation.accepted".to_owned(),
            descending: true,
            limit: 3,
            confirmed: true,
            compare: vec!["previous".to_owned()],
            ..v1::QueryRequest::default()
        }
    }

    fn subs_of(by: &[&str]) -> Vec<Sub> {
        let question = asked(by);
        let column = |id: &str, kind: &str| v1::Column {
            id: id.into(),
            kind: kind.into(),
            revision: 2,
            ..v1::Column::default()
        };
        let columns = [column("mediation.accepted", "flow"), column("mediation.success_rate", "indicator")];
        subs(&pinned(&question, &columns), Rows::of(&question.by).unwrap(), &province(), code(OWN))
    }

    fn shown(subs: &[Sub]) -> Vec<String> {
        let one = |sub: &Sub| {
            format!("{} {:?} by {} label {}", sub.child, sub.question.scope, sub.question.by.join(","), sub.labelled)
        };
        subs.iter().map(one).collect()
    }

    #[test]
    fn each_child_is_asked_for_its_own_scope() {
        let whole = subs_of(&["source"]);
        assert_eq!(shown(&whole), ["3711 \"3711\" by source label false", "371302 \"371302\" by source label false"]);
        let children = subs_of(&["unit", "source"]);
        assert_eq!(shown(&children), ["3711 \"3711\" by source label true", "371302 \"371302\" by source label true"]);
    }

    #[test]
    fn a_tier_is_asked_of_those_above_it_and_of_its_own_units() {
        let counties = subs_of(&["county", "source"]);
        assert_eq!(
            shown(&counties),
            ["3711 \"3711\" by county,source label false", "371302 \"371302\" by source label true"]
        );
        let cities = subs_of(&["city"]);
        let wanted = ["3711 \"3711\" by  label true", "371302 \"371302\" by  label true"];
        assert_eq!(shown(&cities), wanted, "a county right under the province stands beside its cities");
    }

    #[test]
    fn order_and_limit_stay_here_and_revisions_are_named() {
        for sub in subs_of(&["township"]) {
            let question = sub.question;
            assert_eq!((question.order_by.as_str(), question.descending, question.limit), ("", false, 0));
            assert!(!question.confirmed && question.compare == ["previous"]);
            assert_eq!(question.measures, ["mediation.accepted@2", "mediation.success_rate"]);
        }
    }

    #[test]
    fn units_are_named_once() {
        assert!(Rows::of(&["unit".to_owned(), "county".to_owned()]).is_err());
        assert_eq!(Rows::of(&["source".to_owned(), "县".to_owned()]).unwrap(), Rows::Tier(Tier::County));
    }
}
