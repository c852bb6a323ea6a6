//! An independent oracle: plain SQL over `SQLite` that holds all raw records, and shares no code
//! with what folds, rolls up and answers. Random trees write random records over all ledgers;
//! at rest, and while replication is running, random questions are answered by both.
//!
//! A failure prints the seed. `WUJI_ORACLE_SEED=7 cargo test -p wuji-node --test oracle`
//! replays that tree; `WUJI_ORACLE_TREES=500` tries so many.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_collect,
    reason = "a test fails by panicking"
)]

#[path = "support/clock.rs"]
#[allow(dead_code, reason = "another test asks more of it")]
mod clock;
#[path = "oracle/compare.rs"]
mod compare;
#[path = "oracle/confirmed.rs"]
mod confirmed;
#[path = "oracle/coverage.rs"]
mod coverage;
#[path = "oracle/database.rs"]
mod database;
#[path = "support/driver.rs"]
#[allow(dead_code, reason = "another test asks more of it")]
mod driver;
#[path = "oracle/expected.rs"]
mod expected;
#[path = "oracle/federation.rs"]
mod federation;
#[path = "oracle/flight.rs"]
mod flight;
#[path = "oracle/lines.rs"]
mod lines;
#[path = "oracle/noticed.rs"]
mod noticed;
#[path = "oracle/question.rs"]
mod question;
#[path = "oracle/random.rs"]
mod random;
#[path = "oracle/rank.rs"]
mod rank;
#[path = "oracle/records.rs"]
mod records;
#[path = "oracle/relay.rs"]
mod relay;
#[path = "oracle/reports.rs"]
mod reports;
#[path = "oracle/standard.rs"]
mod standard;
#[path = "oracle/standings.rs"]
mod standings;
#[path = "oracle/times.rs"]
mod times;
#[path = "oracle/tree.rs"]
mod tree;
#[path = "oracle/wrong.rs"]
mod wrong;

use confirmed::{Asked, Mistake};
use expected::expected;
use federation::Federation;
use question::Question;
use random::Random;

/// Trees of a usual run.
const TREES: u64 = 10;
/// What is asked of one tree each time that it is at rest.
const QUESTIONS: usize = 100;
/// What is asked of others.
const RELAYED: usize = 40;
/// Stretches of writing and some replication before it is.
const STRETCHES: usize = 6;
/// What is asked after each.
const QUESTIONS_IN_FLIGHT: usize = 15;
/// Differences that are shown.
const SHOWN_MAX: usize = 3;
/// Reports that are issued after each round.
const REPORTS: usize = 2;
/// Rounds of writing, replication and questions.
const ROUNDS: usize = 4;

/// A number that the environment gives.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// What was compared.
#[derive(Default)]
struct Tally {
    exact: usize,
    plausible: usize,
    refused: usize,
    in_flight: usize,
    /// Of these, tables of places.
    places: usize,
    relayed: usize,
    confirmed: usize,
    /// Of these, those that had to wait for something.
    newer: usize,
    differences: Vec<String>,
}

/// A question to any node; often one about what it has reported.
fn any_question(federation: &Federation, random: &mut Random) -> (usize, Question) {
    if random.percent(12) && !federation.issued.is_empty() {
        let issued = random.pick(&federation.issued);
        return (issued.node, issued.question(random));
    }
    let node = *random.pick(&federation.asked());
    let own = &federation.places[node].code;
    federation.look(node);
    let scopes = federation.oracle.below(own);
    let scope = if random.percent(50) { own } else { random.pick(&scopes) };
    (node, question::question(random, &federation.oracle.standard, scope, &tree::TIERS))
}

/// Asks any node any question; what differs, if anything.
fn ask(federation: &Federation, random: &mut Random, tally: &mut Tally) -> Result<(), String> {
    let (node, question) = any_question(federation, random);
    let own = &federation.places[node].code;
    let oracle = &federation.oracle;
    let seen = federation.seen(node);
    federation.look(node);
    let shown = format!("{question:?}");
    let told = |difference: String| format!("{own} is asked {shown}: {difference}");
    if seen.values().any(|seen| seen.since != seen.at) {
        tally.plausible += flight::plausible(federation, node, &question).map_err(told)?;
        return Ok(());
    }
    if random.percent(20) {
        tally.places += usize::from(rank::ask(federation, node, random, question.clone(), &mut |_| ()).map_err(told)?);
        return Ok(());
    }
    let answer = federation.ask(node, &question.request());
    let wanted = expected(oracle, &question, own);
    compare::compare(&question, &answer, &wanted).map_err(told)?;
    *(if wanted.is_err() { &mut tally.refused } else { &mut tally.exact }) += 1;
    Ok(())
}

/// Asks any node what others may have to answer.
async fn ask_below(federation: &Federation, random: &mut Random, tally: &mut Tally) {
    let (node, question) = any_question(federation, random);
    let (question, by_asking) = (relay::question(random, federation, question), random.percent(30));
    let told = relay::ask(federation, node, &question, by_asking).await;
    let own = &federation.places[node].code;
    match told {
        Ok(relayed) => tally.relayed += usize::from(relayed),
        Err(difference) => tally.differences.push(format!("{own} asks for {question:?} ({by_asking}): {difference}")),
    }
}

/// Asks any node for what everybody has acknowledged.
async fn ask_all(federation: &mut Federation, random: &mut Random, tally: &mut Tally) {
    federation.write(random, 3).await;
    let (node, question) = any_question(federation, random);
    let question = confirmed::question(random, question);
    let own = federation.places[node].code.clone();
    match confirmed::ask(federation, node, &question, Mistake::None).await {
        Ok(asked) => {
            tally.confirmed += usize::from(asked != Asked::Unknown);
            tally.newer += usize::from(asked == Asked::Newer);
        }
        Err(difference) => tally.differences.push(format!("{own} has {question:?} confirmed: {difference}")),
    }
}

fn ask_some(federation: &Federation, random: &mut Random, tally: &mut Tally, questions: usize) {
    for _ in 0..questions {
        let difference = ask(federation, random, tally).err();
        tally.differences.extend(difference);
    }
}

async fn one_tree(seed: u64, tally: &mut Tally) {
    let mut random = Random::new(seed);
    let before_all = tally.differences.len();
    let root = [0, 0, 0, 1, 2, 3, 4][random.below(7)];
    let others = if random.percent(40) { 30 } else { 0 };
    let mut federation = Federation::start(&mut random, root, others).await;
    for _ in 0..ROUNDS {
        for _ in 0..STRETCHES {
            federation.write(&mut random, 10).await;
            federation.carry_some(&mut random).await;
            let before = tally.exact;
            ask_some(&federation, &mut random, tally, QUESTIONS_IN_FLIGHT);
            tally.in_flight += tally.exact - before;
            ask_all(&mut federation, &mut random, tally).await;
        }
        federation.settle(&mut random).await;
        ask_some(&federation, &mut random, tally, QUESTIONS);
        for _ in 0..RELAYED {
            ask_below(&federation, &mut random, tally).await;
        }
        for _ in 0..REPORTS {
            federation.issue(&mut random).await;
        }
        tally.differences.extend(federation.oracle.unstated());
    }
    let replay = |difference| format!("WUJI_ORACLE_SEED={seed} replays: {difference}");
    let of_this = tally.differences.split_off(before_all);
    tally.differences.extend(of_this.into_iter().map(replay));
}

#[test]
fn every_answer_is_what_plain_sql_says() {
    let seeds = match given("WUJI_ORACLE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..given("WUJI_ORACLE_TREES").unwrap_or(TREES),
    };
    let mut tally = Tally::default();
    for seed in seeds.clone() {
        block_on(one_tree(seed, &mut tally));
    }
    let Tally { exact, plausible, refused, in_flight, places, relayed, confirmed, newer, differences } = tally;
    println!(
        "{exact} answers are what plain SQL says, {in_flight} of them while replication was running; {refused} are refused"
    );
    println!("{relayed} answers were put together by several nodes, or by another one");
    println!("{confirmed} answers have what everybody acknowledged, {newer} of them what had not come before");
    println!("{places} times several units were placed as they must be");
    println!("{plausible} figures of nodes that lacked something are possible");
    let first: Vec<&String> = differences.iter().take(SHOWN_MAX).collect();
    assert!(differences.is_empty(), "{} answers are wrong; the first: {first:#?}", differences.len());
    if seeds == (0..TREES) {
        assert!(exact > 3_000 && in_flight > 800 && plausible > 3_000 && places > 10, "too little was compared");
    }
}
