//! The published monthly report of Huangshi's justice bureau, one row a figure.

use super::SampleError;

const FILE: &str = include_str!("../../../config/samples/huangshi-2016-08.csv");

const HEADER: &str = "figure,key,value,unit";

/// 分 in a 元.
pub const FEN_PER_YUAN: u64 = 100;

/// A prevented escalation: its published name, cases, people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prevented {
    /// As published.
    pub name: String,
    /// 件
    pub cases: u64,
    /// 人
    pub people: u64,
}

/// The report's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// 受理纠纷, 件
    pub accepted: u64,
    /// 调解成功, 件
    pub succeeded: u64,
    /// 协议涉及金额, 分
    pub amount_fen: u64,
    /// By source, as published.
    pub sources: Vec<(String, u64)>,
    /// By type of dispute.
    pub types: Vec<(String, u64)>,
    /// Prevented escalations.
    pub prevented: Vec<Prevented>,
}

impl Published {
    /// The report that ships with the program.
    pub fn huangshi() -> Result<Self, SampleError> {
        Self::read(FILE).map_err(|problem| SampleError::Published { problem })
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().zip(1..);
        if lines.next().map(|(header, _)| header) != Some(HEADER) {
            return Err(format!("line 1: the header must be `{HEADER}`"));
        }
        let mut published = Self::default();
        for (line, number) in lines {
            published.take(line).map_err(|problem| format!("line {number}: {problem}"))?;
        }
        published.check()?;
        Ok(published)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let fields: Vec<&str> = line.split(',').collect();
        let &[figure, key, value, unit] = fields.as_slice() else { return Err(format!("`{HEADER}` wants 4 fields")) };
        let number = || value.parse::<u64>().map_err(|_| format!("{value:?} is not a whole number"));
        match (figure, key, unit) {
            ("total", "受理纠纷", "件") => self.accepted = number()?,
            ("total", "调解成功", "件") => self.succeeded = number()?,
            ("total", "协议涉及金额", "元") => self.amount_fen = fen(value)?,
            ("source", _, "件") => self.sources.push((key.to_owned(), number()?)),
            ("type", _, "件") => self.types.push((key.to_owned(), number()?)),
            ("prevented", _, "件") => {
                self.prevented.push(Prevented { name: key.to_owned(), cases: number()?, people: 0 });
            }
            ("prevented", _, "人") => {
                let known = self.prevented.iter_mut().find(|prevented| prevented.name == key);
                known.ok_or_else(|| format!("people of {key:?} before its cases"))?.people = number()?;
            }
            _ => return Err(format!("the figure {figure:?} {key:?} in {unit:?} is not known")),
        }
        Ok(())
    }

    /// The report ties out; a copy that does not is damaged.
    fn check(&self) -> Result<(), String> {
        for (what, parts) in [("sources", &self.sources), ("types", &self.types)] {
            let sum: u64 = parts.iter().map(|(_, count)| count).sum();
            if sum != self.accepted {
                return Err(format!("the {what} sum to {sum}, not to the {} cases", self.accepted));
            }
        }
        Ok(())
    }
}

fn fen(yuan: &str) -> Result<u64, String> {
    let refuse = || format!("{yuan:?} is not an amount like 1234.50");
    let (whole, cents) = yuan.split_once('.').ok_or_else(refuse)?;
    if cents.len() != 2 {
        return Err(refuse());
    }
    let (whole, cents): (u64, u64) = (whole.parse().map_err(|_| refuse())?, cents.parse().map_err(|_| refuse())?);
    whole.checked_mul(FEN_PER_YUAN).and_then(|fen| fen.checked_add(cents)).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_report_has_the_published_figures() {
        let published = Published::huangshi().unwrap();
        assert_eq!((published.accepted, published.succeeded, published.amount_fen), (869, 842, 2_873_800_000));
        assert_eq!((published.sources.len(), published.types.len()), (3, 15));
        let prevented: Vec<(u64, u64)> = published.prevented.iter().map(|p| (p.cases, p.people)).collect();
        assert_eq!(prevented, [(1, 4), (3, 15)]);
    }

    #[test]
    fn a_damaged_report_is_refused_with_the_place() {
        for (from, to, wanted) in [
            ("邻里,278", "邻里,277", "types sum to 868"),
            ("申请调解,378", "申请调解,379", "sources sum to 870"),
            ("869,件", "869,人", "line 2"),
            ("28738000.00", "28738000", "line 4"),
            ("figure,key", "figure;key", "line 1"),
            ("type,其他,54,件", "type,其他,54", "4 fields"),
        ] {
            let problem = Published::read(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(problem.contains(wanted), "{problem}");
        }
    }
}
