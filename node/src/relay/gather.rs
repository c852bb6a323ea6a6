//! A question about this node's own scope: each child is asked for its part, and the rows are
//! added up with what this node wrote itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use wuji_proto::v1::query_reply::Part;
use wuji_proto::{DivisionCode, v1};

use super::expect::{Form, Of, same_columns};
use super::label::{Label, Labels};
use super::pass::next;
use super::split::{Rows, Sub, pinned, subs};
use super::table::{Sums, Table, figures_in};
use super::unreached::Unreached;
use super::{Asked, CHILDREN_AT_ONCE_MAX, FIGURES_KEPT_MAX, Out, Relay, RelayError};
use crate::pull::{Ask, Parts};
use crate::statistics::answer::{Answer, QueryError};
use crate::statistics::plan::PlanError;
use crate::statistics::records::{Shape, ambiguous, check, fields, is_nothing, is_stored};

/// A question to the children, and what the node itself can say to it.
pub(super) struct Gathering<'q> {
    pub(super) asked: &'q Asked<'q>,
    /// With the revisions that the answer is made of.
    pub(super) question: v1::QueryRequest,
    pub(super) rows: Rows,
    pub(super) labels: Labels,
    /// Of all rows, where the scope is of the tier that is asked for.
    pub(super) named: Option<Label>,
    /// Cells answer it, where they are held.
    pub(super) is_stored: bool,
    pub(super) shape: Shape,
    pub(super) subs: Vec<Sub>,
    /// The answer for the scope as a whole: columns, coverage, and its own totals.
    pub(super) whole: Answer,
    /// Its totals are of just what is asked for.
    pub(super) comparable: bool,
    pub(super) sums: Sums,
}

/// Rows that nobody needs to be asked for.
pub(super) type HeldRows = BTreeMap<DivisionCode, Vec<v1::QueryRow>>;

/// What one child has answered.
pub(super) struct Told {
    pub(super) rows: Vec<v1::QueryRow>,
    pub(super) unreached: Vec<v1::AbsentUnit>,
}

impl Relay {
    /// A question about this node's own scope.
    pub(super) async fn own_scope(&self, asked: &Asked<'_>, out: &dyn Out) -> Result<(), RelayError> {
        let gathering = self.gathering(asked).await?;
        let question = asked.question;
        let in_order = question.order_by.is_empty() && question.limit == 0;
        if matches!(gathering.rows, Rows::Tier(_)) && in_order {
            return self.string(gathering, out).await;
        }
        let (mut table, mut unreached) = (Table::default(), Unreached::default());
        for rows in self.held(&gathering).await?.into_values() {
            table.add(rows)?;
        }
        self.gather(&gathering, &mut table, &mut unreached).await?;
        let ordered = table.ordered(&gathering.sums, gathering.shape.order, question.limit);
        out.put(Part::Head(gathering.head())).await?;
        for row in ordered.rows {
            out.put(Part::Row(row)).await?;
        }
        let mut end = gathering.end(&ordered.totals, &ordered.rest, unreached);
        if ordered.left_out > 0 {
            end.rest = ordered.rest.figures;
            end.left_out = ordered.left_out;
        }
        Ok(out.put(Part::End(end)).await?)
    }

    async fn gathering<'q>(&self, asked: &'q Asked<'q>) -> Result<Gathering<'q>, RelayError> {
        let (catalogue, own) = (self.here.catalogue(), self.here.own());
        if let Some(measure) = ambiguous(asked.question, catalogue) {
            let why = format!("of {measure} there are several revisions, and each unit has its own: ask for measures");
            return Err(PlanError::Question(why).into());
        }
        let (whole, comparable) = self.whole(asked.question).await?;
        let question = pinned(asked.question, &whole.head.columns);
        let mut rows = Rows::of(&question.by)?;
        let is_stored = is_stored(&question, catalogue, self.of());
        if !is_stored {
            // Every owner would refuse: say so at once.
            check(&question, catalogue, self.of(), asked.asker)?;
        }
        let shape = Shape::read(&question, catalogue, self.of())?;
        let labels = self.labels(&shape, &asked.directory).await?;
        let mut named = None;
        if matches!(rows, Rows::Tier(tier) if own.tier() >= tier) {
            (rows, named) = (Rows::Whole, Some(labels.whole(own))); // it is the one row itself
        }
        let mut children = subs(&question, rows, &asked.directory, own);
        for sub in &mut children {
            // A child is held by day, and what this node states of it, it does not know itself.
            sub.is_held = is_stored && !sub.by_unit;
        }
        let sums = Sums::new(&shape, &whole.head.columns, question.compare.len());
        Ok(Gathering {
            subs: children,
            asked,
            question,
            rows,
            labels,
            named,
            is_stored,
            shape,
            whole,
            comparable,
            sums,
        })
    }

    /// The answer for the scope as a whole, which is held here; without the filter where that
    /// is not.
    async fn whole(&self, question: &v1::QueryRequest) -> Result<(Answer, bool), RelayError> {
        let whole = v1::QueryRequest {
            by: Vec::new(),
            order_by: String::new(),
            limit: 0,
            confirmed: false,
            ..question.clone()
        };
        let unfiltered = v1::QueryRequest { r#where: Vec::new(), ..whole.clone() };
        let answered = self.blocking(move |here| match here.answer(&whole) {
            Err(QueryError::Plan(_)) => here.answer(&unfiltered).map(|answer| (answer, false)),
            answered => answered.map(|answer| (answer, true)),
        });
        Ok(answered.await??)
    }

    /// The rows of what this node holds, by unit: of what it wrote itself, from its cells or else
    /// from its records (a judicial office writes too), and of the children that are not asked.
    pub(super) async fn held(&self, gathering: &Gathering<'_>) -> Result<HeldRows, RelayError> {
        let (question, tier, own) = (gathering.question.clone(), gathering.asked.asker, self.here.own());
        let mut held = HeldRows::new();
        if gathering.is_stored {
            let units = Some("unit").filter(|_| gathering.rows != Rows::Whole);
            let by = units.into_iter().chain(fields(gathering.asked.question)).map(str::to_owned).collect();
            let question = v1::QueryRequest { by, order_by: String::new(), limit: 0, ..question };
            let answer = self.blocking(move |here| here.answer(&question)).await??;
            let is_wanted = |unit| unit == own || gathering.subs.iter().any(|sub| sub.child == unit && sub.is_held);
            for row in answer.rows() {
                // Undivided rows have no unit.
                let unit = row.unit.parse().unwrap_or(own);
                if is_wanted(unit) {
                    held.entry(unit).or_default().push(row);
                }
            }
        } else {
            held.insert(own, self.blocking(move |here| here.entries(&question, tier)).await??);
        }
        if gathering.rows == Rows::Whole {
            let none = Label::default();
            let label = gathering.named.as_ref().unwrap_or(&none);
            for rows in held.values_mut() {
                label.put_all(rows);
            }
        } else if let Some(rows) = held.get_mut(&own) {
            // By unit it is a row of its own, if there is anything.
            without_nothing(rows);
            gathering.labels.entries(own).put_all(rows);
        }
        Ok(held)
    }

    /// Asks all children, so many at once, and adds up what they answer.
    async fn gather(
        &self,
        gathering: &Gathering<'_>,
        table: &mut Table,
        unreached: &mut Unreached,
    ) -> Result<(), RelayError> {
        let kept = Arc::new(AtomicUsize::new(table.figures()));
        let mut waiting = gathering.subs.iter().filter(|sub| !sub.is_held);
        let mut asking = JoinSet::new();
        loop {
            while asking.len() < CHILDREN_AT_ONCE_MAX
                && let Some(sub) = waiting.next()
            {
                let parts = self.ask(gathering, sub);
                let (form, ours) = (gathering.form(sub), gathering.whole.head.clone());
                let (kept, child) = (Arc::clone(&kept), sub.child);
                asking.spawn(async move { (child, collect(parts, &form, &ours, &kept).await) });
            }
            let Some(joined) = asking.join_next().await else { return Ok(()) };
            let (child, told) = joined.map_err(|_| RelayError::Interrupted)?;
            let sub = gathering.subs.iter().find(|sub| sub.child == child);
            let labelled = sub.is_some_and(|sub| sub.labelled);
            let before = table.figures();
            let added = told.and_then(|mut told| {
                let collected: usize = told.rows.iter().map(figures_in).sum();
                let of_child = labelled.then(|| gathering.labels.whole(child));
                if let Some(label) = gathering.named.as_ref().or(of_child.as_ref()) {
                    label.put_all(&mut told.rows);
                }
                unreached.below(gathering.below(child, told.unreached));
                table.add(told.rows)?;
                // What was added to rows that were there is kept no longer.
                kept.fetch_sub(collected - (table.figures() - before).min(collected), Ordering::Relaxed);
                Ok(())
            });
            match added {
                Ok(()) => {}
                Err(error @ RelayError::TooMuch(_)) => return Err(error),
                Err(error) => unreached.child(child, &error, 0, &gathering.asked.directory),
            }
        }
    }

    /// Asks one child its part.
    pub(super) fn ask(&self, gathering: &Gathering<'_>, sub: &Sub) -> Parts {
        let time = gathering.asked.time_below();
        let question = v1::QueryRequest {
            asker: gathering.asked.asker.name().to_owned(),
            within_ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX),
            ..sub.question.clone()
        };
        self.below.ask(sub.child, Ask::Query(question), time)
    }
}

impl Gathering<'_> {
    /// What the rows of a child must look like.
    pub(super) fn form(&self, sub: &Sub) -> Form {
        Form {
            columns: self.whole.head.columns.clone(),
            compared: self.asked.question.compare.len(),
            fields: fields(self.asked.question).count(),
            periods: self.shape.periods.iter().cloned().collect(),
            of: if sub.by_unit {
                Of::Under(Arc::clone(&self.asked.directory), sub.child, self.rows)
            } else {
                Of::Whole
            },
        }
    }

    pub(super) fn head(&self) -> v1::QueryHead {
        v1::QueryHead { by: self.asked.question.by.clone(), relayed: true, ..self.whole.head.clone() }
    }

    /// The units that a child names as unreached, as far as they lie below it.
    pub(super) fn below(&self, child: DivisionCode, units: Vec<v1::AbsentUnit>) -> Vec<v1::AbsentUnit> {
        let directory = &self.asked.directory;
        let lies_there = |unit: &v1::AbsentUnit| match unit.code.parse() {
            Ok(code) => directory.lies_under(code, child) || directory.get(code).is_none() && child.can_parent(code),
            Err(_) => unit.code.is_empty(),
        };
        units.into_iter().filter(lies_there).collect()
    }

    /// Totals are the sums of the rows shown; what the scope's own total has beside them and
    /// `rest` is in transit, or was not reached.
    pub(super) fn end(
        &self,
        totals: &super::table::Total,
        rest: &super::table::Total,
        unreached: Unreached,
    ) -> v1::QueryEnd {
        let in_transit = self
            .whole
            .end
            .totals
            .iter()
            .zip(&totals.figures)
            .zip(&rest.figures)
            .map(|((own, rows), rest)| if self.comparable { own.minus(rows).minus(rest) } else { own.minus(own) });
        let compared = self.whole.end.comparisons.iter().zip(&totals.compared);
        let mut coverage = self.whole.end.coverage.clone().unwrap_or_default();
        unreached.into_coverage(&mut coverage);
        v1::QueryEnd {
            totals: totals.figures.clone(),
            in_transit: in_transit.collect(),
            coverage: Some(coverage),
            comparisons: compared
                .map(|(whole, figures)| v1::Comparison { period: whole.period.clone(), figures: figures.clone() })
                .collect(),
            // A filtered total is no figure of a report's.
            adjustments: if self.comparable { self.whole.end.adjustments.clone() } else { Vec::new() },
            ..v1::QueryEnd::default()
        }
    }
}

/// Leaves out words under which nothing was counted.
fn without_nothing(rows: &mut Vec<v1::QueryRow>) {
    let words: BTreeSet<Vec<String>> =
        rows.iter().filter(|row| !is_nothing(row)).map(|row| row.words.clone()).collect();
    rows.retain(|row| words.contains(&row.words));
}

/// All that a child answers, checked, against the figures that may be kept of all children.
async fn collect(mut parts: Parts, form: &Form, ours: &v1::QueryHead, kept: &AtomicUsize) -> Result<Told, RelayError> {
    let Some(Part::Head(head)) = next(&mut parts).await? else {
        return Err(RelayError::Malformed("it does not begin with a head".to_owned()));
    };
    same_columns(&head, ours)?;
    let (mut rows, mut figures) = (Vec::new(), 0);
    let answered = loop {
        match next(&mut parts).await {
            Ok(Some(Part::Row(row))) => {
                if let Err(error) = form.check(&row) {
                    break Err(error);
                }
                let more = figures_in(&row);
                figures += more;
                if kept.fetch_add(more, Ordering::Relaxed) + more > FIGURES_KEPT_MAX {
                    break Err(RelayError::TooMuch(FIGURES_KEPT_MAX));
                }
                rows.push(row);
            }
            Ok(Some(Part::End(end))) => break Ok(end),
            Ok(_) => break Err(RelayError::Malformed("it has no end".to_owned())),
            Err(error) => break Err(error),
        }
    };
    match answered {
        Ok(end) => Ok(Told { rows, unreached: end.coverage.unwrap_or_default().unreached }),
        Err(error) => {
            kept.fetch_sub(figures, Ordering::Relaxed);
            Err(error)
        }
    }
}
