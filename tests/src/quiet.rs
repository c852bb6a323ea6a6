//! Whether a federation has come to rest: every node has applied what it wrote, and every
//! line has shown, at a complete mark, that both ends hold the same.

use wuji_proto::v1;

use crate::federation::Federation;
use crate::wait;

/// Waits until it has. Nobody may write meanwhile.
pub async fn wait(federation: &Federation) -> anyhow::Result<()> {
    wait::until("all tiers are equal and at rest", async || {
        let amiss = amiss(federation).await.map_err(|error| format!("{error:#}"))?;
        if amiss.is_empty() { Ok(()) } else { Err(amiss.join("; ")) }
    })
    .await
}

/// From the bottom: what a quiet node sent is already in what its parent answers after it.
async fn amiss(federation: &Federation) -> anyhow::Result<Vec<String>> {
    let mut amiss = Vec::new();
    for (client, parent) in federation.clients().rev() {
        let status = client.status().await?;
        let code = &status.code;
        let written = status.journal.as_ref().map_or(0, |journal| journal.sequence);
        let applied = status.index.as_ref().map_or(0, |index| index.applied);
        if applied < written {
            amiss.push(format!("{code} has applied {applied} of {written} entries"));
        }
        if !status.holding.is_empty() {
            amiss.push(format!("{code} holds: {}", status.holding));
        }
        match &status.parent {
            Some(up) if up.state == "connected" && up.digest == "equal" && up.lag_items == 0 => {}
            Some(up) => amiss.push(format!("{code} up: {} {} {} {}", up.state, up.digest, up.lag_items, up.reason)),
            None if parent.is_some() => amiss.push(format!("{code} has no line to its parent")),
            None => {}
        }
        let here = federation.clients().filter(|(_, parent)| parent.is_some_and(|parent| parent == client.code));
        for (child, _) in here {
            let known = status.children.iter().find(|known| known.code == child.code.as_str());
            amiss.extend(known.map_or_else(|| Some(format!("{code} knows no {}", child.code)), child_amiss));
        }
    }
    Ok(amiss)
}

fn child_amiss(child: &v1::ChildStatus) -> Option<String> {
    let v1::ChildStatus { code, state, digest, lag_items, resync, reason, .. } = child;
    let quiet = state == "connected" && digest == "equal" && *lag_items == 0 && resync.is_empty();
    (!quiet).then(|| format!("child {code}: {state} {digest} {lag_items} {resync} {reason}"))
}
