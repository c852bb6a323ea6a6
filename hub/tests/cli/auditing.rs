//! `wuji audit totals`: what is asked, what is printed, and how it ends.

use insta::assert_snapshot;

use crate::harness::Dir;

#[test]
fn differences_are_shown_in_each_form_and_the_exit_code_says_that_they_remain() {
    let dir = Dir::new();
    for form in ["table", "json", "csv"] {
        let said = dir.wuji(&["audit", "totals", "--deep", "--output", form]);
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains("2 differences remain; repair them: wuji audit totals --deep --repair -c 371122"));
        assert!(said.err.contains("1 units could not be asked"), "{}", said.err);
        assert_snapshot!(format!("audit_{form}"), said.out);
    }
}

#[test]
fn what_was_put_right_or_is_sound_ends_well() {
    let dir = Dir::new();
    let repaired = dir.out(&["audit", "totals", "--repair", "--within", "30s"]);
    assert!(repaired.contains("2 differences, 2 put right"), "{repaired}");
    let sound = dir.out(&["audit", "totals", "--scope", "371122103"]);
    assert_eq!(sound, "371122: 12,345 totals, 678 records compared: no differences\n");
    let asked = dir.fake.0.lock().audits.clone();
    assert_eq!((asked[0].repair, asked[0].deep, asked[0].within_ms), (true, false, 30_000));
    assert_eq!((asked[1].scope.as_str(), asked[1].repair), ("371122103", false));
}

#[test]
fn an_answer_that_stops_before_its_end_is_a_failure() {
    let dir = Dir::new();
    dir.fake.0.lock().cut_answers = true;
    let said = dir.wuji(&["audit", "totals", "--scope", "371122103"]);
    assert_ne!(said.code, 0);
    assert!(said.err.contains("stopped before its end"), "{}", said.err);
}
