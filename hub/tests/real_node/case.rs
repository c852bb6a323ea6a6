//! A table of bad input, and what must hold after each of them.

use crate::harness::{Place, Said};

/// An entry that is there before anything bad happens.
pub const ID: &str = "01936a1c-0000-7000-8000-000000000001";

/// Values of a mediation case with nothing wrong.
pub const CASE: [&str; 9] = [
    "case_no=2026-001",
    "accepted_on=2026-03-05",
    "dispute_type=邻里",
    "source=公安",
    "difficulty=一般",
    "form=书面",
    "people_count=2",
    "summary=两家因宅基地起争执",
    "mediators=王五、赵六",
];

const EVENT: [&str; 4] = ["on=2026-03-05", "topic=禁毒", "form=宣讲", "audience=120"];

/// A bad input and what is to be said about it.
pub struct Case<'a> {
    /// What is wrong, for the test's own messages.
    pub wrong: &'a str,
    /// What is typed.
    pub args: Vec<&'a str>,
    /// The exit code.
    pub code: i32,
    /// All of these are said.
    pub says: Vec<&'a str>,
}

/// A case.
pub fn case<'a>(wrong: &'a str, args: &[&'a str], code: i32, says: &[&'a str]) -> Case<'a> {
    Case { wrong, args: args.to_vec(), code, says: says.to_vec() }
}

/// `wuji ledger add mediation` with some values instead of the good ones.
pub fn adding<'a>(wrong: &'a str, instead: &[&'a str], code: i32, says: &[&'a str]) -> Case<'a> {
    let mut args = vec!["ledger", "add", "mediation"];
    let named = |value: &&str| instead.iter().any(|it| it.split('=').next() == value.split('=').next());
    args.extend(CASE.iter().filter(|value| !named(value)));
    args.extend(instead);
    Case { wrong, args, code, says: says.to_vec() }
}

/// What a node holds, told by itself.
pub struct Held(String);

impl Held {
    /// Writes two entries and notes all that the node holds.
    pub fn new(place: &Place) -> Self {
        place.wuji(&[&["ledger", "add", "mediation"][..], &CASE, &["--id", ID]].concat()).done();
        place.wuji(&[&["ledger", "add", "publicity"][..], &EVENT, &["--id", ID]].concat()).done();
        Self::of(place)
    }

    /// Notes all that the node holds now.
    pub fn of(place: &Place) -> Self {
        let export = |ledger| place.wuji(&["ledger", "export", ledger, "--state", "all", "--output", "json"]).done();
        Self(export("mediation") + &export("publicity"))
    }

    /// The node still holds just that, and a good request still works.
    pub fn check(&self, place: &Place, after: &str) {
        assert_eq!(Self::of(place).0, self.0, "after {after}");
        let again = place.wuji(&[&["ledger", "add", "publicity"][..], &EVENT, &["--id", ID]].concat());
        assert!(again.out.starts_with("had been written before"), "after {after}: {}{}", again.out, again.err);
    }
}

/// What was said names the subject and says what to do.
pub fn check_said(wrong: &str, said: &Said, code: i32, says: &[&str]) {
    let text = format!("{}{}", said.out, said.err);
    assert_eq!(said.code, code, "{wrong}: {text}");
    for words in says {
        assert!(text.contains(words), "{wrong}: {words:?} is not said in {text}");
    }
    assert!(!text.contains("panicked") && !text.contains("Status {"), "{wrong}: {text}");
}

/// Each case is refused as it should be, and nothing is lost by it.
pub fn check_all(place: &Place, held: &Held, cases: &[Case<'_>]) {
    for case in cases {
        check_said(case.wrong, &place.wuji(&case.args), case.code, &case.says);
        held.check(place, case.wrong);
    }
}
