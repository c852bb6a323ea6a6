//! Rows of units of a tier: the children's rows are strung together as they come, and nothing
//! is kept. Children go in the order of codes; one that answers late goes behind those that
//! have answered.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use wuji_proto::v1;
use wuji_proto::v1::query_reply::Part;

use super::expect::{Form, same_columns};
use super::gather::Gathering;
use super::label::Label;
use super::pass::next;
use super::split::Sub;
use super::table::Total;
use super::unreached::Unreached;
use super::{CHILDREN_AT_ONCE_MAX, Out, Relay, RelayError};
use crate::pull::Parts;

/// How long the next child's rows are waited for while others are there.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a child may pause in the middle of its rows before it is given up: the others
/// wait behind it.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A child that has begun to answer, or has failed to.
type Begun = (usize, Parts, Result<(), RelayError>);

/// Passes rows through and sums them up.
struct Strung<'q> {
    gathering: &'q Gathering<'q>,
    out: &'q dyn Out,
    totals: Total,
    unreached: Unreached,
}

impl Relay {
    pub(super) async fn string(&self, gathering: Gathering<'_>, out: &dyn Out) -> Result<(), RelayError> {
        let (totals, unreached) = (gathering.sums.nothing(), Unreached::default());
        let mut strung = Strung { gathering: &gathering, out, totals, unreached };
        out.put(Part::Head(gathering.head())).await?;
        let mut here = self.held(&gathering).await?;
        strung.rows(here.remove(&self.here.own()).unwrap_or_default()).await?;
        let mut waiting = gathering.subs.iter().enumerate();
        let (mut asking, mut begun) = (JoinSet::<Begun>::new(), BTreeMap::new());
        let mut wanted = 0;
        loop {
            while asking.len() + begun.len() < CHILDREN_AT_ONCE_MAX
                && let Some((at, sub)) = waiting.next()
            {
                if sub.is_held {
                    begun.insert(at, None);
                } else {
                    let (parts, ours) = (self.ask(&gathering, sub), gathering.whole.head.clone());
                    asking.spawn(begin(at, parts, ours));
                }
            }
            if !begun.contains_key(&wanted) && !asking.is_empty() {
                let joined = if begun.is_empty() {
                    asking.join_next().await
                } else {
                    tokio::time::timeout(PATIENCE, asking.join_next()).await.unwrap_or_default()
                };
                if let Some(joined) = joined {
                    let (at, parts, head) = joined.map_err(|_| RelayError::Interrupted)?;
                    begun.insert(at, Some((parts, head)));
                    continue;
                }
            }
            let Some((at, answer)) = begun.remove_entry(&wanted).or_else(|| begun.pop_first()) else { break };
            wanted = at + 1;
            let Some(sub) = gathering.subs.get(at) else { continue };
            match answer {
                Some((parts, head)) => strung.child(sub, parts, head).await?,
                None => strung.rows(here.remove(&sub.child).unwrap_or_default()).await?,
            }
        }
        let rest = gathering.sums.nothing();
        let end = gathering.end(&strung.totals, &rest, strung.unreached);
        Ok(out.put(Part::End(end)).await?)
    }
}

/// Waits until a child has begun to answer.
async fn begin(at: usize, mut parts: Parts, ours: v1::QueryHead) -> Begun {
    let head = match next(&mut parts).await {
        Ok(Some(Part::Head(head))) => same_columns(&head, &ours),
        Ok(_) => Err(RelayError::Malformed("it does not begin with a head".to_owned())),
        Err(error) => Err(error),
    };
    (at, parts, head)
}

impl Strung<'_> {
    /// Passes rows through that are held here.
    async fn rows(&mut self, rows: Vec<v1::QueryRow>) -> Result<(), RelayError> {
        for row in rows {
            self.gathering.sums.add(&mut self.totals, &row);
            self.out.put(Part::Row(row)).await?;
        }
        Ok(())
    }

    /// Passes a child's rows through. Only the reader's going away is an error.
    async fn child(&mut self, sub: &Sub, mut parts: Parts, head: Result<(), RelayError>) -> Result<(), RelayError> {
        let form = self.gathering.form(sub);
        let label = sub.labelled.then(|| self.gathering.labels.whole(sub.child));
        let mut rows = 0;
        let failed = match head {
            Err(error) => Some(error),
            Ok(()) => loop {
                match self.row(sub, &form, label.as_ref(), &mut parts).await {
                    Ok(true) => rows += 1,
                    Ok(false) => break None,
                    Err(RelayError::Gone(gone)) => return Err(gone.into()),
                    Err(error) => break Some(error),
                }
            },
        };
        if let Some(error) = failed {
            self.unreached.child(sub.child, &error, rows, &self.gathering.asked.directory);
        }
        Ok(())
    }

    /// Passes one row through; false: there are no more.
    async fn row(
        &mut self,
        sub: &Sub,
        form: &Form,
        label: Option<&Label>,
        parts: &mut Parts,
    ) -> Result<bool, RelayError> {
        let paused = || RelayError::Malformed(format!("it paused for {} s in the middle", PAUSE_MAX.as_secs()));
        match tokio::time::timeout(PAUSE_MAX, next(parts)).await.map_err(|_| paused())?? {
            Some(Part::Row(mut row)) => {
                form.check(&row)?;
                if let Some(label) = label {
                    label.put(&mut row);
                }
                self.gathering.sums.add(&mut self.totals, &row);
                self.out.put(Part::Row(row)).await?;
                Ok(true)
            }
            Some(Part::End(end)) => {
                let named = end.coverage.unwrap_or_default().unreached;
                self.unreached.below(self.gathering.below(sub.child, named));
                Ok(false)
            }
            _ => Err(RelayError::Malformed("it has no end".to_owned())),
        }
    }
}
