use std::collections::BTreeMap;

use parking_lot::Mutex;
use wuji_proto::DivisionCode;

/// Units whose last refusal is remembered; the oldest gives way.
const REFUSED_UNITS_MAX: usize = 256;

/// Units whose certificates were turned away during the handshake, and why. The names are
/// what those certificates *say*: good for a hint in the status, never for a decision.
#[derive(Default)]
pub struct Refusals(Mutex<BTreeMap<DivisionCode, Refused>>);

struct Refused {
    reason: String,
    at_ms: i64,
}

impl Refusals {
    /// Why a caller that says to be this unit was last turned away, and when (milliseconds
    /// since 1970).
    pub fn of(&self, code: DivisionCode) -> Option<(String, i64)> {
        self.0.lock().get(&code).map(|refused| (refused.reason.clone(), refused.at_ms))
    }

    /// The unit came in after all.
    pub fn forget(&self, code: DivisionCode) {
        self.0.lock().remove(&code);
    }

    /// Remembers a refusal under every unit that the names speak of.
    pub(super) fn note(&self, names: &[String], reason: &str, at_ms: i64) {
        let units = names.iter().filter_map(|name| name.strip_suffix(".unit.wuji")?.parse().ok());
        let mut refused = self.0.lock();
        for code in units.take(1) {
            if refused.len() >= REFUSED_UNITS_MAX && !refused.contains_key(&code) {
                let oldest = refused.iter().min_by_key(|(_, refused)| refused.at_ms).map(|(code, _)| *code);
                oldest.map(|code| refused.remove(&code));
            }
            refused.insert(code, Refused { reason: reason.to_owned(), at_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_refusals_are_kept_and_the_oldest_give_way() {
        let refusals = Refusals::default();
        for number in 0..=REFUSED_UNITS_MAX {
            let name = format!("{}.unit.wuji", 371_100 + number);
            refusals.note(&[name], "expired", i64::try_from(number).unwrap());
        }
        assert_eq!(refusals.of("371100".parse().unwrap()), None);
        assert_eq!(refusals.of("371101".parse().unwrap()), Some(("expired".to_owned(), 1)));
        refusals.note(&["37.operator.wuji".to_owned(), "x".to_owned()], "expired", 9);
        assert_eq!(refusals.of("37".parse().unwrap()), None);
    }
}
