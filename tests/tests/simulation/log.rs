//! What happened in a simulation, line by line: the same for the same seed.

/// The lines, each with its virtual time.
#[derive(Default)]
pub struct Log {
    lines: Vec<String>,
}

impl Log {
    pub fn note(&mut self, ms: i64, what: impl std::fmt::Display) {
        let line = format!("{}.{:03} {what}", ms / 1_000, ms % 1_000);
        if std::env::var_os("WUJI_SIM_LOG").is_some() {
            eprintln!("{line}");
        }
        self.lines.push(line);
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}
