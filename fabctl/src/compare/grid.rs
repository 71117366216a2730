//! A table whose cells may have several lines.

/// Between columns.
const GAP: usize = 2;
/// No column is made narrower: most addresses fit, and five columns into 100 characters.
const CELL_MIN: usize = 14;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What stands before it.
    pub label: String,
    /// One for each column; line ends are kept.
    pub cells: Vec<String>,
}

/// Lines up rows in `width` characters if their words are short enough; words are never cut.
///
/// Control characters are taken out, so that no name can move the cursor.
pub fn render(rows: &[Row], width: usize) -> String {
    let label = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let room = width.saturating_sub(label + GAP * columns) / columns.max(1);
    let limit = room.max(CELL_MIN);
    let wrapped: Vec<Vec<Vec<String>>> =
        rows.iter().map(|row| row.cells.iter().map(|cell| wrap(cell, limit)).collect()).collect();
    let mut widths = vec![0; columns];
    for cells in &wrapped {
        for (width, lines) in widths.iter_mut().zip(cells) {
            let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
            *width = (*width).max(longest);
        }
    }
    let mut out = String::new();
    for (row, cells) in rows.iter().zip(&wrapped) {
        let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
        for line in 0..height {
            let first = if line == 0 { row.label.as_str() } else { "" };
            let mut text = format!("{first:label$}");
            for (cell, width) in cells.iter().zip(&widths) {
                let part = cell.get(line).map_or("", String::as_str);
                text.push_str(&format!("{:GAP$}{part:width$}", ""));
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
    }
    out
}

/// Lines of at most `limit` characters, longer ones only where a word is.
fn wrap(cell: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![];
    for part in cell.split('\n') {
        let mut line = String::new();
        for word in part.split(' ').map(|word| word.chars().filter(|c| !c.is_control()).collect::<String>()) {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > limit {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, cells: &[&str]) -> Row {
        Row { label: label.to_owned(), cells: cells.iter().map(|&cell| cell.to_owned()).collect() }
    }

    #[test]
    fn words_wrap_and_are_never_cut() {
        let rows = [
            row("LAB", &["kubenet", "a-name-that-is-longer-than-a-column"]),
            row("hops", &["1 client's node\n2 device", "1 \u{1b}[31mdevice"]),
            row("encapsulated", &["between hosts: VXLAN 1000, VNet aks-vnet", "no"]),
            row("reached by", &[]),
        ];
        insta::assert_snapshot!(render(&rows, 48), @r"
        LAB           kubenet           a-name-that-is-longer-than-a-column
        hops          1 client's node   1 [31mdevice
                      2 device
        encapsulated  between hosts:    no
                      VXLAN 1000, VNet
                      aks-vnet
        reached by
        ");
    }
}
