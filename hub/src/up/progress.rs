//! What is going on, on stderr: a bar on a terminal, plain lines elsewhere. Results go to
//! stdout and are not written here.

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Plain lines tell every so many percent.
const PLAIN_STEP_PERCENT: u64 = 20;

/// Where progress is told. Clones tell at the same place.
#[derive(Clone)]
pub struct Progress {
    /// On a terminal: keeps lines above the bar.
    bars: Option<MultiProgress>,
}

impl Progress {
    /// On stderr.
    pub fn stderr() -> Self {
        Self { bars: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// Tells one line.
    pub fn say(&self, line: &str) {
        match &self.bars {
            // A terminal that is gone is no reason to fail.
            Some(bars) => drop(bars.println(line)),
            None => eprintln!("{line}"),
        }
    }

    /// Begins counting `total` things.
    pub fn count(&self, what: &str, total: u64) -> Count {
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len}  {elapsed}");
            let bar = ProgressBar::new(total).with_message(what.to_owned());
            bars.add(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
        });
        Count { what: what.to_owned(), total, done: 0, told: 0, bar }
    }
}

/// Things being counted.
pub struct Count {
    what: String,
    total: u64,
    done: u64,
    told: u64,
    bar: Option<ProgressBar>,
}

impl Count {
    /// `more` are done.
    pub fn add(&mut self, more: u64) {
        self.done += more;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None => self.tell(),
        }
    }

    /// What has been reached, if a line is due.
    fn due(&mut self) -> Option<u64> {
        let percent = (self.done * 100).checked_div(self.total).unwrap_or(100);
        let step = percent / PLAIN_STEP_PERCENT;
        let due = step > self.told;
        self.told = self.told.max(step);
        due.then_some(percent)
    }

    fn tell(&mut self) {
        if let Some(percent) = self.due() {
            eprintln!("{}: {} of {} ({percent} %)", self.what, self.done, self.total);
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_tell_each_step_once() {
        let mut count = Count { what: "entries".into(), total: 10, done: 0, told: 0, bar: None };
        let mut told = Vec::new();
        for _ in 0..10 {
            count.done += 1;
            told.extend(count.due());
        }
        assert_eq!(told, [20, 40, 60, 80, 100]);
    }
}
