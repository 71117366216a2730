//! The picture as a flowchart for Mermaid.

use std::fmt::Write;

use super::picture::{Figure, FigureKind, LineKind, Picture};

/// Writes the whole chart.
pub(super) fn write(picture: &Picture) -> String {
    let mut out = String::from("flowchart LR\n");
    let _ = writeln!(out, "  accTitle: Lab {}", one_line(&picture.title));
    let _ = writeln!(out, "  accDescr: {}", one_line(&picture.summary));
    let devices = picture.devices.iter().map(|device| &device.figure);
    for figure in picture.figures.iter().chain(devices).chain(&picture.internet) {
        write_figure(&mut out, figure, 1);
    }
    for (number, line) in picture.lines.iter().enumerate() {
        let arrow = match line.kind {
            LineKind::Connected => "<-->",
            LineKind::Initiated => "-.->",
            LineKind::Gateway => "===",
            LineKind::Leaving | LineKind::WayOut => "-->",
        };
        let label = line.label.iter().map(|text| escape(text)).collect::<Vec<_>>().join("<br/>");
        let label = if label.is_empty() { label } else { format!("|\"{label}\"|") };
        let _ = writeln!(out, "  f{} {arrow}{label} f{}", line.from, line.to);
        let colour = match line.kind {
            LineKind::Connected => "#2b7cc9",
            LineKind::Initiated => "#8b97a4",
            LineKind::Gateway | LineKind::Leaving | LineKind::WayOut => "#17807b",
        };
        let _ = writeln!(out, "  linkStyle {number} stroke:{colour},stroke-width:2px");
    }
    out.push_str(CLASSES);
    out
}

/// The colours of the other formats.
const CLASSES: &str = "  \
classDef network fill:#eef5fc,stroke:#2b7cc9,color:#1b2733
  classDef subnet fill:#ffffff,stroke:#a9c8e8,color:#1b2733
  classDef cluster fill:#f7f8fa,stroke:#b9c3ce,color:#1b2733
  classDef node fill:#ffffff,stroke:#6b7a8a,color:#1b2733
  classDef pod fill:#e3f3e6,stroke:#5da56c,color:#1b2733
  classDef overlayPod fill:#efe8fa,stroke:#8a63c9,color:#1b2733
  classDef appliance fill:#fdf1e7,stroke:#c8641b,color:#1b2733
  classDef table fill:#fffaf2,stroke:#d9a15f,color:#1b2733
  classDef gateway fill:#e4f4f3,stroke:#17807b,color:#1b2733
  classDef site fill:#f8f4ee,stroke:#8d7350,color:#1b2733
  classDef internet fill:#f3f5f8,stroke:#55637a,color:#1b2733
  classDef more fill:#f1f3f5,stroke:#c5ccd4,stroke-dasharray:2 2,color:#1b2733
";

fn class(kind: FigureKind) -> &'static str {
    match kind {
        FigureKind::VirtualNetwork => "network",
        FigureKind::Subnet => "subnet",
        FigureKind::Cluster => "cluster",
        FigureKind::Node
        | FigureKind::HostPod
        | FigureKind::VirtualMachine
        | FigureKind::Machine
        | FigureKind::Server => "node",
        FigureKind::Pod | FigureKind::PodAddresses => "pod",
        FigureKind::OverlayPod | FigureKind::RoutingDomain => "overlayPod",
        FigureKind::Appliance => "appliance",
        FigureKind::RouteTable => "table",
        FigureKind::Gateway | FigureKind::Device | FigureKind::PublicAddress => "gateway",
        FigureKind::Internet => "internet",
        FigureKind::Site => "site",
        FigureKind::More => "more",
    }
}

fn write_figure(out: &mut String, figure: &Figure, depth: usize) {
    let indent = "  ".repeat(depth);
    let (id, label, class) = (figure.id, label(figure), class(figure.kind));
    if figure.figures.is_empty() {
        let _ = writeln!(out, "{indent}f{id}[\"{label}\"]:::{class}");
        return;
    }
    let _ = writeln!(out, "{indent}subgraph f{id}[\"{label}\"]");
    for inner in &figure.figures {
        write_figure(out, inner, depth + 1);
    }
    let _ = writeln!(out, "{indent}end");
    let _ = writeln!(out, "{indent}class f{id} {class}");
}

fn label(figure: &Figure) -> String {
    let mut lines = vec![format!("<b>{}</b>", escape(&figure.title))];
    if !matches!(figure.kind, FigureKind::Pod | FigureKind::OverlayPod | FigureKind::HostPod) {
        lines.push(escape(&figure.note));
    }
    lines.extend(figure.details.iter().chain(&figure.way_out).map(|detail| escape(detail)));
    lines.extend(figure.routes.iter().map(|[to, next_hop]| match next_hop.as_str() {
        "" => escape(to),
        next_hop => format!("{} → {}", escape(to), escape(next_hop)),
    }));
    lines.retain(|line| !line.is_empty());
    lines.join("<br/>")
}

/// Mermaid's own form of character codes for all that could mean something to it, to Markdown or to HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push('\u{fffd}'),
            c if c.is_alphanumeric() || " .,-/:+·()".contains(c) => out.push(c),
            c => {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    out
}

/// For the lines that take no codes: only what means nothing there.
fn one_line(text: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || " .,-·".contains(c);
    text.chars().map(|c| if harmless(c) { c } else { '_' }).collect()
}
