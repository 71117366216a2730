//! Measured boxes: every figure with its texts, and what is in it in its place.

use super::{
    super::{
        picture::{Figure, FigureKind},
        way_out::NO_WAY_OUT,
    },
    flow,
    look::Look,
    text::{Style, shortened},
};

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Area {
    /// The first column right of it.
    pub fn right(self) -> i32 {
        self.x + self.width
    }

    /// The first row below it.
    pub fn bottom(self) -> i32 {
        self.y + self.height
    }

    /// The row through its middle.
    pub fn middle(self) -> i32 {
        self.y + self.height / 2
    }
}

/// A line of text; `y` is the line it stands on.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub style: Style,
    pub text: String,
    pub x: i32,
    pub y: i32,
    /// Whether it goes on where the words before it end, which with a narrow font is left of `x`.
    pub follows: bool,
}

impl Words {
    /// The text, not placed yet.
    pub fn new(style: Style, text: &str) -> Self {
        Self { style, text: text.to_owned(), x: 0, y: 0, follows: false }
    }

    /// The same at a place.
    pub fn at(self, x: i32, y: i32) -> Self {
        Self { x, y, ..self }
    }

    /// How wide it is at the most.
    pub fn width(&self) -> i32 {
        self.style.width(&self.text)
    }
}

/// A box in its place.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The [`Figure::id`].
    pub id: usize,
    pub kind: FigureKind,
    /// Kind and whole name, for the tooltip.
    pub name: String,
    pub look: Look,
    pub area: Area,
    pub words: Vec<Words>,
    /// Straight lines inside.
    pub strokes: Vec<[(i32, i32); 2]>,
    pub blocks: Vec<Block>,
}

/// Between the lines of a text.
const LINE: i32 = 15;
/// Between words of different styles in one line.
pub(super) const BLANK: i32 = 8;

impl Block {
    /// The figure measured, with its upper left corner at 0, 0.
    pub fn of(figure: &Figure) -> Self {
        Self::at_least(figure, 0)
    }

    /// The same, not narrower than `width`.
    pub fn at_least(figure: &Figure, width: i32) -> Self {
        let look = Look::of(figure.kind);
        let mut block = Self {
            id: figure.id,
            kind: figure.kind,
            name: name(figure),
            look,
            area: Area { width, ..Area::default() },
            words: vec![],
            strokes: vec![],
            blocks: figure.figures.iter().map(Self::of).collect(),
        };
        block.write_header(figure);
        block.write_routes(figure);
        flow::inside(&mut block);
        block
    }

    fn write_header(&mut self, figure: &Figure) {
        let Look { padding, title, details, one_line, note, name_max, details_max, .. } = self.look;
        let mut y = padding - 3 + title.size();
        let mut x = self.write(title, &shortened(&figure.title, name_max), padding, y);
        if note && !figure.note.is_empty() {
            x = self.follow(Style::Note, &figure.note, x, y);
        }
        for line in &figure.details {
            let line = shortened(line, details_max);
            if one_line {
                x = self.follow(details, &line, x, y);
            } else {
                y += LINE;
                self.write(details, &line, padding, y);
            }
        }
        if let Some(way_out) = &figure.way_out {
            let style = if way_out == NO_WAY_OUT { Style::Note } else { Style::WayOut };
            self.follow(style, way_out, x, y);
        }
        self.area.height = y + padding - 1;
    }

    fn write_routes(&mut self, figure: &Figure) {
        if figure.routes.is_empty() {
            return;
        }
        let padding = self.look.padding;
        let first = figure.routes.iter().map(|[to, _]| Style::Address.width(to)).max().unwrap_or(0);
        let top = self.area.height - padding + 9;
        let mut y = top + 2;
        for [to, next_hop] in &figure.routes {
            y += LINE;
            self.write(Style::Address, to, padding, y);
            if !next_hop.is_empty() {
                let x = padding + first + BLANK;
                self.write(Style::Address, "→", x, y);
                self.write(Style::Address, next_hop, x + 12 + BLANK, y);
            }
        }
        self.area.height = y + padding - 2;
        self.strokes.push([(padding, top), (self.area.width - padding, top)]);
    }

    /// Writes at `x` and gives back where the text ends. The box becomes as wide as it needs.
    fn write(&mut self, style: Style, text: &str, x: i32, y: i32) -> i32 {
        let words = Words::new(style, text).at(x, y);
        let end = x + words.width();
        self.area.width = self.area.width.max(end + self.look.padding);
        self.words.push(words);
        end
    }

    /// Writes behind what has been written last, which ends at `x` at the most.
    fn follow(&mut self, style: Style, text: &str, x: i32, y: i32) -> i32 {
        let end = self.write(style, text, x + BLANK, y);
        if let Some(words) = self.words.last_mut() {
            words.follows = true;
        }
        end
    }

    /// Moves it with everything in it.
    pub fn shift(&mut self, right: i32, down: i32) {
        (self.area.x, self.area.y) = (self.area.x + right, self.area.y + down);
        for words in &mut self.words {
            (words.x, words.y) = (words.x + right, words.y + down);
        }
        for (x, y) in self.strokes.iter_mut().flatten() {
            (*x, *y) = (*x + right, *y + down);
        }
        self.blocks.iter_mut().for_each(|block| block.shift(right, down));
    }

    /// Moves its upper left corner to this place.
    pub fn place(&mut self, x: i32, y: i32) {
        self.shift(x - self.area.x, y - self.area.y);
    }

    /// The box with this id, itself or in it.
    pub fn find(&self, id: usize) -> Option<&Self> {
        if self.id == id { Some(self) } else { self.blocks.iter().find_map(|block| block.find(id)) }
    }
}

fn name(figure: &Figure) -> String {
    let mut name = format!("{} {}", figure.note, figure.title).trim().to_owned();
    for detail in figure.details.iter().chain(&figure.way_out) {
        name.push_str(", ");
        name.push_str(detail);
    }
    name
}
