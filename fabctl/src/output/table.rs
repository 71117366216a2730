//! Columns of text, as kubectl and az line them up.

use std::iter::zip;

/// Whose table it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Upper case titles, three blanks between columns.
    Kubectl,
    /// Titles underlined with dashes, two blanks between columns.
    Az,
}

/// Lines up `rows` below `titles`; without titles, the rows alone.
///
/// Control characters are taken out, so that no name can move the cursor.
pub fn render(look: Look, titles: Option<&[&str]>, rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let mut widths: Vec<usize> = titles.into_iter().flatten().map(|title| title_width(look, title)).collect();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in zip(&mut widths, row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let gap = match look {
        Look::Kubectl => "   ",
        Look::Az => "  ",
    };
    let mut out = String::new();
    let mut line = |cells: &[String]| {
        let padded: Vec<String> =
            zip(cells, &widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        out.push_str(padded.join(gap).trim_end());
        out.push('\n');
    };
    if let Some(titles) = titles {
        line(&titles.iter().map(|&title| title.to_owned()).collect::<Vec<_>>());
        if look == Look::Az {
            line(&widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>());
        }
    }
    rows.iter().for_each(|row| line(row));
    out
}

fn title_width(look: Look, title: &str) -> usize {
    match look {
        Look::Kubectl => title.len(),
        // Python's tabulate, which az uses, gives a title two columns more than it needs.
        Look::Az => title.len() + 2,
    }
}

fn clean(cell: &str) -> String {
    cell.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        [["a", "Running"], ["a-longer-name", "\u{1b}[31mÄ"]]
            .map(|row| row.map(str::to_owned).to_vec())
            .to_vec()
    }

    #[test]
    fn a_table_looks_like_kubectls() {
        insta::assert_snapshot!(render(Look::Kubectl, Some(&["NAME", "STATUS"]), &rows()), @"
        NAME            STATUS
        a               Running
        a-longer-name   [31mÄ
        ");
        assert_eq!(render(Look::Kubectl, None, &rows()[..1]), "a   Running\n");
    }

    #[test]
    fn a_table_looks_like_azs() {
        insta::assert_snapshot!(render(Look::Az, Some(&["Name", "Prefixes"]), &rows()), @"
        Name           Prefixes
        -------------  ----------
        a              Running
        a-longer-name  [31mÄ
        ");
    }
}
