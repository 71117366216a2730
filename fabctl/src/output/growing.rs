//! Columns of lines that come one by one: nobody knows how wide they will be.

use std::fmt::Write;

/// No column grows wider, in characters: a longer cell only moves its own line.
const WIDTH_MAX: usize = 44;

/// The widths of all columns but the last. They grow with what comes.
#[derive(Debug)]
pub struct Growing<const N: usize>([usize; N]);

impl<const N: usize> Growing<N> {
    /// Columns that are so wide from the beginning.
    pub const fn from(widths: [usize; N]) -> Self {
        Self(widths)
    }

    /// One line of these cells and `last`, without what could move the cursor.
    pub fn line(&mut self, cells: [&str; N], last: &str) -> String {
        let clean =
            |cell: &str| -> String { cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
        let mut line = String::new();
        for (width, cell) in self.0.iter_mut().zip(cells.map(clean)) {
            *width = (*width).max(cell.chars().count()).min(WIDTH_MAX);
            let _ = write!(line, "{cell:0$}   ", *width);
        }
        line + &clean(last) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_cell_widens_what_comes_behind() {
        let mut columns = Growing::from([3]);
        let lines = ["a", "abcde", "b"].map(|cell| columns.line([cell], "\u{1b}x"));
        assert_eq!(lines, ["a      x\n", "abcde    x\n", "b        x\n"]);
        assert_eq!(columns.line([&"y".repeat(50)], ""), "y".repeat(50) + "   \n");
        assert_eq!(columns.line(["z"], "").len(), WIDTH_MAX + 4);
    }
}
