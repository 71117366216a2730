//! What happens to the packets of a link that is impaired.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::quantity::{Loss, Rate, Time};

/// Longest delay, in microseconds: a minute.
pub const DELAY_MAX: u32 = 60_000_000;
/// All packets, in parts of a million.
pub const LOSS_MAX: u32 = 1_000_000;

/// What netem does to each packet, in each direction of a link. All zero is a link as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impairment {
    /// Time that it waits, in microseconds, at most [`DELAY_MAX`].
    pub delay: u32,
    /// How much longer or shorter it may wait, in microseconds, evenly distributed; at most `delay`.
    /// Packets can overtake each other.
    pub jitter: u32,
    /// How many are lost by chance, in parts of a million, at most [`LOSS_MAX`].
    pub loss: u32,
    /// Bits a second that get through, a multiple of 8; 0 for no limit.
    pub rate: u64,
}

/// What of an [`Impairment`] is to be set; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// See [`Impairment::delay`].
    pub delay: Option<u32>,
    /// See [`Impairment::jitter`].
    pub jitter: Option<u32>,
    /// See [`Impairment::loss`].
    pub loss: Option<u32>,
    /// See [`Impairment::rate`].
    pub rate: Option<u64>,
}

/// Why settings make no impairment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImpairmentError {
    /// Nothing is set.
    #[error("say what the link shall have: --delay, --jitter, --loss or --rate")]
    Nothing,
    /// More than [`DELAY_MAX`].
    #[error("a delay of {} is more than {}", Time(*.0), Time(DELAY_MAX))]
    Delay(u32),
    /// A packet cannot wait less than no time.
    #[error("the jitter, {}, is more than the delay, {}", Time(*jitter), Time(*delay))]
    Jitter {
        /// Asked for, or set before.
        jitter: u32,
        /// Asked for, or set before.
        delay: u32,
    },
    /// More than all.
    #[error("a loss of {} is more than all packets", Loss(*.0))]
    Loss(u32),
    /// The kernel counts bytes.
    #[error("a rate of {0} bit/s is no whole number of bytes a second")]
    Rate(u64),
}

impl Impairment {
    /// Whether it does nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no packet gets through.
    pub fn loses_all(&self) -> bool {
        self.loss == LOSS_MAX
    }

    /// This one with `settings` made.
    ///
    /// # Errors
    /// If there are none, or what comes of them is none that the kernel could do.
    pub fn with(self, settings: Settings) -> Result<Self, ImpairmentError> {
        let Settings { delay, jitter, loss, rate } = settings;
        if settings == Settings::default() {
            return Err(ImpairmentError::Nothing);
        }
        let result = Self {
            delay: delay.unwrap_or(self.delay),
            jitter: jitter.unwrap_or(self.jitter),
            loss: loss.unwrap_or(self.loss),
            rate: rate.unwrap_or(self.rate),
        };
        match result {
            Self { delay, .. } if delay > DELAY_MAX => Err(ImpairmentError::Delay(delay)),
            Self { delay, jitter, .. } if jitter > delay => Err(ImpairmentError::Jitter { jitter, delay }),
            Self { loss, .. } if loss > LOSS_MAX => Err(ImpairmentError::Loss(loss)),
            Self { rate, .. } if rate % 8 != 0 => Err(ImpairmentError::Rate(rate)),
            _ => Ok(result),
        }
    }
}

impl fmt::Display for Impairment {
    /// In the words of `tc`: `delay 50ms 5ms loss 10% rate 10Mbit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = vec![];
        if self.delay != 0 || self.is_none() {
            words.push(format!("delay {}", Time(self.delay)));
        }
        if self.jitter != 0 {
            words.push(Time(self.jitter).to_string());
        }
        if self.loss != 0 {
            words.push(format!("loss {}", Loss(self.loss)));
        }
        if self.rate != 0 {
            words.push(format!("rate {}", Rate(self.rate)));
        }
        f.write_str(&words.join(" "))
    }
}
