//! The table for programs.

use super::table::{Row, Table, median};

/// The table as JSON.
pub fn render(table: &Table) -> String {
    let groups = table.groups.iter().map(|group| {
        let rows = list(group.rows.iter().map(row), "\n      ");
        format!("{{\n    \"title\": {},\n    \"rows\": {rows}}}", string(&group.title))
    });
    format!(
        "{{\n  \"machine\": {},\n  \"load\": {},\n  \"not_measured\": {},\n  \"groups\": {}\n}}\n",
        string(&table.machine),
        list(table.load.iter().copied().map(number), " "),
        list(table.notes.iter().map(|note| string(note)), " "),
        list(groups, "\n    "),
    )
}

fn row(row: &Row) -> String {
    let (smallest, largest) = row.range();
    let mut fields = vec![
        format!("\"name\": {}", string(&row.name)),
        "\"unit\": \"ms\"".to_owned(),
        format!("\"median\": {}", number(median(&row.samples))),
        format!("\"min\": {}", number(smallest)),
        format!("\"max\": {}", number(largest)),
    ];
    if let Some(target) = row.target {
        fields.push(format!("\"target\": {}", string(&target.to_string())));
        fields.push(format!("\"met\": {}", row.met() == Some(true)));
    }
    if let Some((ratio, text)) = &row.ratio {
        fields.push(format!("\"ratio\": {}", number(*ratio)));
        fields.push(format!("\"ratio_text\": {}", string(text)));
    }
    fields.push(format!("\"samples\": {}", list(row.samples.iter().copied().map(number), " ")));
    format!("{{{}}}", fields.join(", "))
}

fn list(items: impl Iterator<Item = String>, before: &str) -> String {
    let items: Vec<String> = items.map(|item| format!("{before}{item}")).collect();
    format!("[{}]", items.join(",").trim_start_matches(' '))
}

fn number(number: f64) -> String {
    if number.is_finite() { format!("{number:.3}") } else { "null".to_owned() }
}

fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            letter if letter.is_control() => quoted += &format!("\\u{:04x}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
