//! What stands below an answer's rows: in transit, adjustments, what it is compared with, and
//! what it includes.

use std::fmt::Write;

use wuji_proto::v1::{Adjustment, QueryEnd, QueryHead};

use super::layout::Layout;
use super::print::Wanted;
use crate::clock;
use crate::coverage;
use crate::figures::Look;
use crate::output::harmless;

/// The lines.
pub fn shown(head: &QueryHead, layout: &Layout, end: &QueryEnd, wanted: Wanted) -> String {
    let mut text = String::new();
    for (look, amount) in layout.looks.iter().zip(&end.in_transit).filter(|(_, figure)| !figure.is_zero()) {
        let (title, shown, scope) = (&look.title, in_transit(look, amount), harmless(&head.scope));
        let _ = writeln!(text, "in transit: {title} {shown} (what {scope}'s own total has beyond these rows)");
    }
    for it in &end.adjustments {
        text += &adjustment(&layout.looks, it);
    }
    for (compare, then) in layout.compare.iter().zip(&end.comparisons) {
        if !then.period.is_empty() {
            let _ = writeln!(text, "{}: against {}", compare.title(), harmless(&then.period));
        }
    }
    if head.relayed {
        text += "note: answered by units below, each from what it held when it was asked\n";
    }
    if let Some(coverage) = &end.coverage {
        text += &coverage::shown(coverage, wanted.all_units);
        if wanted.confirmed && coverage.confirmation.is_none() {
            text += "not confirmed: the node asked nobody below\n";
        }
    }
    text
}

/// What is in transit of a ratio are its sums: their ratio would mean nothing.
fn in_transit(look: &Look, amount: &wuji_proto::v1::Figure) -> String {
    use crate::output::number::grouped;
    match amount.denominator() {
        Some(below) => format!("{} / {}", grouped(amount.numerator().into()), grouped(below.into())),
        None => look.cell(amount).shown(),
    }
}

fn adjustment(looks: &[Look], it: &Adjustment) -> String {
    let look = looks.iter().find(|look| look.id == it.column);
    let (Some(look), Some(issued), Some(now)) = (look, &it.issued, &it.now) else {
        return format!("adjusted: {} since report {}\n", harmless(&it.column), harmless(&it.report));
    };
    let difference = match issued.denominator() {
        None => {
            let difference = look.cell(&now.minus(issued)).shown();
            if now.numerator() > issued.numerator() { format!("+{difference}") } else { difference }
        }
        Some(_) => look.change(now, issued),
    };
    format!(
        "adjusted since report {} of {}: {} issued {}, now {} ({difference})\n",
        harmless(&it.report),
        clock::shown(it.issued_at_ms),
        look.title,
        look.in_full(issued),
        look.in_full(now),
    )
}
