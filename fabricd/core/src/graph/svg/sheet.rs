//! Where VNets and sites stand, and how lines run between them.
//!
//! Sites stand at the left, then the VNets with their gateways, then the VNets that are peered with
//! those, and so on. So every line leads from a column to the next one or stays in its column, and
//! runs in the space between columns alone: no line ever crosses a box that it does not end at.

use std::cmp::Reverse;

use super::{
    super::picture::{Figure, FigureKind, Line, LineKind, Picture},
    block::{Block, Words},
    lane,
    outside::{self, Row, Way},
    text::Style,
};

/// Between boxes of a column.
const GAP: i32 = 40;
/// Between two lines at one side of a box, so that a label fits between.
pub(super) const PORT: i32 = 64;

/// Everything placed.
#[derive(Debug)]
pub(super) struct Sheet {
    pub blocks: Vec<Block>,
    pub routes: Vec<Route>,
    pub width: i32,
    pub height: i32,
}

/// A line with its label.
#[derive(Debug)]
pub(super) struct Route {
    /// Its class in the style sheet.
    pub class: &'static str,
    /// From the left end to the right one; each stretch is level or upright.
    pub points: Vec<(i32, i32)>,
    pub words: Vec<Words>,
}

/// A line between columns, or within one.
#[derive(Clone, Debug)]
pub(super) struct Link<'p> {
    pub line: &'p Line,
    /// The box at its left end, or the upper one if both are in one column.
    pub left: usize,
    /// The box at its other end.
    pub right: usize,
    /// The row at which it leaves the left box.
    pub from: i32,
    /// The row at which it reaches the right one.
    pub to: i32,
}

impl Link<'_> {
    /// Its class in the style sheet.
    pub fn class(&self) -> &'static str {
        match self.line.kind {
            LineKind::Connected => "connected",
            LineKind::Initiated => "initiated",
            LineKind::Gateway => "outside",
            LineKind::Leaving | LineKind::WayOut => "way-out",
        }
    }

    /// The width of its label.
    pub fn label_width(&self) -> i32 {
        let widths = self.line.label.iter().enumerate().map(|(number, text)| label(number).width(text));
        widths.max().unwrap_or(0)
    }

    /// Its label, from `x`, around the row `y`.
    pub fn words(&self, x: i32, y: i32) -> Vec<Words> {
        let lines = (0..).zip(&self.line.label);
        let place = |number: i32| if number == 0 { y - 7 } else { y + 1 + 14 * number };
        lines
            .map(|(number, text)| {
                Words::new(label(usize::try_from(number).unwrap_or(0)), text).at(x, place(number))
            })
            .collect()
    }
}

fn label(number: usize) -> Style {
    if number == 0 { Style::Label } else { Style::LabelNote }
}

impl Sheet {
    /// Places everything of `picture`.
    pub fn of(picture: &Picture) -> Self {
        let (mut blocks, rows): (Vec<Block>, Vec<Option<Row>>) =
            picture.figures.iter().map(|figure| below_devices(picture, figure)).unzip();
        let home = |id| blocks.iter().position(|block| block.find(id).is_some());
        let ends = picture.lines.iter().filter_map(|line| Some((line, home(line.from)?, home(line.to)?)));
        let ends: Vec<(&Line, usize, usize)> = ends.collect();
        let column = columns(&blocks, &ends);
        let mut links: Vec<Link<'_>> = ends
            .into_iter()
            .map(|(line, from, to)| {
                let swap = (column[to], to) < (column[from], from);
                let (left, right) = if swap { (to, from) } else { (from, to) };
                Link { line, left, right, from: 0, to: 0 }
            })
            .collect();
        for (number, block) in blocks.iter_mut().enumerate() {
            let at = |end: fn(&Link<'_>) -> usize| {
                i32::try_from(links.iter().filter(|link| end(link) == number).count()).unwrap_or(0)
            };
            block.area.height = block.area.height.max(PORT * at(|link| link.left).max(at(|link| link.right)));
        }
        let order = order(&column, &links);
        stand(&mut blocks, &order, &rows);
        beside_gateways(&mut blocks, &order[0], &links);
        lane::dock(&blocks, &column, &mut links);
        let room = order.iter().map(|column| outside::lanes(beside(column, &rows).count()));
        let (routes, width) = lane::run(&mut blocks, &order, &column, &links, &room.collect::<Vec<_>>());
        let labels = routes.iter().flat_map(|route| &route.words).map(|words| words.y + 8);
        let bottoms = blocks.iter().map(|block| block.area.bottom()).chain(labels);
        let height = bottoms.max().unwrap_or(0);
        let mut sheet = Self { blocks, routes, width, height };
        if let Some(internet) = &picture.internet {
            sheet.add_outside(internet, &order, rows);
        }
        sheet
    }

    /// Puts the internet above all, and draws the lines that lead there.
    fn add_outside(&mut self, internet: &Figure, order: &[Vec<usize>], mut rows: Vec<Option<Row>>) {
        let mut sites = order[0].clone();
        sites.sort_by_key(|&site| self.blocks[site].area.y);
        let left = outside::margin(sites.len().saturating_sub(1));
        let internet = outside::internet(internet, self.width + left);
        self.shift(left, outside::depth(&internet));
        self.width = self.width.max(internet.area.width);
        for (network, row) in self.blocks.iter().zip(&mut rows) {
            row.iter_mut().for_each(|row| row.stand(network));
        }
        let mut ways = vec![];
        for (number, &site) in sites.iter().enumerate() {
            let lane = (number > 0).then(|| left - outside::lanes(number));
            ways.push(Way { from: vec![&self.blocks[site]], network: None, lane });
        }
        for column in &order[1..] {
            let right = column.iter().map(|&number| self.blocks[number].area.right()).max().unwrap_or(0);
            for &number in column {
                let Some(row) = &rows[number] else { continue };
                let lane = beside(column, &rows).position(|other| other == number);
                let lane = lane.map(|lane| right + outside::lanes(lane + 1));
                ways.push(Way {
                    from: row.devices.iter().collect(),
                    network: Some(&self.blocks[number]),
                    lane,
                });
            }
        }
        let top = internet.area.bottom();
        self.routes.extend(ways.iter().flat_map(|way| way.routes(top)).collect::<Vec<_>>());
        self.blocks.extend(rows.into_iter().flatten().flat_map(|row| row.devices));
        self.blocks.push(internet);
    }

    fn shift(&mut self, right: i32, down: i32) {
        self.blocks.iter_mut().for_each(|block| block.shift(right, down));
        for route in &mut self.routes {
            for (x, y) in &mut route.points {
                (*x, *y) = (*x + right, *y + down);
            }
            for words in &mut route.words {
                (words.x, words.y) = (words.x + right, words.y + down);
            }
        }
        (self.width, self.height) = (self.width + right, self.height + down);
    }
}

/// The box of a figure and, if it is a VNet, its devices above it.
fn below_devices(picture: &Picture, figure: &Figure) -> (Block, Option<Row>) {
    let block = Block::of(figure);
    let row = Row::of(picture, figure.id, block.area.width);
    let wider = row.as_ref().map(|row| row.width).filter(|width| *width > block.area.width);
    (wider.map_or(block, |width| Block::at_least(figure, width)), row)
}

/// The VNets of a column whose ways out go up beside it, since another one stands above.
fn beside(column: &[usize], rows: &[Option<Row>]) -> impl Iterator<Item = usize> {
    column.iter().copied().skip(1).filter(|&number| rows[number].is_some())
}

/// The column of each box: 0 for sites, 1 for VNets where the way from outside or the most peerings
/// end, and one more for each peering away from those.
fn columns(blocks: &[Block], ends: &[(&Line, usize, usize)]) -> Vec<usize> {
    let mut column: Vec<Option<usize>> =
        blocks.iter().map(|block| (block.kind == FigureKind::Site).then_some(0)).collect();
    let gateways = ends.iter().filter(|(line, ..)| line.kind == LineKind::Gateway);
    let mut front: Vec<usize> = gateways.map(|(_, _, to)| *to).collect();
    let peerings: Vec<_> = ends.iter().filter(|(line, ..)| line.kind != LineKind::Gateway).collect();
    loop {
        for &number in &front {
            column[number].get_or_insert(1);
        }
        while !front.is_empty() {
            let mut next = vec![];
            for &here in &front {
                let away = column[here].map(|column| column + 1);
                for (_, from, to) in peerings.iter().filter(|(_, from, to)| *from == here || *to == here) {
                    let other = if *from == here { *to } else { *from };
                    if column[other].is_none() {
                        column[other] = away;
                        next.push(other);
                    }
                }
            }
            front = next;
        }
        let degree =
            |number| peerings.iter().filter(|(_, from, to)| *from == number || *to == number).count();
        let left = (0..blocks.len()).filter(|&number| column[number].is_none());
        match left.max_by_key(|&number| (degree(number), Reverse(number))) {
            Some(number) => front.push(number),
            None => return column.into_iter().map(|column| column.unwrap_or(1)).collect(),
        }
    }
}

/// The boxes of each column, each near those that it is connected with in the column before.
fn order(column: &[usize], links: &[Link<'_>]) -> Vec<Vec<usize>> {
    let last = column.iter().copied().max().unwrap_or(0);
    let mut order: Vec<Vec<usize>> = vec![vec![]; last + 1];
    for (number, &column) in column.iter().enumerate() {
        order[column].push(number);
    }
    for here in 2..order.len() {
        let before = order[here - 1].clone();
        let rank = |number: &usize| {
            let peers = links.iter().filter(|link| link.right == *number);
            let ranks: Vec<usize> =
                peers.filter_map(|link| before.iter().position(|&other| other == link.left)).collect();
            // The mean, in a form that can be compared exactly.
            (ranks.iter().sum::<usize>() * 1000).checked_div(ranks.len()).unwrap_or(0)
        };
        order[here].sort_by_key(rank);
    }
    order
}

/// Stands the boxes of each column below each other, all columns around one middle.
fn stand(blocks: &mut [Block], order: &[Vec<usize>], rows: &[Option<Row>]) {
    let headroom = |column: &[usize], number: usize| {
        rows[number].as_ref().map_or(0, |row| row.headroom(column.first() == Some(&number)))
    };
    let height = |column: &[usize]| -> i32 {
        let height = |&number: &usize| headroom(column, number) + blocks[number].area.height + GAP;
        column.iter().map(height).sum::<i32>() - GAP
    };
    let heights: Vec<i32> = order.iter().map(|column| height(column)).collect();
    let tallest = heights.iter().copied().max().unwrap_or(0);
    for (column, height) in order.iter().zip(heights) {
        let mut y = (tallest - height) / 2;
        for &number in column {
            y += headroom(column, number);
            blocks[number].place(0, y);
            y += blocks[number].area.height + GAP;
        }
    }
}

/// Moves each site to the height of its gateway, as far as others leave room.
fn beside_gateways(blocks: &mut [Block], sites: &[usize], links: &[Link<'_>]) {
    let wish = |number: usize| {
        let link = links.iter().find(|link| link.left == number)?;
        blocks[link.right].find(link.line.to).map(|gateway| gateway.area.middle())
    };
    let mut wishes: Vec<(i32, usize)> =
        sites.iter().map(|&number| (wish(number).unwrap_or(i32::MAX / 2), number)).collect();
    wishes.sort_unstable();
    let mut free = 0;
    for (middle, number) in wishes {
        let block = &mut blocks[number];
        let y = (middle - block.area.height / 2).max(free);
        let y = if middle == i32::MAX / 2 { free } else { y };
        block.place(0, y);
        free = y + block.area.height + GAP;
    }
}
