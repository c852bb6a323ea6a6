//! The nearest known word, for "did you mean …?".

use std::collections::BTreeSet;

/// How alike two words must be, 0 to 1. Above one half: two-character Chinese words that
/// share one character are different words.
const LIKENESS_MIN: f64 = 0.5;

/// The word of `known` that is most like `word`, if one is like it. A word that holds the
/// other whole, and is at most twice as long, is like it too: 邻里纠纷 means 邻里.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .filter_map(|candidate| {
            let likeness = likeness(&word, &candidate.to_lowercase());
            (likeness > LIKENESS_MIN).then_some((likeness, candidate))
        })
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn likeness(word: &str, candidate: &str) -> f64 {
    let spelling = strsim::normalized_damerau_levenshtein(word, candidate);
    let (a, b) = (word.chars().count(), candidate.chars().count());
    let like_length = a.min(b) >= 2 && a.min(b) * 2 >= a.max(b);
    let holds = like_length && (word.contains(candidate) || candidate.contains(word));
    if holds { spelling.max(LIKENESS_MIN + spelling / 10.0 + 0.01) } else { spelling }
}

/// "did you mean …?" where a known word is near, else the list of known words.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut listed = BTreeSet::new();
    let known: Vec<&str> = known.into_iter().filter(|word| !word.is_empty() && listed.insert(*word)).collect();
    if known.is_empty() {
        "there is none to choose from".to_owned()
    } else {
        format!("use one of: {}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["婚姻家庭", "邻里", "accepted_on"];
        for (word, near) in [
            ("婚姻家廷", Some("婚姻家庭")),
            ("婚姻家庭纠纷", Some("婚姻家庭")),
            ("邻里纠纷", Some("邻里")),
            ("acepted_on", Some("accepted_on")),
            ("ACCEPTED_ON", Some("accepted_on")),
            ("邻居", None),
            ("旅游", None),
            ("on", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), near, "{word}");
        }
    }
}
