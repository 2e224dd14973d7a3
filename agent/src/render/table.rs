//! Aligned columns of text that cannot harm a terminal.

use std::fmt::Write;

/// Characters of one cell; longer ones are cut.
const CELL: usize = 60;

/// One column.
pub(super) struct Column {
    pub(super) title: String,
    /// Numbers align at their end.
    pub(super) right: bool,
}

impl Column {
    pub(super) fn left(title: &str) -> Self {
        Self { title: title.to_owned(), right: false }
    }

    pub(super) fn right(title: &str) -> Self {
        Self { title: title.to_owned(), right: true }
    }
}

/// Rows under their titles, indented by two; columns without any content are left out, nothing is written without rows.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| cut(&safe(cell))).collect()).collect();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let kept: Vec<(usize, &Column, usize)> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| (at, column, width(at)))
        .filter(|(_, _, width)| *width > 0)
        .map(|(at, column, width)| (at, column, width.max(column.title.chars().count())))
        .collect();
    let mut text = String::new();
    if kept.iter().any(|(_, column, _)| !column.title.is_empty()) {
        line(&mut text, kept.iter().map(|(_, column, width)| (column.title.as_str(), column.right, *width)));
    }
    for row in &rows {
        line(&mut text, kept.iter().map(|(at, column, width)| (row.get(*at).map_or("", String::as_str), column.right, *width)));
    }
    text
}

fn line<'a>(text: &mut String, cells: impl Iterator<Item = (&'a str, bool, usize)>) {
    let mut written = String::new();
    for (cell, right, width) in cells {
        written.push_str("  ");
        // Writing to a String cannot fail.
        let _ = if right { write!(written, "{cell:>width$}") } else { write!(written, "{cell:<width$}") };
    }
    text.push_str(written.trim_end());
    text.push('\n');
}

/// The text with control characters, and those that turn or hide the writing, as escapes.
pub(super) fn safe(text: &str) -> String {
    let is_steering =
        |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if !text.contains(is_steering) {
        return text.to_owned();
    }
    text.chars().map(|c| if is_steering(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// A text within a line of its own: safe, and no longer than a cell.
pub(super) fn short(text: &str) -> String {
    cut(&safe(text))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        Some(_) => text.chars().take(CELL - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// `4.9 GiB`.
pub(super) fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `3 d 4 h`, the two largest units; below a minute `12.5 s` or `3.2 ms`.
pub(super) fn seconds(value: f64) -> String {
    if value.abs() < 1.0 {
        return if value == 0.0 { "0 s".to_owned() } else { format!("{:.1} ms", value * 1000.0) };
    }
    if value.abs() < 60.0 {
        return format!("{value:.1} s").replace(".0 s", " s");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a u64 holds")]
    let whole = value.clamp(0.0, 1e15) as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", whole % 60),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
