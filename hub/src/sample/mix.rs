//! How many cases of each kind: the published figures in the words of the ledger.

use super::published::Published;
use super::random::{Random, apportion};

/// Amounts are whole hundreds of 元, as people agree on them; in 分.
const AMOUNT_STEP_FEN: u64 = 10_000;

/// Of 100 agreements so many are about money [our assumption: the report gives the sum only].
const WITH_MONEY_PERCENT: u64 = 60;

/// The report's words for sources, and the ledger's.
pub const SOURCES: [(&str, &[&str]); 3] = [
    ("主动调解", &["主动调解"]),
    ("申请调解", &["当事人申请"]),
    ("接受委托移送", &["法院", "公安", "信访", "其他部门移送"]),
];

/// The report's words for prevented escalations, and the ledger's.
pub const PREVENTED: [(&str, &str); 2] = [("防止民间纠纷转化为刑事案件", "转刑事"), ("防止群体性上访", "群体上访")];

/// The ledger's word where nothing was prevented.
pub const PREVENTED_NOTHING: &str = "无";

/// Cases of each kind.
#[derive(Clone, Debug)]
pub struct Mix {
    types: Vec<(String, u64)>,
    sources: Vec<(&'static str, u64)>,
    succeeded: u64,
    amount_fen: u64,
    /// Word, cases, people.
    prevented: Vec<(&'static str, u64, u64)>,
}

/// What is given about one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// 纠纷类型
    pub dispute_type: String,
    /// 来源
    pub source: &'static str,
    /// 调解成功
    pub succeeded: bool,
    /// 协议涉及金额, 分
    pub amount_fen: Option<u64>,
    /// What was prevented, and how many people took part.
    pub prevented: Option<(&'static str, u64)>,
}

impl Mix {
    /// The published numbers themselves.
    pub fn of(published: &Published) -> Self {
        let count = |name: &str| published.sources.iter().find(|(n, _)| n == name).map_or(0, |(_, count)| *count);
        let sources = SOURCES
            .iter()
            .flat_map(|(name, words)| words.iter().copied().zip(apportion(&vec![1; words.len()], count(name))));
        let prevented = PREVENTED.iter().filter_map(|(name, word)| {
            let known = published.prevented.iter().find(|p| p.name == *name)?;
            Some((*word, known.cases, known.people))
        });
        Self {
            types: published.types.clone(),
            sources: sources.collect(),
            succeeded: published.succeeded,
            amount_fen: published.amount_fen,
            prevented: prevented.collect(),
        }
    }

    /// How many cases.
    pub fn cases(&self) -> u64 {
        self.types.iter().map(|(_, count)| count).sum()
    }

    /// The same proportions for `cases` cases.
    #[must_use]
    pub fn scaled(&self, cases: u64) -> Self {
        let base = self.cases().max(1);
        let scale = |count: u64| (count * cases + base / 2) / base;
        let counts = |weights: Vec<u64>| apportion(&weights, cases);
        let types = counts(self.types.iter().map(|(_, count)| *count).collect());
        let sources = counts(self.sources.iter().map(|(_, count)| *count).collect());
        let prevented = self.prevented.iter().map(|(word, all, people)| {
            let some = scale(*all);
            (*word, some, if *all == 0 { 0 } else { people * some / all })
        });
        Self {
            types: self.types.iter().map(|(word, _)| word.clone()).zip(types).collect(),
            sources: self.sources.iter().map(|(word, _)| *word).zip(sources).collect(),
            succeeded: scale(self.succeeded),
            amount_fen: scale(self.amount_fen) / AMOUNT_STEP_FEN * AMOUNT_STEP_FEN,
            prevented: prevented.collect(),
        }
    }

    /// The cases, in random order; the sums are the mix's exactly.
    pub fn deal(&self, random: &mut Random) -> Vec<Case> {
        let types = deck(self.types.iter().map(|(word, count)| (word.clone(), *count)), random);
        let sources = deck(self.sources.iter().copied(), random);
        let failed = self.cases() - self.succeeded;
        let outcomes = deck([(true, self.succeeded), (false, failed)].into_iter(), random);
        let mut amounts = self.amounts(random).into_iter();
        let mut prevented = self.prevented.iter().flat_map(|(word, cases, people)| {
            apportion(&vec![1; usize::try_from(*cases).unwrap_or(0)], *people).into_iter().map(|people| (*word, people))
        });
        let cases = types.into_iter().zip(sources).zip(outcomes);
        cases
            .map(|((dispute_type, source), succeeded)| {
                // Only where mediation succeeded was anything agreed or prevented.
                let amount_fen = if succeeded { amounts.next().flatten() } else { None };
                let prevented = if succeeded { prevented.next() } else { None };
                Case { dispute_type, source, succeeded, amount_fen, prevented }
            })
            .collect()
    }

    /// One for each succeeded case. Sizes differ as they do in life: many small, few large.
    fn amounts(&self, random: &mut Random) -> Vec<Option<u64>> {
        let with_money = (self.succeeded * WITH_MONEY_PERCENT).div_ceil(100);
        let weights: Vec<u64> = (0..with_money).map(|_| 1 + random.below(40) * random.below(40)).collect();
        let steps = self.amount_fen / AMOUNT_STEP_FEN;
        // One step each first, so that no agreement about money is about nothing.
        let each = u64::from(steps >= with_money);
        let parts = apportion(&weights, steps - each * with_money);
        let rest = self.amount_fen % AMOUNT_STEP_FEN;
        let mut amounts: Vec<Option<u64>> = parts.iter().map(|part| Some((part + each) * AMOUNT_STEP_FEN)).collect();
        if let Some(Some(first)) = amounts.first_mut() {
            *first += rest;
        }
        amounts.resize(usize::try_from(self.succeeded).unwrap_or(0), None);
        random.shuffle(&mut amounts);
        amounts
    }
}

/// Each word as often as its count says, shuffled.
fn deck<T: Clone>(counts: impl Iterator<Item = (T, u64)>, random: &mut Random) -> Vec<T> {
    let mut deck: Vec<T> =
        counts.flat_map(|(word, count)| std::iter::repeat_n(word, usize::try_from(count).unwrap_or(0))).collect();
    random.shuffle(&mut deck);
    deck
}
