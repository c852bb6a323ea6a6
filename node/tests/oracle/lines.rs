//! Reverse calls without a wire: what a node asks of those below it, and answers its parent.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wuji_node::env::Env;
use wuji_node::link::PushStatus;
use wuji_node::pull::double::LocalBelow;
use wuji_node::pull::{Answerer, Answers, Barrier, Gone, Local};
use wuji_node::relay::{Out, ParentAnswers, Relay, RelayError};
use wuji_node::state::NodeState;
use wuji_proto::v1::query_reply::Part;
use wuji_proto::{DivisionCode, v1};

use super::compare::Answered;
use super::standings::Links;

/// Longer than any answer takes.
const WITHIN: Duration = Duration::from_mins(2);

/// One node's calls.
pub struct Lines {
    pub own: DivisionCode,
    pub links: Arc<Links>,
    pub below: Arc<LocalBelow>,
    relay: Relay,
    barrier: Arc<Barrier>,
    answerer: Option<Arc<dyn Answerer>>,
    /// How far the parent has applied the feed.
    pub upward: Option<Arc<PushStatus>>,
}

impl Lines {
    pub fn new(env: &Env, state: &NodeState, parent: Option<DivisionCode>) -> Self {
        let (links, below) = (Arc::new(Links::default()), Arc::new(LocalBelow::default()));
        let (store, ledgers, standings) = (Arc::clone(&state.store), state.ledgers.clone(), Arc::clone(&links) as _);
        let own = store.own;
        let local = Local { env: env.clone(), store, ledgers, standings };
        let relay = Relay::new(Arc::new(local.clone()), Arc::clone(&below) as _, env.clone());
        let upward = parent.map(|parent| Arc::new(PushStatus::double(parent)));
        let (feed, auditor) = (state.feed(), Arc::clone(&state.auditor));
        let barrier = Arc::new(Barrier { local, feed, below: Arc::clone(&below) as _, parent: upward.clone() });
        let answers = |parent: DivisionCode| {
            let details = Arc::new(ParentAnswers { relay: relay.clone(), parent: parent.tier() });
            Arc::new(Answers { barrier: Arc::clone(&barrier), auditor, details: Some(details) }) as _
        };
        Self { own, links, answerer: parent.map(answers), below, relay, barrier, upward }
    }

    /// A child's line is open, or not.
    pub fn connect(&self, child: &Self, is_open: bool) {
        match &child.answerer {
            Some(answerer) if is_open => self.below.connect(child.own.as_str(), Arc::clone(answerer)),
            _ => self.below.disconnect(child.own.as_str()),
        }
    }

    /// What the node answers, from its own view or by asking; `by_asking`: not from its own view.
    pub async fn ask(&self, question: v1::QueryRequest, by_asking: bool) -> Result<Answered, RelayError> {
        let (out, tier) = (Collected::default(), self.own.tier());
        if by_asking {
            self.relay.relay(question, tier, WITHIN, &out).await?;
        } else {
            self.relay.answer(question, tier, WITHIN, &out).await?;
        }
        Ok(out.answer())
    }

    /// Has the units of a scope show their newest figures.
    pub fn confirm(&self, scope: DivisionCode) -> impl Future<Output = v1::Confirmation> + use<> {
        let barrier = Arc::clone(&self.barrier);
        async move { barrier.confirm(scope, WITHIN).await }
    }
}

/// Keeps the parts of an answer.
#[derive(Default)]
struct Collected(Mutex<Vec<Part>>);

#[tonic::async_trait]
impl Out for Collected {
    async fn put(&self, part: Part) -> Result<(), Gone> {
        self.0.lock().push(part);
        Ok(())
    }
}

impl Collected {
    fn answer(self) -> Answered {
        let (mut relayed, mut rows) = (None, Vec::new());
        for part in self.0.into_inner() {
            match part {
                Part::Head(head) => {
                    assert!(relayed.replace(head.relayed).is_none() && rows.is_empty(), "a second head");
                }
                Part::Row(row) => rows.push(row),
                Part::End(end) => return Answered { relayed: relayed.unwrap(), rows, end },
            }
        }
        panic!("an answer without an end");
    }
}
