//! That a wrong answer is told from a right one: every mistake of [`wrong`] is noticed.

use super::block_on;
use super::compare::{Answered, compare, whole};
use super::confirmed::{self, Asked, Mistake};
use super::expected::{Expected, expected};
use super::federation::Federation;
use super::question::{self, Question};
use super::random::Random;
use super::tree::TIERS;
use super::{any_question, rank, relay, wrong};

/// Answers that a mistake spoils at least, or it would be noticed by chance.
const SPOILT_MIN: usize = 5;
/// Tables of places that are tried for each mistake.
const TRIED: usize = 250;
/// Relayed answers that are tried.
const RELAYED: usize = 500;
/// Confirmed answers that are tried for each mistake.
const CONFIRMED: usize = 40;

/// A question whose answer is right.
struct Right {
    node: usize,
    question: Question,
    answer: Answered,
    wanted: Expected,
}

/// A tree at rest, whose nodes have two catalogues, and questions whose answers are right.
async fn at_rest(random: &mut Random) -> (Federation, Vec<Right>) {
    let mut federation = Federation::start(random, 0, 30).await;
    federation.write(random, 500).await;
    federation.settle(random).await;
    for _ in 0..20 {
        federation.issue(random).await;
    }
    federation.write(random, 100).await;
    federation.settle(random).await;
    let mut questions: Vec<(usize, Question)> =
        question::pinned(&federation.places[0].code).into_iter().map(|question| (0, question)).collect();
    for _ in 0..600 {
        let node = *random.pick(&federation.asked()[..3]);
        let own = &federation.places[node].code;
        questions.push((node, question::question(random, &federation.oracle.standard, own, &TIERS)));
    }
    questions.extend(federation.issued.iter().map(|issued| (issued.node, issued.question(random))));
    let mut right = Vec::new();
    for (node, question) in questions {
        if let Ok(answer) = federation.ask(node, &question.request()) {
            let wanted = says(&federation, node, &question);
            assert_eq!(whole(&question, &answer, &wanted), Ok(()));
            right.push(Right { node, question, answer, wanted });
        }
    }
    (federation, right)
}

fn says(federation: &Federation, node: usize, question: &Question) -> Expected {
    federation.look(node);
    expected(&federation.oracle, question, &federation.places[node].code).ok().unwrap()
}

/// Whether a mistake of the oracle's makes any of the answers wrong.
fn is_noticed(federation: &Federation, all: &[Right]) -> bool {
    !all.iter().all(|Right { node, question, answer, .. }| {
        federation.look(*node);
        let wanted = expected(&federation.oracle, question, &federation.places[*node].code);
        compare(question, &Ok(answer.clone()), &wanted).is_ok()
    })
}

#[test]
fn wrong_answers_are_told_from_right_ones() {
    block_on(async {
        let mut random = Random::new(3);
        let (mut federation, all) = at_rest(&mut random).await;
        counted(&federation, &all);
        answers(&all);
        places(&federation, &all);
        relayed(&mut federation, &mut random).await;
        for mistake in [Mistake::Early, Mistake::Absent] {
            confirmed(&mut federation, &mut random, mistake).await;
        }
    });
}

fn counted(federation: &Federation, all: &[Right]) {
    let sql = &federation.oracle.sql;
    for (mistake, made) in wrong::COUNTED {
        sql.execute_batch("SAVEPOINT right").unwrap();
        sql.execute_batch(made).unwrap();
        assert!(is_noticed(federation, all), "nobody notices that {mistake}");
        sql.execute_batch("ROLLBACK TO right; RELEASE right").unwrap();
    }
    for (mistake, made) in wrong::PERIODS {
        federation.oracle.mistake.set(made);
        assert!(is_noticed(federation, all), "nobody notices that {mistake}");
    }
    federation.oracle.mistake.set("");
    assert!(!is_noticed(federation, all), "and without a mistake all is right");
}

fn answers(all: &[Right]) {
    for (mistake, spoil) in wrong::ANSWERS {
        let mut spoilt = 0;
        for Right { question, answer, wanted, .. } in all {
            let mut answer = answer.clone();
            if spoil(&mut answer) {
                assert!(whole(question, &answer, wanted).is_err(), "nobody notices that {mistake}: {question:?}");
                spoilt += 1;
            }
        }
        assert!(spoilt > SPOILT_MIN, "{mistake}: there were {spoilt}");
    }
}

fn places(federation: &Federation, all: &[Right]) {
    for (mistake, spoil) in wrong::PLACES {
        let (mut random, mut spoilt) = (Random::new(5), 0);
        for Right { node, question, .. } in all.iter().cycle().take(TRIED) {
            let mut is_spoilt = false;
            let mut spoil = |places: &mut _| is_spoilt = spoil(places);
            let told = rank::ask(federation, *node, &mut random, question.clone(), &mut spoil);
            assert_eq!(told.is_err(), is_spoilt, "whether anybody notices that {mistake}: {question:?}");
            spoilt += usize::from(is_spoilt);
            if spoilt > SPOILT_MIN {
                break;
            }
        }
        assert!(spoilt > 2, "{mistake}: there were {spoilt}");
    }
}

async fn relayed(federation: &mut Federation, random: &mut Random) {
    let mut spoilt = [0; wrong::RELAYED.len()];
    for tried in 0..RELAYED {
        if tried % 10 == 0 {
            federation.settle(random).await; // other lines are open
        }
        let (node, question) = any_question(federation, random);
        let question = relay::question(random, federation, question);
        let Some((answer, wanted)) = relay::answered(federation, node, &question, false).await.unwrap() else {
            continue;
        };
        assert_eq!(wanted.compare(&question, &answer), Ok(()));
        for ((mistake, spoil), spoilt) in wrong::RELAYED.iter().zip(&mut spoilt) {
            let mut answer = answer.clone();
            if spoil(&mut answer) {
                assert!(wanted.compare(&question, &answer).is_err(), "nobody notices that {mistake}: {question:?}");
                *spoilt += 1;
            }
        }
    }
    assert!(spoilt.iter().all(|spoilt| *spoilt > SPOILT_MIN), "too few were spoilt: {spoilt:?}");
}

async fn confirmed(federation: &mut Federation, random: &mut Random, mistake: Mistake) {
    let mut noticed = 0;
    for _ in 0..CONFIRMED {
        federation.write(random, 5).await;
        let (node, question) = any_question(federation, random);
        let question = confirmed::question(random, question);
        match confirmed::ask(federation, node, &question, mistake).await {
            Ok(asked) => assert!(mistake != Mistake::Early || asked != Asked::Newer, "nobody notices what is old"),
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 1, "{mistake:?}: {noticed} were noticed");
}
