//! The lab as a picture: for a slide, a page or an issue.
//!
//! `picture` decides what is shown, as boxes inside boxes and lines between them. Each format draws
//! that in a file of its own and decides only how it looks.

mod cluster;
mod dot;
mod line;
mod mermaid;
mod picture;
mod svg;
mod virtual_network;
mod way_out;

use std::{fmt, str::FromStr};

use crate::topology::Topology;

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable Vector Graphics 1.1: the picture itself, in one file that refers to nothing.
    Svg,
    /// A flowchart for Mermaid, as GitHub and GitLab draw it in Markdown.
    Mermaid,
    /// A directed graph with clusters for Graphviz' `dot`.
    Dot,
}

/// A word that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such picture format; take svg, mermaid or dot")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "svg" => Ok(Self::Svg),
            "mermaid" => Ok(Self::Mermaid),
            "dot" => Ok(Self::Dot),
            _ => Err(UnknownFormat),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Svg => "svg",
            Self::Mermaid => "mermaid",
            Self::Dot => "dot",
        })
    }
}

/// Draws the lab. The same lab gives the same text, and every lab can be drawn.
///
/// A lab that is too large to be read as a whole is shown in part: the first nodes of each pool, the
/// first pods of each node, and how many more there are.
pub fn draw(topology: &Topology, format: Format) -> String {
    let picture = picture::of(topology);
    match format {
        Format::Svg => svg::write(&picture),
        Format::Mermaid => mermaid::write(&picture),
        Format::Dot => dot::write(&picture),
    }
}
