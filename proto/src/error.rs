use thiserror::Error;

/// A text that is not of the form it should have: what it should be, what it is, and
/// what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a {what}: {advice}")]
pub struct ParseError {
    what: &'static str,
    text: String,
    advice: String,
}

/// The longest part of a refused text that an error repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 64;

impl ParseError {
    /// `what` is the name of the form, `advice` says what to write.
    pub fn new(what: &'static str, text: &str, advice: &str) -> Self {
        Self { what, text: text.chars().take(SHOWN_CHARACTERS_MAX).collect(), advice: advice.to_owned() }
    }

    /// What to write instead.
    pub fn advice(&self) -> &str {
        &self.advice
    }
}
