//! The internet above all else, and what leads there: each VNet's devices stand in a row above it, with a line up
//! to the internet and one down to the VNet.

use super::{
    super::picture::{Device, Figure, Picture},
    block::Block,
    flow,
    sheet::Route,
};

/// Between a device and the VNet below it, the internet and what is below it, and two rows of devices.
const DROP: i32 = 24;
const BELOW_THE_INTERNET: i32 = 44;
const ROWS: i32 = 30;
/// Between devices: wide enough for a line of the other row, and to both sides of the row.
const GAP: i32 = 24;
const INSET: i32 = 18;
/// Room above a row that is not the topmost of its column: its lines run to the side there.
const RISE: i32 = 22;
/// Between two lines that go up beside a column.
const LANE: i32 = 14;
/// Devices that are in one row even if that is wider than the VNet.
const ONE_ROW: usize = 4;

/// The devices of one VNet, placed as if the row began at 0, 0.
#[derive(Debug)]
pub(super) struct Row {
    pub devices: Vec<Block>,
    pub width: i32,
    pub height: i32,
}

impl Row {
    /// The devices that lead out of the VNet with this id; `None` without any. They stand in two rows where one would
    /// be wider than `room`, the lower one shifted: the lines of each pass between the boxes of the other.
    pub fn of(picture: &Picture, network: usize, room: i32) -> Option<Self> {
        let here = picture.devices.iter().filter(|device| device.network == network);
        let mut devices: Vec<Block> = here.map(|Device { figure, .. }| Block::of(figure)).collect();
        let count = devices.len();
        let width = devices.iter().map(|device| device.area.width).max()?;
        let height = devices.iter().map(|device| device.area.height).max()?;
        let pitch = width + GAP;
        let wide = |devices: usize| i32::try_from(devices).unwrap_or(i32::MAX / pitch) * pitch - GAP;
        let two_rows = count > ONE_ROW && wide(count) + 2 * INSET > room;
        let upper = if two_rows { count.div_ceil(2) } else { count };
        for (number, device) in devices.iter_mut().enumerate() {
            (device.area.width, device.area.height) = (width, height);
            let place = |number: usize| wide(number + 1) - width;
            if number < upper {
                device.place(place(number), 0);
            } else {
                device.place(place(number - upper) + pitch / 2, height + ROWS);
            }
        }
        let right = devices.iter().map(|device| device.area.right()).max()?;
        let bottom = devices.iter().map(|device| device.area.bottom()).max()?;
        Some(Self { devices, width: right + 2 * INSET, height: bottom })
    }

    /// How much room it needs above its VNet.
    pub fn headroom(&self, topmost: bool) -> i32 {
        self.height + DROP + if topmost { 0 } else { RISE }
    }

    /// Places it above `network`.
    pub fn stand(&mut self, network: &Block) {
        let (x, y) = (network.area.x + INSET, network.area.y - DROP - self.height);
        self.devices.iter_mut().for_each(|device| device.shift(x, y));
    }
}

/// What leads up to the internet from one block: a site, or a row of devices.
pub(super) struct Way<'a> {
    /// The devices; for a site the site itself.
    pub from: Vec<&'a Block>,
    /// The VNet below the devices.
    pub network: Option<&'a Block>,
    /// The column at which its line goes up beside the column of boxes; `None` if it is the topmost there.
    pub lane: Option<i32>,
}

impl Way<'_> {
    /// Its lines; `top` is the lower edge of the internet.
    pub fn routes(&self, top: i32) -> Vec<Route> {
        let middle = |block: &Block| block.area.x + block.area.width / 2;
        let route = |points: Vec<(i32, i32)>| Route { class: "way-out", points, words: vec![] };
        let mut routes = vec![];
        for block in &self.from {
            if let Some(network) = self.network {
                routes
                    .push(route(vec![(middle(block), block.area.bottom()), (middle(block), network.area.y)]));
            }
            if self.lane.is_none() {
                routes.push(route(vec![(middle(block), block.area.y), (middle(block), top)]));
            }
        }
        let (Some(lane), Some(first)) = (self.lane, self.from.first()) else { return routes };
        if self.network.is_none() {
            let left = (first.area.x, first.area.middle());
            routes.push(route(vec![left, (lane, left.1), (lane, top)]));
            return routes;
        }
        // One line for all of them, that the others join.
        let across = first.area.y - RISE / 2;
        let up = |block: &&Block| vec![(middle(block), block.area.y), (middle(block), across)];
        routes.extend(self.from.iter().skip(1).map(|block| route(up(block))));
        let mut points = up(first);
        points.extend([(lane, across), (lane, top)]);
        routes.push(route(points));
        routes
    }
}

/// The internet as wide as all that is below it, with its upper left corner at 0, 0.
pub(super) fn internet(figure: &Figure, width: i32) -> Block {
    let mut block = Block::at_least(figure, width);
    flow::internet(&mut block, width);
    block
}

/// How far down the rest begins.
pub(super) fn depth(internet: &Block) -> i32 {
    internet.area.bottom() + BELOW_THE_INTERNET
}

/// The width of that many lines beside a column.
pub(super) fn lanes(count: usize) -> i32 {
    LANE * i32::try_from(count).unwrap_or(0)
}

/// The room left of a column for that many lines: none ends at the internet's corner.
pub(super) fn margin(count: usize) -> i32 {
    if count == 0 { 0 } else { lanes(count) + INSET }
}
