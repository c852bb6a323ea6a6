//! Bad flags, names, periods, contexts and certificates.

use crate::case::{Held, case, check_all};
use crate::harness::{COUNTY, Place, STRANGER};

#[test]
fn each_bad_flag_is_named_with_the_nearest_good_one() {
    let place = Place::new();
    let _node = place.county();
    let held = Held::new(&place);
    let accepted = "mediation.accepted";
    let cases = [
        case("a ledger near one", &["ledger", "list", "mediaton"], 2, &["mediaton", "did you mean mediation"]),
        case(
            "a measure near one",
            &["stats", "--measure", "mediation.acepted"],
            2,
            &["acepted", "did you mean mediation.accepted"],
        ),
        case("no measure", &["stats"], 2, &["--measure", "mediation.accepted", "受理纠纷"]),
        case(
            "a time that ends before it begins",
            &["stats", "-m", accepted, "--from", "2026-05", "--to", "2026-03"],
            2,
            &["--to 2026-03 ends before"],
        ),
        case(
            "a listing that ends before it begins",
            &["ledger", "list", "mediation", "--from", "2026-05", "--to", "2026-03"],
            2,
            &["ends before"],
        ),
        case("a month that does not exist", &["stats", "-m", accepted, "--from", "2026-13"], 2, &["2026-13"]),
        case(
            "a grain that does not divide the time",
            &["stats", "-m", accepted, "--from", "2026-01-15", "--to", "2026-02", "--grain", "month"],
            3,
            &["2026-01-15", "whole months", "finer grain"],
        ),
        case(
            "days for ever",
            &["stats", "-m", accepted, "--from", "1950", "--to", "2026", "--grain", "day"],
            3,
            &["4000 periods", "coarser grain"],
        ),
        case(
            "a field that the ledger lacks",
            &["stats", "-m", "mediation.people", "--by", "colour"],
            2,
            &["colour", "these measures"],
        ),
        case(
            "a split of another measure",
            &["stats", "-m", "mediation.accepted,mediation.succeeded", "--by", "source", "--local"],
            3,
            &["mediation.succeeded", "cannot be divided by source", "dispute_type"],
        ),
        case(
            "fields that no split has together",
            &["stats", "-m", accepted, "--by", "source,difficulty", "--local"],
            3,
            &["source × difficulty", "dispute_type × result"],
        ),
        case(
            "a scope beside this unit",
            &["stats", "-m", accepted, "--scope", "3712"],
            5,
            &["no unit 3712", "wuji tree"],
        ),
        case(
            "a code of two meanings",
            &["stats", "-m", accepted, "--scope", "441900000000"],
            2,
            &["441900000000", "short form"],
        ),
        case("a code of no tier", &["child", "register", "37112", "--name", "x"], 2, &["37112", "6 a county"]),
        case(
            "a child of the same tier",
            &["child", "register", STRANGER, "--name", "五莲县"],
            3,
            &[STRANGER, "lower than its parent"],
        ),
        case(
            "a child without a name",
            &["child", "register", "371122101", "--name", ""],
            3,
            &["name", "1 to 60 characters"],
        ),
        case("an unknown form of output", &["status", "--output", "xml"], 2, &["xml", "table, json, csv"]),
        case(
            "a table for a file",
            &["ledger", "export", "mediation", "--output", "table"],
            2,
            &["csv or json", "ledger list"],
        ),
        case(
            "an unknown field",
            &["ledger", "list", "mediation", "--fields", "case_on"],
            2,
            &["case_on", "did you mean case_no"],
        ),
        case("an unknown state", &["ledger", "list", "mediation", "--state", "dead"], 2, &["dead", "voided"]),
        case("an unknown context", &["status", "-c", "371123"], 2, &["371123", "nearest", COUNTY]),
        case("an unknown command", &["stat"], 2, &["stat", "stats"]),
    ];
    check_all(&place, &held, &cases);
}

#[test]
fn a_node_that_cannot_be_spoken_to_is_named_with_the_reason() {
    let place = Place::new();
    let node = place.county();
    let held = Held::new(&place);
    place.write("damaged.toml", "default = \"371122\"\nauthority = ");
    place.contexts("plain.toml", &node.address.replace("https", "http"), COUNTY);
    place.contexts("gone.toml", "https://127.0.0.1:9", COUNTY);
    place.contexts("stranger.toml", &node.address, STRANGER);
    place.contexts("unissued.toml", &node.address, "371199");
    let renamed = place.read("contexts.toml").replace(COUNTY, STRANGER);
    place.write("renamed.toml", renamed);
    place.wuji(&["dev", "certificates", "--dir", "other", COUNTY]).done();
    let contexts = place.read("contexts.toml");
    place.write("foreign.toml", contexts.replace("certificates/operator", "other/operator"));
    place.write("astray.toml", contexts.replace("certificates/authority", "other/authority"));
    let cases = [
        case(
            "no contexts file",
            &["status", "--contexts", "none.toml"],
            2,
            &["none.toml", "wuji up", "--contexts FILE"],
        ),
        case(
            "a damaged contexts file",
            &["status", "--contexts", "damaged.toml"],
            2,
            &["damaged.toml", "not valid", "line 2"],
        ),
        case("an address without TLS", &["status", "--contexts", "plain.toml"], 2, &["https://"]),
        case(
            "an address where nobody is",
            &["status", "--contexts", "gone.toml"],
            4,
            &["127.0.0.1:9", "see that it runs"],
        ),
        case(
            "an operator's certificate that is missing",
            &["status", "--contexts", "unissued.toml"],
            2,
            &["operator-371199.pem", "contexts file"],
        ),
        case(
            "an operator of another unit",
            &["ledger", "list", "mediation", "--contexts", "stranger.toml"],
            1,
            &["371121.operator.wuji", "371122.operator.wuji", "-c"],
        ),
        case(
            "another unit's address",
            &["status", "--contexts", "renamed.toml"],
            1,
            &["not for 371121.unit.wuji", "correct the address"],
        ),
        case(
            "an operator of another authority",
            &["status", "--contexts", "foreign.toml"],
            1,
            &["refused the operator's certificate", "authority"],
        ),
        case(
            "a node of another authority",
            &["status", "--contexts", "astray.toml"],
            1,
            &["does not lead to the authority", "authority.pem"],
        ),
    ];
    check_all(&place, &held, &cases);
}
