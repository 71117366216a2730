//! How wide a text is, without a font at hand.
//!
//! The widths are those of DejaVu Sans, the widest of the usual fonts for text without serifs: with
//! Segoe UI, Roboto, Helvetica or Arial the same text is narrower and fits all the more.

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The lab's name.
    Title,
    /// A VNet's or a site's name.
    Network,
    /// A subnet's or cluster's name.
    Subnet,
    /// A node's, VM's, gateway's or route table's name.
    Name,
    /// A pod's name.
    Pod,
    /// Words that say what something is.
    Note,
    /// Addresses.
    Address,
    /// A pod's address.
    PodAddress,
    /// By what a subnet leaves for the internet.
    WayOut,
    /// What a line is.
    Label,
    /// What else there is to say of it.
    LabelNote,
}

/// Thousandths of the font size for the characters from blank to tilde, as in DejaVu Sans.
#[rustfmt::skip]
const REGULAR: [u16; 95] = [
    318, 401, 460, 838, 637, 951, 780, 275, 391, 391, 500, 838, 318, 361, 318, 337, 637, 637, 637, 637,
    637, 637, 637, 637, 637, 637, 337, 337, 838, 838, 838, 531, 1000, 685, 687, 699, 771, 632, 576, 775,
    752, 295, 295, 656, 558, 863, 749, 788, 604, 788, 695, 635, 611, 732, 685, 989, 686, 611, 686, 391,
    337, 391, 838, 500, 500, 613, 635, 550, 635, 616, 353, 635, 634, 278, 278, 580, 278, 975, 634, 612,
    635, 635, 412, 521, 393, 634, 592, 818, 592, 592, 525, 637, 337, 637, 838,
];

/// The same for DejaVu Sans Bold.
#[rustfmt::skip]
const BOLD: [u16; 95] = [
    349, 457, 521, 838, 696, 1002, 873, 307, 458, 458, 523, 838, 380, 416, 380, 366, 696, 696, 696, 696,
    696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 581, 1000, 774, 763, 734, 831, 684, 684, 821,
    837, 373, 373, 775, 638, 996, 837, 851, 733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458,
    366, 458, 838, 500, 500, 675, 716, 593, 716, 679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688,
    716, 716, 494, 596, 479, 712, 652, 924, 646, 652, 583, 712, 366, 712, 838,
];

/// Every character of a font of fixed width, or a digit where there is none.
const FIXED: i32 = 637;
/// The middle dot between words.
const DOT: i32 = 380;
/// Any other character: as wide as high.
const OTHER: i32 = 1000;

impl Style {
    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Title => "t1",
            Self::Network => "t2",
            Self::Subnet => "t3",
            Self::Name => "t4",
            Self::Pod => "t5",
            Self::Note => "note",
            Self::Address => "mono",
            Self::PodAddress => "mono small",
            Self::WayOut => "out",
            Self::Label => "label",
            Self::LabelNote => "label-note",
        }
    }

    /// Its font size in pixels, as the style sheet says.
    pub fn size(self) -> i32 {
        match self {
            Self::Title => 22,
            Self::Network => 16,
            Self::Subnet => 13,
            Self::Name | Self::Label => 12,
            Self::Pod | Self::Note | Self::WayOut | Self::Address | Self::LabelNote => 11,
            Self::PodAddress => 10,
        }
    }

    /// The width of `text` in pixels, rounded up.
    pub fn width(self, text: &str) -> i32 {
        let table = match self {
            Self::Note | Self::LabelNote => &REGULAR,
            _ => &BOLD,
        };
        let fixed = matches!(self, Self::Address | Self::PodAddress);
        let one = |c: char| match c {
            ' '..='~' | '·' if fixed => FIXED,
            ' '..='~' => i32::from(table[c as usize - 32]),
            '·' => DOT,
            _ => OTHER,
        };
        let thousandths: i32 = text.chars().map(one).sum();
        (thousandths * self.size() + 999) / 1000
    }
}

/// Takes the middle out of what is longer than `max` characters: the end of a node's or pod's name tells
/// more than its middle.
pub(super) fn shortened(text: &str, max: usize) -> String {
    let length = text.chars().count();
    if length <= max {
        return text.to_owned();
    }
    let end = max / 2 - 1;
    let begin: String = text.chars().take(max - end - 1).collect();
    begin + "…" + &text.chars().skip(length - end).collect::<String>()
}
