//! The picture as a graph for Graphviz.

use std::fmt::Write;

use super::picture::{Figure, FigureKind, LineKind, Picture};

const HEAD: &str = "  graph [rankdir=LR, compound=true, nodesep=0.15, ranksep=1.2, fontname=\"Helvetica,Arial,sans-serif\", fontsize=12];
  node [shape=box, style=\"filled,rounded\", fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, height=0.3, margin=\"0.1,0.05\"];
  edge [fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, dir=none, penwidth=2];
";

/// Writes the whole graph.
pub(super) fn write(picture: &Picture) -> String {
    let mut out = String::from("digraph lab {\n");
    out.push_str(HEAD);
    let _ = writeln!(
        out,
        "  label=\"{}\\n{}\"; labelloc=t; labeljust=l;",
        escape(&picture.title),
        escape(&picture.summary)
    );
    let devices = picture.devices.iter().map(|device| &device.figure);
    let figures: Vec<&Figure> = picture.figures.iter().chain(devices).chain(&picture.internet).collect();
    for figure in &figures {
        write_figure(&mut out, figure, 1);
    }
    for line in &picture.lines {
        let label: Vec<String> = line.label.iter().map(|text| escape(text)).collect();
        let (style, colour) = match line.kind {
            LineKind::Connected => ("solid", "#2b7cc9"),
            LineKind::Initiated => ("dashed", "#8b97a4"),
            LineKind::Gateway | LineKind::Leaving | LineKind::WayOut => ("solid", "#17807b"),
        };
        let ends = [line.from, line.to].map(|id| end(&figures, id));
        let mut attributes = format!("label=\"{}\", style={style}, color=\"{colour}\"", label.join("\\n"));
        if matches!(line.kind, LineKind::Leaving | LineKind::WayOut) {
            attributes.push_str(", dir=forward");
        }
        for (end, side) in ends.iter().zip(["ltail", "lhead"]) {
            if let Some(id) = end.strip_prefix('c') {
                let _ = write!(attributes, ", {side}=cluster_{id}");
            }
        }
        let _ = writeln!(out, "  {} -> {} [{attributes}];", ends[0], ends[1]);
    }
    out.push_str("}\n");
    out
}

/// The node that an edge to this figure is tied to: a box with something in it has an invisible one.
fn end(figures: &[&Figure], id: usize) -> String {
    let has_parts =
        figures.iter().find_map(|figure| find(figure, id)).is_some_and(|figure| !figure.figures.is_empty());
    format!("{}{id}", if has_parts { 'c' } else { 'f' })
}

fn find(figure: &Figure, id: usize) -> Option<&Figure> {
    if figure.id == id { Some(figure) } else { figure.figures.iter().find_map(|inner| find(inner, id)) }
}

fn colours(kind: FigureKind) -> (&'static str, &'static str) {
    match kind {
        FigureKind::VirtualNetwork => ("#eef5fc", "#2b7cc9"),
        FigureKind::Subnet => ("#ffffff", "#a9c8e8"),
        FigureKind::Cluster => ("#f7f8fa", "#b9c3ce"),
        FigureKind::Node
        | FigureKind::HostPod
        | FigureKind::VirtualMachine
        | FigureKind::Machine
        | FigureKind::Server => ("#ffffff", "#6b7a8a"),
        FigureKind::Pod | FigureKind::PodAddresses => ("#e3f3e6", "#5da56c"),
        FigureKind::OverlayPod | FigureKind::RoutingDomain => ("#efe8fa", "#8a63c9"),
        FigureKind::Appliance => ("#fdf1e7", "#c8641b"),
        FigureKind::RouteTable => ("#fffaf2", "#d9a15f"),
        FigureKind::Gateway | FigureKind::Device | FigureKind::PublicAddress => ("#e4f4f3", "#17807b"),
        FigureKind::Internet => ("#f3f5f8", "#55637a"),
        FigureKind::Site => ("#f8f4ee", "#8d7350"),
        FigureKind::More => ("#f1f3f5", "#c5ccd4"),
    }
}

fn write_figure(out: &mut String, figure: &Figure, depth: usize) {
    let indent = "  ".repeat(depth);
    let (fill, stroke) = colours(figure.kind);
    let id = figure.id;
    if figure.figures.is_empty() {
        let label = lines(figure).join("\\n");
        let _ = writeln!(out, "{indent}f{id} [label=\"{label}\", fillcolor=\"{fill}\", color=\"{stroke}\"];");
        return;
    }
    let label = lines(figure).join("\\l");
    let _ = writeln!(out, "{indent}subgraph cluster_{id} {{");
    let _ = writeln!(
        out,
        "{indent}  label=\"{label}\\l\"; labeljust=l; style=\"filled,rounded\"; fillcolor=\"{fill}\"; color=\"{stroke}\";"
    );
    let _ = writeln!(out, "{indent}  c{id} [style=invis, shape=point, width=0, height=0];");
    for inner in &figure.figures {
        write_figure(out, inner, depth + 1);
    }
    let _ = writeln!(out, "{indent}}}");
}

/// The label's lines, escaped.
fn lines(figure: &Figure) -> Vec<String> {
    let mut lines = vec![escape(&figure.title)];
    if !matches!(figure.kind, FigureKind::Pod | FigureKind::OverlayPod | FigureKind::HostPod) {
        lines.push(escape(&figure.note));
    }
    lines.extend(figure.details.iter().chain(&figure.way_out).map(|detail| escape(detail)));
    lines.extend(figure.routes.iter().map(|[to, next_hop]| match next_hop.as_str() {
        "" => escape(to),
        next_hop => format!("{} → {}", escape(to), escape(next_hop)),
    }));
    lines
}

/// Inside a quoted string of the DOT language. `\` begins an escape there, and HTML's character
/// references are read as characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("&quot;"),
            '\\' => out.push_str("&#92;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
