//! What each kind of figure looks like.

use super::{super::picture::FigureKind, text::Style};

/// Measures of a box, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Its class in the style sheet.
    pub class: &'static str,
    /// Of its corners.
    pub radius: i32,
    /// Between its border and what is in it.
    pub padding: i32,
    /// Between two boxes in it.
    pub gap: i32,
    /// Of its name.
    pub title: Style,
    /// Of the lines below.
    pub details: Style,
    /// Whether its note and details stand beside the name, in one line.
    pub one_line: bool,
    /// Whether its note is shown.
    pub note: bool,
    /// Most characters of its name; the whole of it is in the tooltip.
    pub name_max: usize,
    /// Most characters of a line below.
    pub details_max: usize,
}

impl Look {
    /// The look of `kind`.
    pub fn of(kind: FigureKind) -> Self {
        let card = Self {
            class: "machine",
            radius: 4,
            padding: 10,
            gap: 6,
            title: Style::Name,
            details: Style::Address,
            one_line: false,
            note: true,
            name_max: 40,
            details_max: usize::MAX,
        };
        let chip = Self {
            padding: 7,
            title: Style::Pod,
            details: Style::PodAddress,
            note: false,
            name_max: 28,
            ..card
        };
        match kind {
            FigureKind::VirtualNetwork => Self {
                class: "network",
                radius: 10,
                padding: 18,
                gap: 14,
                title: Style::Network,
                one_line: true,
                name_max: 64,
                ..card
            },
            FigureKind::Subnet => Self {
                class: "subnet",
                radius: 7,
                padding: 14,
                gap: 14,
                title: Style::Subnet,
                one_line: true,
                name_max: 64,
                ..card
            },
            FigureKind::Cluster => {
                Self { class: "cluster", radius: 6, padding: 12, gap: 12, title: Style::Subnet, ..card }
            }
            FigureKind::Node => Self { class: "node", note: false, ..card },
            FigureKind::Pod => Self { class: "pod", ..chip },
            FigureKind::OverlayPod => Self { class: "overlay-pod", ..chip },
            FigureKind::HostPod => Self { class: "host-pod", ..chip },
            FigureKind::More => Self { class: "more", note: true, ..chip },
            FigureKind::RoutingDomain => Self { class: "domain", ..card },
            FigureKind::PodAddresses => Self { class: "pod", details: Style::Note, ..card },
            FigureKind::VirtualMachine | FigureKind::Machine => card,
            FigureKind::Appliance => Self { class: "appliance", ..card },
            FigureKind::RouteTable => Self { class: "table", details: Style::Note, ..card },
            FigureKind::Gateway => Self { class: "gateway", ..card },
            FigureKind::Device => Self { class: "device", ..card },
            FigureKind::PublicAddress => Self { class: "public", radius: 10, ..card },
            FigureKind::Internet => Self {
                class: "internet",
                radius: 10,
                padding: 16,
                gap: 12,
                title: Style::Network,
                one_line: true,
                ..card
            },
            FigureKind::Server => Self { details_max: 40, ..card },
            FigureKind::Site => {
                Self { class: "site", radius: 10, padding: 16, gap: 10, title: Style::Network, ..card }
            }
        }
    }
}
