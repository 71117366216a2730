//! tcpdump's time stamps, as its `-t` flags choose them (print.c and util-print.c of 4.99).

use std::fmt::Write;

/// Nanoseconds since 1970-01-01 00:00 UTC.
pub type Nanoseconds = i64;

const SECOND: i64 = 1_000_000_000;

/// How time stamps look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// No flag: the time of day.
    #[default]
    TimeOfDay,
    /// `-t`: none.
    None,
    /// `-tt`: seconds since 1970.
    Epoch,
    /// `-ttt`: the time since the packet before.
    SincePrevious,
    /// `-tttt`: date and time of day.
    Date,
    /// `-ttttt`: the time since the first packet.
    SinceFirst,
}

impl Style {
    /// The style for `-t` written `count` times; `None` for more than tcpdump takes.
    pub fn from_count(count: usize) -> Option<Self> {
        let styles =
            [Self::TimeOfDay, Self::None, Self::Epoch, Self::SincePrevious, Self::Date, Self::SinceFirst];
        styles.get(count).copied()
    }
}

/// Writes the time stamps of one capture, in the order in which it is given them.
#[derive(Clone, Debug)]
pub struct Clock {
    style: Style,
    nanoseconds: bool,
    utc_offset_seconds: i32,
    /// What a difference is taken from: the first packet, or the one before.
    reference: Option<Nanoseconds>,
}

impl Clock {
    /// A clock that stands `utc_offset_seconds` east of Greenwich, and shows 9 digits behind the
    /// point if `nanoseconds`, else 6.
    pub fn new(style: Style, nanoseconds: bool, utc_offset_seconds: i32) -> Self {
        Self { style, nanoseconds, utc_offset_seconds, reference: None }
    }

    /// The stamp of the next packet, with the blank behind it; empty for [`Style::None`].
    pub fn stamp(&mut self, time: Nanoseconds) -> String {
        let reference = *self.reference.get_or_insert(time);
        if self.style == Style::SincePrevious {
            self.reference = Some(time);
        }
        let local = time + i64::from(self.utc_offset_seconds) * SECOND;
        let mut out = String::new();
        match self.style {
            Style::None => return out,
            Style::Epoch => out.push_str(&time.div_euclid(SECOND).to_string()),
            Style::TimeOfDay => write_clock(&mut out, local.div_euclid(SECOND).rem_euclid(86_400)),
            Style::Date => {
                let seconds = local.div_euclid(SECOND);
                let (year, month, day) = date(seconds.div_euclid(86_400));
                let _ = write!(out, "{year:04}-{month:02}-{day:02} ");
                write_clock(&mut out, seconds.rem_euclid(86_400));
            }
            Style::SincePrevious | Style::SinceFirst => {
                let difference = time - reference;
                out.push_str(if difference < 0 { "-" } else { " " });
                write_clock(&mut out, difference.abs() / SECOND);
                self.write_fraction(&mut out, difference.abs() % SECOND);
                return out + " ";
            }
        }
        self.write_fraction(&mut out, time.rem_euclid(SECOND));
        out + " "
    }

    fn write_fraction(&self, out: &mut String, nanoseconds: i64) {
        let _ = match self.nanoseconds {
            true => write!(out, ".{nanoseconds:09}"),
            false => write!(out, ".{:06}", nanoseconds / 1000),
        };
    }
}

fn write_clock(out: &mut String, seconds: i64) {
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/// Year, month and day of a day counted from 1970-01-01, by Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
