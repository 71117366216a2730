//! Which of tcpdump's flags a capture may have.
//!
//! A flag that is in no list is refused: a newer tcpdump may have given it a meaning that writes
//! files or runs programs.

/// What becomes of one flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Goes to tcpdump as it is.
    Pass,
    /// Goes to tcpdump with its value.
    PassValue(Value),
    /// `-c`: how many packets.
    Count,
    /// `-i`: which interface.
    Interface,
    /// `-w`: where to write.
    Write,
    /// Is so anyway.
    Drop,
    /// Cannot be here; why, and what to do.
    Refuse(&'static str),
}

/// What a flag's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Digits.
    Number,
    /// Letters, digits, `_` and `-`.
    Word,
    /// Anything that is not empty.
    Text,
}

const READS: &str = "a capture reads live packets; for files use `tcpdump -r FILE` on your machine";
const FILTER: &str = "write the filter itself, behind `--`";
const ROTATES: &str = "files do not rotate here; use `fabctl exec TARGET -- tcpdump …` for that";
const RUNS: &str = "no program is run for a capture; use `fabctl exec TARGET -- tcpdump …` for that";
const ASKS: &str = "it captures nothing; use `fabctl exec TARGET -- tcpdump …` to ask tcpdump";
const USER: &str = "tcpdump's user is chosen by the daemon";
const FILES: &str = "it makes tcpdump read a file; use `fabctl exec TARGET -- tcpdump …` for that";
const WIRELESS: &str = "there are no wireless interfaces in a lab";
const PRINT: &str = "choose text or `-w`; not both";

/// tcpdump 4.99's one-letter flags.
pub(super) fn short(flag: char) -> Option<Treatment> {
    use Treatment::{Count, Drop, Interface, Pass, PassValue, Refuse, Write};
    Some(match flag {
        'A' | 'a' | 'b' | 'e' | 'f' | 'H' | 'K' | 'N' | 'n' | 'O' | 'p' | 'q' | 'S' | 't' | 'u' | 'v'
        | 'X' | 'x' | '#' => Pass,
        'B' | 's' => PassValue(Value::Number),
        'j' | 'Q' | 'T' | 'y' => PassValue(Value::Word),
        'M' => PassValue(Value::Text),
        'c' => Count,
        'i' => Interface,
        'w' => Write,
        'l' | 'U' => Drop,
        'r' | 'V' => Refuse(READS),
        'F' => Refuse(FILTER),
        'C' | 'G' | 'W' => Refuse(ROTATES),
        'z' => Refuse(RUNS),
        'Z' => Refuse(USER),
        'E' | 'm' => Refuse(FILES),
        'I' => Refuse(WIRELESS),
        'D' | 'd' | 'h' | 'J' | 'L' => Refuse(ASKS),
        _ => return None,
    })
}

/// tcpdump 4.99's long flags, without the dashes, and the one-letter flag that they stand for.
pub(super) fn long(flag: &str) -> Option<Treatment> {
    use Treatment::{Pass, PassValue, Refuse};
    let letter = match flag {
        "absolute-tcp-sequence-numbers" => 'S',
        "buffer-size" => 'B',
        "direction" => 'Q',
        "dont-verify-checksums" => 'K',
        "help" | "version" => 'h',
        "interface" => 'i',
        "linktype" => 'y',
        "list-data-link-types" => 'L',
        "list-interfaces" => 'D',
        "list-time-stamp-types" => 'J',
        "monitor-mode" => 'I',
        "no-optimize" => 'O',
        "no-promiscuous-mode" => 'p',
        "number" => '#',
        "packet-buffered" => 'U',
        "relinquish-privileges" => 'Z',
        "snapshot-length" => 's',
        "time-stamp-type" => 'j',
        "immediate-mode" | "micro" | "nano" => return Some(Pass),
        "time-stamp-precision" => return Some(PassValue(Value::Word)),
        "count" => return Some(Refuse(READS)),
        "print" => return Some(Refuse(PRINT)),
        _ => return None,
    };
    short(letter)
}
