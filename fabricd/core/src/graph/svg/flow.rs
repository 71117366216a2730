//! Where boxes go inside a box.

use super::{
    super::picture::FigureKind,
    block::{Area, Block},
};

/// Clusters side by side until they are this wide, in pixels.
const ROW: i32 = 1250;
/// Room for pods in a node with a short name.
const NODE: i32 = 236;

/// Places everything in `block`, below its texts, and makes it as large as that needs.
pub(super) fn inside(block: &mut Block) {
    if block.blocks.is_empty() {
        return;
    }
    match block.kind {
        // Its width is known last: see `internet`.
        FigureKind::Internet => {}
        // Its cluster does it, so that the pods of all its nodes are alike.
        FigureKind::Node => {}
        FigureKind::Cluster => cluster(block),
        FigureKind::Subnet => subnet(block),
        FigureKind::VirtualNetwork => virtual_network(block),
        _ => stack(block),
    }
}

/// What fills a whole row of boxes of equal size, `columns` in a row.
fn grid(blocks: &mut [Block], columns: usize, gap: i32, (x, y): (i32, i32)) -> Area {
    let width = blocks.iter().map(|block| block.area.width).max().unwrap_or(0);
    let mut top = y;
    for row in blocks.chunks_mut(columns.max(1)) {
        let height = row.iter().map(|block| block.area.height).max().unwrap_or(0);
        let mut left = x;
        for block in row {
            block.area.width = width;
            block.area.height = height;
            block.place(left, top);
            left += width + gap;
        }
        top += height + gap;
    }
    let columns = i32::try_from(columns.min(blocks.len())).unwrap_or(i32::MAX);
    Area { x, y, width: columns * (width + gap) - gap, height: top - gap - y }
}

/// Pods fill their node in as many columns as the nodes' names leave room for.
fn pods(nodes: &mut [Block]) {
    let widest =
        |blocks: &mut dyn Iterator<Item = &Block>| blocks.map(|one| one.area.width).max().unwrap_or(0);
    let chip = widest(&mut nodes.iter().flat_map(|node| &node.blocks));
    let name = widest(&mut nodes.iter().filter(|one| one.kind == FigureKind::Node));
    for node in nodes.iter_mut().filter(|node| !node.blocks.is_empty()) {
        let (padding, gap) = (node.look.padding, node.look.gap);
        let room = (name - 2 * padding).max(NODE);
        let columns = ((room + gap) / (chip + gap)).max(1);
        let wide = ((room + gap) / columns - gap).max(chip);
        node.blocks.iter_mut().for_each(|pod| pod.area.width = wide);
        let top = node.area.height - padding + 12;
        let area = grid(&mut node.blocks, usize::try_from(columns).unwrap_or(1), gap, (padding, top));
        node.area.width = node.area.width.max(area.right() + padding);
        node.area.height = area.bottom() + padding;
    }
}

/// Nodes in rows, and below them the routing domain of an overlay.
fn cluster(cluster: &mut Block) {
    let (padding, gap) = (cluster.look.padding, cluster.look.gap);
    let domain = cluster.blocks.pop_if(|last| last.kind == FigureKind::RoutingDomain);
    let columns = match cluster.blocks.len() {
        few @ 0..=3 => few,
        4 => 2,
        5..=9 => 3,
        _ => 4,
    };
    pods(&mut cluster.blocks);
    let top = cluster.area.height - padding + 12;
    let area = grid(&mut cluster.blocks, columns, gap, (padding, top));
    let mut right = area.right();
    let mut bottom = area.bottom();
    if let Some(mut domain) = domain {
        domain.place(padding, bottom + 22);
        right = right.max(domain.area.right());
        domain.area.width = right - padding;
        if cluster.blocks.len() <= columns {
            let ways = cluster.blocks.iter().map(|node| {
                let middle = node.area.x + node.area.width / 2;
                [(middle, node.area.bottom()), (middle, domain.area.y)]
            });
            cluster.strokes.extend(ways);
        }
        bottom = domain.area.bottom();
        cluster.blocks.push(domain);
    }
    cluster.area.width = cluster.area.width.max(right + padding);
    cluster.area.height = bottom + padding;
}

/// Clusters side by side, single machines beside them, the route table at the right edge.
fn subnet(subnet: &mut Block) {
    let (padding, gap) = (subnet.look.padding, subnet.look.gap);
    let top = subnet.area.height - padding + 12;
    let table = subnet.blocks.pop_if(|last| last.kind == FigureKind::RouteTable);
    let (mut clusters, mut single): (Vec<_>, Vec<_>) =
        subnet.blocks.drain(..).partition(|block| block.kind == FigureKind::Cluster);

    let mut row = Area { x: padding, y: top, width: 0, height: 0 };
    let (mut right, mut bottom) = (padding, top);
    for cluster in &mut clusters {
        if row.width > 0 && row.right() + gap + cluster.area.width > ROW {
            row = Area { y: row.bottom() + gap, width: 0, height: 0, ..row };
        }
        let left = if row.width > 0 { row.right() + gap } else { row.x };
        cluster.place(left, row.y);
        row.width = cluster.area.right() - row.x;
        row.height = row.height.max(cluster.area.height);
        (right, bottom) = (right.max(row.right()), bottom.max(row.bottom()));
    }
    if !single.is_empty() {
        let tallest = single.iter().map(|block| block.area.height).max().unwrap_or(0);
        let columns = if clusters.is_empty() {
            // A gateway's line comes in from the left, so gateways stand below each other.
            let gateways = single.iter().filter(|block| block.kind == FigureKind::Gateway).count();
            if gateways > 1 { 1 } else { single.len().min(6) }
        } else {
            let rows = usize::try_from((bottom - top + gap) / (tallest + gap)).unwrap_or(1).max(1);
            single.len().div_ceil(rows)
        };
        let left = if clusters.is_empty() { padding } else { right + gap };
        let area = grid(&mut single, columns, gap, (left, top));
        (right, bottom) = (right.max(area.right()), bottom.max(area.bottom()));
    }
    subnet.blocks = clusters;
    subnet.blocks.append(&mut single);
    if let Some(mut table) = table {
        let left = if subnet.blocks.is_empty() { padding } else { right + gap };
        table.place(left, top);
        (right, bottom) = (table.area.right(), bottom.max(table.area.bottom()));
        subnet.blocks.push(table);
    }
    subnet.area.width = subnet.area.width.max(right + padding);
    subnet.area.height = bottom + padding;
}

/// Boxes of equal width below each other.
fn stack(block: &mut Block) {
    let (padding, gap) = (block.look.padding, block.look.gap);
    let room = (block.area.width - 2 * padding).max(0);
    let area = grid(&mut block.blocks, 1, gap, (padding, block.area.height - padding + 12));
    let width = room.max(area.width);
    block.blocks.iter_mut().for_each(|one| one.area.width = width);
    block.area.width = width + 2 * padding;
    block.area.height = area.bottom() + padding;
}

/// Subnets in rows as wide as the widest of them, each filled. One with a gateway begins a row, since
/// the gateway's line comes in from the left.
fn virtual_network(network: &mut Block) {
    let (padding, gap) = (network.look.padding, network.look.gap);
    let width = network.blocks.iter().map(|subnet| subnet.area.width).max().unwrap_or(0);
    let width = width.max(network.area.width - 2 * padding);
    let has_gateway = |subnet: &Block| subnet.blocks.iter().any(|one| one.kind == FigureKind::Gateway);
    let mut top = network.area.height - padding + 12;
    let mut rest = &mut network.blocks[..];
    while !rest.is_empty() {
        let mut used = rest[0].area.width;
        let mut count = 1;
        while let Some(next) = rest.get(count).filter(|next| !has_gateway(next)) {
            if used + gap + next.area.width > width {
                break;
            }
            used += gap + next.area.width;
            count += 1;
        }
        let (row, below) = rest.split_at_mut(count);
        let height = row.iter().map(|subnet| subnet.area.height).max().unwrap_or(0);
        let mut left = padding;
        let mut spare = width - used;
        for (number, subnet) in row.iter_mut().enumerate() {
            let share = spare / i32::try_from(count - number).unwrap_or(1);
            spare -= share;
            widen(subnet, subnet.area.width + share);
            subnet.area.height = height;
            subnet.place(left, top);
            left = subnet.area.right() + gap;
        }
        top += height + gap;
        rest = below;
    }
    network.area.width = width + 2 * padding;
    network.area.height = top - gap + padding;
}

/// Makes a subnet wider; its route table keeps to the right edge.
fn widen(subnet: &mut Block, width: i32) {
    let by = width - subnet.area.width;
    subnet.area.width = width;
    if let Some(table) = subnet.blocks.last_mut().filter(|last| last.kind == FigureKind::RouteTable) {
        table.shift(by, 0);
    }
}

/// The internet's servers in rows, as many beside each other as `width` has room for.
pub(super) fn internet(internet: &mut Block, width: i32) {
    let (padding, gap) = (internet.look.padding, internet.look.gap);
    let widest = internet.blocks.iter().map(|server| server.area.width).max().unwrap_or(0);
    let columns = ((width - 2 * padding + gap) / (widest + gap)).max(1);
    if !internet.blocks.is_empty() {
        let top = internet.area.height - padding + 12;
        let columns = usize::try_from(columns).unwrap_or(1);
        let area = grid(&mut internet.blocks, columns, gap, (padding, top));
        internet.area.width = internet.area.width.max(area.right() + padding);
        internet.area.height = area.bottom() + padding;
    }
}
