//! Times, shares and rates as `tc` writes them, without a float in between.

use std::fmt;

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: write it as {examples}")]
pub struct QuantityError {
    text: String,
    what: &'static str,
    examples: &'static str,
}

/// A time in microseconds, from `50ms`, `1.5ms`, `300us` or `1s`; `0` needs no unit.
///
/// # Errors
/// If it is none, or more than 71 minutes.
pub fn time(text: &str) -> Result<u32, QuantityError> {
    let units = [("us", 1), ("ms", 1_000), ("s", 1_000_000)];
    let micros = quantity(text, &units).and_then(|micros| u32::try_from(micros).ok());
    micros.ok_or_else(|| error(text, "time", "50ms, 300us or 1s"))
}

/// A share in parts of a million, from `10%` or `0.5%`; `0` needs no sign.
///
/// # Errors
/// If it is none, or more than 100%.
pub fn loss(text: &str) -> Result<u32, QuantityError> {
    let parts = quantity(text, &[("%", 10_000)]).and_then(|parts| u32::try_from(parts).ok());
    parts
        .filter(|parts| *parts <= super::LOSS_MAX)
        .ok_or_else(|| error(text, "share of packets", "10% or 0.5%, at most 100%"))
}

/// Bits a second, from `10mbit`, `512kbit`, `1gbit` or `8000bit`, steps of 1,000; `0` needs no unit.
///
/// # Errors
/// If it is none.
pub fn rate(text: &str) -> Result<u64, QuantityError> {
    let units = [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000), ("bit", 1)];
    quantity(text, &units).ok_or_else(|| error(text, "rate", "10mbit, 512kbit or 1gbit"))
}

fn error(text: &str, what: &'static str, examples: &'static str) -> QuantityError {
    QuantityError { text: text.chars().take(40).collect(), what, examples }
}

/// Digits after the point that count.
const DECIMALS: u32 = 6;

/// A number with one of `units` behind it, in any case, as a multiple of the smallest.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    if lower == "0" {
        return Some(0);
    }
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)))?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let length = u32::try_from(decimals.len()).ok().filter(|length| *length <= DECIMALS)?;
    if !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let decimals = decimals.parse::<u64>().ok()? * 10_u64.pow(DECIMALS - length);
    let millionths = u128::from(whole) * 1_000_000 + u128::from(decimals);
    u64::try_from(millionths * u128::from(factor) / 1_000_000).ok()
}

/// Shown as a time.
pub(super) struct Time(pub u32);
/// Shown in percent.
pub(super) struct Loss(pub u32);
/// Shown as a rate.
pub(super) struct Rate(pub u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            micros if micros >= 1_000_000 => write!(f, "{}s", decimal(micros.into(), 1_000_000)),
            micros if micros >= 1_000 => write!(f, "{}ms", decimal(micros.into(), 1_000)),
            micros => write!(f, "{micros}us"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", decimal(self.0.into(), 10_000))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        match bits {
            _ if bits >= 1_000_000_000 => write!(f, "{}Gbit", decimal(bits, 1_000_000_000)),
            _ if bits >= 1_000_000 => write!(f, "{}Mbit", decimal(bits, 1_000_000)),
            _ if bits >= 1_000 => write!(f, "{}Kbit", decimal(bits, 1_000)),
            _ => write!(f, "{bits}bit"),
        }
    }
}

/// `value / unit` without a loss; `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_tc_reads_them() {
        assert_eq!(time("50ms"), Ok(50_000));
        assert_eq!(time("1.5MS"), Ok(1_500));
        assert_eq!(time("300us"), Ok(300));
        assert_eq!(time("0.25s"), Ok(250_000));
        assert_eq!(time("0"), Ok(0));
        assert_eq!(loss("10%"), Ok(100_000));
        assert_eq!(loss("0.5%"), Ok(5_000));
        assert_eq!(loss("100%"), Ok(1_000_000));
        assert_eq!(rate("10mbit"), Ok(10_000_000));
        assert_eq!(rate("1.5Gbit"), Ok(1_500_000_000));
        assert_eq!(rate("8000bit"), Ok(8_000));
        for text in
            ["", "50", "ms", "-5ms", "1e3ms", "1.ms", ".5ms", "5 0ms", "99999999999999999999s", "２ms"]
        {
            assert!(time(text).is_err(), "{text}");
        }
        assert_eq!(
            loss("101%").unwrap_err().to_string(),
            "`101%` is no share of packets: write it as 10% or 0.5%, at most 100%"
        );
        assert!(loss("0.1").is_err());
        assert!(rate("10mbps").is_err());
        assert!(rate("10").is_err());
    }

    #[test]
    fn quantities_are_written_as_tc_writes_them() {
        assert_eq!(Time(50_000).to_string(), "50ms");
        assert_eq!(Time(1_500).to_string(), "1.5ms");
        assert_eq!(Time(2_000_000).to_string(), "2s");
        assert_eq!(Time(7).to_string(), "7us");
        assert_eq!(Loss(5_000).to_string(), "0.5%");
        assert_eq!(Loss(1_000_000).to_string(), "100%");
        assert_eq!(Rate(10_000_000).to_string(), "10Mbit");
        assert_eq!(Rate(1_500).to_string(), "1.5Kbit");
        assert_eq!(Rate(8).to_string(), "8bit");
    }
}
