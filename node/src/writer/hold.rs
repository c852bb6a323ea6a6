//! After an unclean stop a node may lack what its children sent last. Until each connected
//! child has shown a complete mark, or the time is over, nothing goes upward: the former
//! values stand above, rather than totals that dip. After a rebuild it waits without end:
//! everything held was lost.

use std::time::Duration;

use tokio::time::Instant;

use super::children::Children;
use crate::mistake::{Mistake, made};

/// When the feed may be pushed again.
pub struct Hold {
    until: Option<Instant>,
    rebuilt: bool,
    taken_in: bool,
}

impl Hold {
    /// Begins now.
    pub fn new(time: Duration, rebuilt: bool) -> Self {
        Self { until: Instant::now().checked_add(time), rebuilt, taken_in: false }
    }

    /// The node was taken in again with another life than its parent knew: as after a rebuild, it
    /// may lack what any child had sent.
    pub const fn without_limit(&mut self) {
        self.taken_in = true;
    }

    /// Why the feed is held back; `None`: it is not.
    pub fn reason(&self, children: &Children) -> Option<String> {
        let waiting = children.catching_up();
        let over = !(self.rebuilt || self.taken_in) && self.until.is_none_or(|until| Instant::now() >= until);
        if waiting.is_empty() || over || made(Mistake::PublishEarly) {
            return None;
        }
        let names: Vec<String> = waiting.iter().take(5).map(ToString::to_string).collect();
        let more = if waiting.len() > names.len() { " and more" } else { "" };
        let why = match (self.taken_in, self.rebuilt) {
            (true, _) => "the node was taken in again",
            (false, true) => "the index was rebuilt",
            (false, false) => "the node did not stop cleanly",
        };
        Some(format!("{why}: waiting for complete marks of {}{more}", names.join(", ")))
    }
}
