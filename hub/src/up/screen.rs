//! What people see when the federation runs: where everything is, and what to type next.

use std::fmt;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use super::home::Home;
use super::load::Loaded;
use crate::sample::SampleName;

/// The screen of a running federation.
pub struct Welcome<'a> {
    /// Its directory.
    pub home: &'a Home,
    /// What was loaded.
    pub loaded: Loaded,
    /// Whether it will stay until Ctrl-C.
    pub stays: bool,
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, sample) = (&self.home.plan, &self.home.sample);
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["级 tier", "代码 code", "单位 unit", "gRPC", "metrics"]);
        for unit in &plan.units {
            let tier = unit.code.tier();
            table.add_row([
                format!("{} {}", tier.title(), tier.name()),
                unit.code.to_string(),
                unit.name.clone(),
                unit.address(),
                format!("http://127.0.0.1:{}/metrics", unit.metrics_port),
            ]);
        }
        writeln!(f, "五级 Wuji: {} nodes run on this machine, one process each.\n\n{table}\n", plan.units.len())?;
        writeln!(f, "Directory   {}", self.home.path().display())?;
        writeln!(f, "Entries     {} written now, {} were there", self.loaded.written, self.loaded.present)?;
        writeln!(f, "            {}", sample.settings.title)?;
        writeln!(f, "            {}", provenance(sample.name))?;
        if self.stays { self.next(f) } else { Ok(()) }
    }
}

impl Welcome<'_> {
    fn next(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = &self.home.plan.units;
        let (Some(root), Some(last)) = (units.first(), units.last()) else { return Ok(()) };
        let (from, to) = (self.home.sample.first, self.home.sample.last);
        writeln!(f, "\nIn another terminal:\n")?;
        writeln!(f, "  export WUJI_CONTEXTS='{}'", self.home.contexts().display())?;
        writeln!(f, "  wuji status                 # {} and its links", root.name)?;
        writeln!(f, "  wuji tree                   # every unit")?;
        writeln!(f, "  wuji stats --measure mediation.accepted --from {from} --to {to} --by dispute_type")?;
        writeln!(f, "  wuji stats --measure entries --from {from} --to {to} --by unit")?;
        writeln!(f, "  wuji -c {} ledger list mediation", last.code)?;
        writeln!(f, "\nCtrl-C stops everything; the same command goes on from there.")
    }
}

const fn provenance(name: SampleName) -> &'static str {
    match name {
        SampleName::Ju => {
            "示例数据 Sample data: generated, with the proportions of a published report (黄石市, August 2016)."
        }
        SampleName::Huangshi => {
            "示例数据 Sample data: the sums are those of the published report; the single cases are generated."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_names_every_unit_says_what_the_data_is_and_what_to_type() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path(), Some(SampleName::Ju), 1_795_392_000_000).unwrap();
        let text = Welcome { home: &home, loaded: Loaded { written: 2, present: 1 }, stays: true }.to_string();
        for unit in &home.plan.units {
            assert!(text.contains(&unit.name) && text.contains(&unit.address()), "{}", unit.code);
        }
        for wanted in ["Sample data", "wuji status", "wuji tree", "--from 2025-11 --to 2026-10", "Ctrl-C"] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
        assert!(text.contains(&home.contexts().display().to_string()));
        let once = Welcome { home: &home, loaded: Loaded::default(), stays: false }.to_string();
        assert!(!once.contains("wuji status"));
    }
}
