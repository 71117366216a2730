//! Lines in the space between columns: where they leave boxes, and which lane each has to itself.

use super::{
    super::picture::LineKind,
    block::Block,
    sheet::{Link, PORT, Route},
};

/// Between two lanes.
const LANE: i32 = 14;
/// Between a box and what is beside it.
const ROOM: i32 = 16;
/// Ends that differ by less than this are brought to one row, since a small step looks like a mistake.
const STEP: i32 = 30;

/// Gives each line its rows at both ends.
pub(super) fn dock(blocks: &[Block], column: &[usize], links: &mut [Link<'_>]) {
    for number in 0..blocks.len() {
        for side in [Side::Left, Side::Right] {
            let mut here: Vec<(i32, usize, bool)> = vec![];
            for (index, link) in links.iter().enumerate() {
                let within = column[link.left] == column[link.right];
                if link.left == number && side == Side::Right {
                    here.push((blocks[link.right].area.middle(), index, true));
                }
                // Within a column both ends are at the right side.
                if link.right == number && (side == Side::Right) == within {
                    here.push((blocks[link.left].area.middle(), index, false));
                }
            }
            here.sort_unstable();
            let count = i32::try_from(here.len()).unwrap_or(0);
            for (place, (_, index, left)) in (0..).zip(here) {
                let row = blocks[number].area.middle() + PORT * place - PORT * (count - 1) / 2;
                let link = &mut links[index];
                if left {
                    link.from = row;
                } else {
                    link.to = row;
                }
            }
        }
    }
    let mut taken = std::collections::BTreeMap::new();
    for link in links.iter_mut().filter(|link| link.line.kind == LineKind::Gateway) {
        let gateway = blocks[link.right].find(link.line.to).map_or(link.to, |block| block.area.middle());
        let before = taken.entry(link.line.to).or_insert(0);
        link.to = gateway + [0, -12, 12][*before % 3];
        *before += 1;
        if (link.from - link.to).abs() < STEP && within(blocks, link.left, link.to) {
            link.from = link.to;
        }
    }
    straighten(blocks, column, links);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn within(blocks: &[Block], number: usize, row: i32) -> bool {
    let area = blocks[number].area;
    (area.y + 20..area.bottom() - 20).contains(&row)
}

/// Moves an end to the row of the other one, if that is near and leaves room for its neighbours' labels.
fn straighten(blocks: &[Block], column: &[usize], links: &mut [Link<'_>]) {
    let bows = |one: &Link<'_>| column[one.left] == column[one.right];
    // The rows at the right side of a box, and at its left side.
    let rows = |links: &[Link<'_>], number: usize, side: Side, without: usize| -> Vec<i32> {
        let others = links.iter().enumerate().filter(|(index, _)| *index != without);
        let ends = others.flat_map(|(_, one)| {
            let right = if bows(one) { Side::Right } else { Side::Left };
            [(one.left, Side::Right, one.from), (one.right, right, one.to)]
        });
        ends.filter(|end| end.0 == number && end.1 == side).map(|end| end.2).collect()
    };
    for index in 0..links.len() {
        let Link { left, right, from, to, line } = links[index].clone();
        let steps = from != to && (from - to).abs() < STEP;
        if !steps || line.kind == LineKind::Gateway || bows(&links[index]) {
            continue;
        }
        let free = |number, side, row: i32| {
            let others = rows(links, number, side, index);
            within(blocks, number, row) && others.iter().all(|other| (row - other).abs() >= PORT - STEP / 2)
        };
        if free(right, Side::Left, from) {
            links[index].to = from;
        } else if free(left, Side::Right, to) {
            links[index].from = to;
        }
    }
}

/// Stands the columns side by side with room for the lines, and draws those. Gives the whole width too. `ups` is the
/// room at the right of each column for what goes up there.
pub(super) fn run(
    blocks: &mut [Block],
    order: &[Vec<usize>],
    column: &[usize],
    links: &[Link<'_>],
    ups: &[i32],
) -> (Vec<Route>, i32) {
    let mut routes = vec![];
    let mut x = 0;
    let mut end = 0;
    for (here, numbers) in order.iter().enumerate() {
        if numbers.is_empty() {
            continue;
        }
        let width = numbers.iter().map(|&number| blocks[number].area.width).max().unwrap_or(0);
        for &number in numbers {
            if here == 0 {
                // Sites are as wide as the widest, so that their lines begin in one column.
                blocks[number].area.width = width;
            }
            let y = blocks[number].area.y;
            blocks[number].place(x, y);
        }
        let edge = x + width + ups[here];
        end = if ups[here] > 0 { edge + ROOM } else { end };
        let in_column = |link: &&Link<'_>| column[link.left] == here && column[link.right] == here;
        let onwards = |link: &&Link<'_>| column[link.left] == here && column[link.right] > here;
        let mut bows: Vec<&Link<'_>> = links.iter().filter(in_column).collect();
        bows.sort_by_key(|link| (link.from - link.to).abs());
        let onwards: Vec<&Link<'_>> = links.iter().filter(onwards).collect();

        let mut lane = edge + ROOM;
        if !bows.is_empty() {
            let labels = bows.iter().map(|link| link.label_width()).max().unwrap_or(0);
            let first = edge + ROOM + labels + ROOM;
            for (number, link) in (0..).zip(&bows) {
                routes.push(bow(blocks, link, first + LANE * number, edge + ROOM));
            }
            lane = first + LANE * i32::try_from(bows.len()).unwrap_or(0);
        }
        if onwards.is_empty() {
            x = lane + if bows.is_empty() { ROOM } else { 0 };
            continue;
        }
        let labels = onwards.iter().map(|link| link.label_width()).max().unwrap_or(0);
        let lanes = LANE * i32::try_from(onwards.len().saturating_sub(1)).unwrap_or(0);
        if here == 0 {
            let text = edge + ROOM;
            let lane = text + labels + ROOM;
            x = lane + lanes + ROOM;
            let ends = |link: &Link<'_>| {
                let gateway = blocks[link.right].find(link.line.to);
                x + gateway.map_or(0, |gateway| gateway.area.x - blocks[link.right].area.x)
            };
            routes.extend(through(blocks, &onwards, lane, text, ends));
        } else {
            let text = lane + lanes + ROOM;
            x = text + labels + ROOM;
            routes.extend(through(blocks, &onwards, lane, text, |_| x));
        }
    }
    let boxes = blocks.iter().map(|block| block.area.right());
    let points = routes.iter().flat_map(|route| &route.points).map(|point| point.0 + ROOM);
    let words = routes.iter().flat_map(|route| &route.words).map(|words| words.x + words.width());
    let width = boxes.chain(points).chain(words).chain([end]).max().unwrap_or(0);
    (routes, width)
}

/// A line between two boxes of one column.
fn bow(blocks: &[Block], link: &Link<'_>, lane: i32, text: i32) -> Route {
    let [left, right] = [link.left, link.right].map(|number| blocks[number].area.right());
    let points = vec![(left, link.from), (lane, link.from), (lane, link.to), (right, link.to)];
    Route { class: link.class(), points, words: link.words(text, link.from) }
}

/// Lines to the next column. Those that go up take lanes from the left, those that go down from the
/// right, so that lines of one box do not cross.
fn through(
    blocks: &[Block],
    links: &[&Link<'_>],
    first: i32,
    text: i32,
    ends: impl Fn(&Link<'_>) -> i32,
) -> Vec<Route> {
    let mut links = links.to_vec();
    links.sort_by_key(|link| link.from);
    let (up, mut down): (Vec<_>, Vec<_>) = links.into_iter().partition(|link| link.to <= link.from);
    down.reverse();
    let lanes = (0..).zip(up.into_iter().chain(down));
    lanes
        .map(|(lane, link)| {
            let begin = (blocks[link.left].area.right(), link.from);
            let end = (ends(link), link.to);
            let lane = first + LANE * lane;
            let points = if link.from == link.to {
                vec![begin, end]
            } else {
                vec![begin, (lane, link.from), (lane, link.to), end]
            };
            // At the left the label stands at the site's end, elsewhere before the VNet it leads to.
            let row = if link.line.kind == LineKind::Gateway { link.from } else { link.to };
            Route { class: link.class(), points, words: link.words(text, row) }
        })
        .collect()
}
