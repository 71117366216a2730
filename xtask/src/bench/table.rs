//! What was measured, and how it is shown.

use std::{fmt, process::Command};

use crate::run::{Result, output, uid};

/// All that was measured, and where.
pub struct Table {
    /// Cores, kernel, user.
    pub machine: String,
    /// How busy the machine was before and after; our own work counts after.
    pub load: Vec<f64>,
    /// What belongs together.
    pub groups: Vec<Group>,
    /// What could not be measured.
    pub notes: Vec<String>,
}

/// The measurements of one topology.
pub struct Group {
    /// The topology.
    pub title: String,
    /// In the order of the table.
    pub rows: Vec<Row>,
}

/// One thing, measured several times.
pub struct Row {
    /// What.
    pub name: String,
    /// Milliseconds.
    pub samples: Vec<f64>,
    /// How the median compares, and with what.
    pub ratio: Option<(f64, String)>,
    /// What is aimed at.
    pub target: Option<Target>,
}

/// What is aimed at.
#[derive(Clone, Copy)]
pub enum Target {
    /// Fewer milliseconds.
    Below(f64),
    /// A smaller ratio.
    RatioBelow(f64),
    /// A larger ratio.
    FasterThan(f64),
}

impl Table {
    /// Without measurements yet.
    pub fn of_this_machine() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let kernel = output(Command::new("uname").args(["-s", "-r", "-m"]))?;
        let user = if uid()? == 0 { "root" } else { "an ordinary user" };
        let machine = format!("{cores} cores, {}, as {user}", kernel.trim());
        Ok(Self { machine, load: vec![load()?], groups: vec![], notes: vec![] })
    }

    /// Looks once more how busy the machine is.
    pub fn end(&mut self) -> Result {
        self.load.push(load()?);
        Ok(())
    }
}

fn load() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").map_err(|error| error.to_string())?;
    text.split(' ').next().and_then(|word| word.parse().ok()).ok_or("no load average".into())
}

impl Group {
    /// Without rows yet.
    pub fn new(title: String) -> Self {
        Self { title, rows: vec![] }
    }

    /// Adds a row, unless nothing was measured.
    pub fn push(&mut self, row: Row) {
        if !row.samples.is_empty() {
            self.rows.push(row);
        }
    }
}

impl Row {
    /// Without target and ratio.
    pub fn new(name: impl Into<String>, samples: Vec<f64>) -> Self {
        Self { name: name.into(), samples, ratio: None, target: None }
    }

    /// What is aimed at.
    pub fn target(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// How many times as long as `other` it takes.
    pub fn times(self, other: f64, of: &str) -> Self {
        let ratio = median(&self.samples) / other;
        Self { ratio: Some((ratio, format!("{ratio:.1} × {of}"))), ..self }
    }

    /// How many times as long `other` takes.
    pub fn faster(self, other: f64, than: &str) -> Self {
        let ratio = other / median(&self.samples);
        Self { ratio: Some((ratio, format!("{ratio:.1} × faster than {than}"))), ..self }
    }

    /// The same where both are meant to be alike.
    pub fn beside(self, other: f64, as_what: &str) -> Self {
        let ratio = other / median(&self.samples);
        Self { ratio: Some((ratio, format!("{ratio:.2} × as fast as {as_what}"))), ..self }
    }

    /// Whether the target is met, if there is one.
    pub fn met(&self) -> Option<bool> {
        let ratio = self.ratio.as_ref().map(|(ratio, _)| *ratio);
        match self.target? {
            Target::Below(limit) => Some(median(&self.samples) < limit),
            Target::RatioBelow(limit) => ratio.map(|ratio| ratio <= limit),
            Target::FasterThan(limit) => ratio.map(|ratio| ratio >= limit),
        }
    }

    /// The smallest and the largest.
    pub fn range(&self) -> (f64, f64) {
        let smallest = self.samples.iter().copied().fold(f64::INFINITY, f64::min);
        (smallest, self.samples.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

/// The middle one; of an even number, between the two.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(limit) => write!(f, "< {limit} ms"),
            Self::RatioBelow(limit) => write!(f, "≤ {limit} ×"),
            Self::FasterThan(limit) => write!(f, "≥ {limit} ×"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load: Vec<String> = self.load.iter().map(|load| format!("{load:.1}")).collect();
        writeln!(f, "\n{}; load {} (before, after)", self.machine, load.join(", "))?;
        for group in &self.groups {
            let title = ["median", "min", "max", "target"];
            writeln!(f, "\n{}", group.title)?;
            writeln!(
                f,
                "  {:<36}{:>9}{:>9}{:>9}  {:<16}ratio",
                "ms", title[0], title[1], title[2], title[3]
            )?;
            for row in &group.rows {
                let (smallest, largest) = row.range();
                let target = row.target.map_or(String::new(), |target| {
                    let outcome = if row.met() == Some(true) { "met" } else { "MISSED" };
                    format!("{target} {outcome}")
                });
                let ratio = row.ratio.as_ref().map_or("", |(_, text)| text);
                let numbers = [median(&row.samples), smallest, largest].map(digits);
                let [median, smallest, largest] = numbers;
                let line =
                    format!("  {:<36}{median:>9}{smallest:>9}{largest:>9}  {target:<16}{ratio}", row.name);
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        for note in &self.notes {
            writeln!(f, "\nNot measured: {note}")?;
        }
        Ok(())
    }
}

/// Three digits or so.
fn digits(number: f64) -> String {
    match number {
        number if number < 10.0 => format!("{number:.2}"),
        number if number < 100.0 => format!("{number:.1}"),
        number => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn a_target_is_met_by_the_median_or_by_the_ratio() {
        let row = || Row::new("up", vec![90.0, 100.0, 300.0]);
        assert_eq!(row().met(), None);
        assert_eq!(row().target(Target::Below(150.0)).met(), Some(true));
        assert_eq!(row().target(Target::Below(100.0)).met(), Some(false));
        assert_eq!(row().times(50.0, "it").target(Target::RatioBelow(2.5)).met(), Some(true));
        assert_eq!(row().faster(900.0, "it").target(Target::FasterThan(10.0)).met(), Some(false));
    }
}
