//! From the bytes of a file to a table of cells, under limits.
//!
//! What is wrong with the file as a whole refuses it; what is wrong with one row is that row's fault, told with its column, and
//! leaves the others alone. Cells that an export defused, so that a spreadsheet does not take them for formulas, are read as
//! they were. Rows are numbered by the lines of the file, as people and their editors count them.

use crate::answer::ApiError;
use crate::api::import::Lines;
use rollcall_domain::ci::AttributeValue;
use rollcall_domain::ci::decide::VALUE_BYTES;
use rollcall_domain::import::{COLUMNS, ROWS, Refusal, Row};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Cells of one file. At 32 bytes each besides their text they take 64 MiB.
const CELLS: usize = 2_000_000;

/// Bytes of one heading.
const HEADING_BYTES: usize = 200;

/// Bytes of one line of NDJSON.
const LINE_BYTES: usize = 64 << 10;

/// What a spreadsheet would take for a formula, as exports defuse it.
const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// `text/csv`.
    Csv,
    /// `application/x-ndjson`.
    Ndjson,
}

/// What separates cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tabulator.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// The one that is in the first line most often, outside of quotes.
    fn of(bytes: &[u8]) -> Self {
        let mut quoted = false;
        let mut counts = BTreeMap::new();
        for byte in bytes {
            match byte {
                b'"' => quoted = !quoted,
                b'\n' if !quoted => break,
                other if !quoted => *counts.entry(*other).or_insert(0_usize) += 1,
                _ => {}
            }
        }
        let count = |one: &Self| counts.get(&one.byte()).copied().unwrap_or(0);
        // Of equal ones the first: a single column has none at all.
        Self::ALL.into_iter().rev().max_by_key(count).unwrap_or(Self::Comma)
    }
}

/// A file, read.
#[derive(Debug, PartialEq)]
pub struct Table {
    /// Headings, in order.
    pub columns: Vec<String>,
    /// Rows that say anything.
    pub rows: Vec<Row>,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it as a whole.
    pub fn read(bytes: &[u8], written: Written, delimiter: Option<Delimiter>) -> Result<Self, ApiError> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(ApiError::invalid("file", "is UTF-16; save it as UTF-8"));
        }
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        let table = match written {
            Written::Csv => csv(bytes, delimiter.unwrap_or_else(|| Delimiter::of(bytes)))?,
            Written::Ndjson => ndjson(bytes)?,
        };
        if table.rows.is_empty() {
            return Err(ApiError::invalid("file", "has no rows"));
        }
        Ok(table)
    }
}

/// Counts rows and cells against their bounds.
#[derive(Default)]
struct Room {
    rows: u32,
    cells: usize,
}

impl Room {
    /// Makes room for the next row.
    fn row(&mut self, cells: usize) -> Result<(), ApiError> {
        self.rows += 1;
        self.cells += cells;
        if self.rows > ROWS {
            return Err(ApiError::invalid("file", format!("has more than {ROWS} rows; cut it")));
        }
        if self.cells > CELLS {
            return Err(ApiError::invalid("file", format!("has more than {CELLS} cells; cut it")));
        }
        Ok(())
    }
}

fn fault(code: &str, column: Option<&str>, reason: impl Into<String>) -> Refusal {
    Refusal { code: code.into(), column: column.map(str::to_owned), reason: reason.into() }
}

fn csv(bytes: &[u8], delimiter: Delimiter) -> Result<Table, ApiError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter.byte()).from_reader(bytes);
    let mut records = reader.byte_records();
    let broken = |error: csv::Error| ApiError::invalid("file", format!("is no CSV: {error}"));
    let first = records.next().ok_or_else(|| ApiError::invalid("file", "is empty"))?.map_err(broken)?;
    let columns = headings(first.iter())?;
    let mut room = Room::default();
    let mut rows = Vec::new();
    let mut lines = Lines::new(bytes);
    for record in records {
        let record = record.map_err(broken)?;
        room.row(record.len())?;
        let number = numbered(lines.of(record.position().map_or(0, csv::Position::byte)));
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let row = match cells(&record, &columns) {
            Ok(cells) => Row { number, cells, fault: None },
            Err(fault) => Row { number, cells: Vec::new(), fault: Some(fault) },
        };
        rows.push(row);
    }
    Ok(Table { columns, rows })
}

/// No file has so many lines: its bytes are bounded.
fn numbered(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Columns at the end that have neither heading nor cells are what spreadsheets leave behind.
fn headings<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Result<Vec<String>, ApiError> {
    let mut columns = Vec::new();
    for (place, cell) in cells.enumerate() {
        let text = std::str::from_utf8(cell).map_err(|_| ApiError::invalid("file", format!("heading {} is not UTF-8", place + 1)))?;
        let text = text.trim();
        if text.len() > HEADING_BYTES || text.chars().any(char::is_control) {
            let reason = format!(
                "heading {} is longer than {HEADING_BYTES} bytes or has control characters; is the first line the headings?",
                place + 1
            );
            return Err(ApiError::invalid("file", reason));
        }
        columns.push(text.to_owned());
    }
    while columns.last().is_some_and(String::is_empty) {
        columns.pop();
    }
    if let Some(place) = columns.iter().position(String::is_empty) {
        return Err(ApiError::invalid("file", format!("column {} has no heading", place + 1)));
    }
    if columns.is_empty() || columns.len() > COLUMNS {
        return Err(ApiError::invalid("file", format!("must have 1 to {COLUMNS} columns")));
    }
    let mut seen = BTreeSet::new();
    match columns.iter().find(|column| !seen.insert(column.as_str())) {
        Some(twice) => Err(ApiError::invalid("file", format!("has two columns with the heading {twice:?}"))),
        None => Ok(columns),
    }
}

fn cells(record: &csv::ByteRecord, columns: &[String]) -> Result<Vec<Option<AttributeValue>>, Refusal> {
    let extra = record.iter().skip(columns.len()).any(|cell| !cell.trim_ascii().is_empty());
    if record.len() < columns.len() || extra {
        let reason = format!("has {} cells where there are {} headings", record.len(), columns.len());
        return Err(fault("ragged", None, reason));
    }
    record.iter().zip(columns).map(|(cell, column)| text_cell(cell, column)).collect()
}

fn text_cell(cell: &[u8], column: &str) -> Result<Option<AttributeValue>, Refusal> {
    if cell.len() > VALUE_BYTES {
        let reason = format!("is longer than {VALUE_BYTES} bytes; perhaps a quotation mark before it is not closed");
        return Err(fault("too_long", Some(column), reason));
    }
    let text = std::str::from_utf8(cell).map_err(|_| fault("not_utf8", Some(column), "is not UTF-8; save the file as UTF-8"))?;
    let defused = text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULAS));
    let text = defused.unwrap_or(text).trim();
    Ok((!text.is_empty()).then(|| AttributeValue::Text(text.to_owned())))
}

fn ndjson(bytes: &[u8]) -> Result<Table, ApiError> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut columns: Vec<String> = Vec::new();
    let mut room = Room::default();
    let mut rows = Vec::new();
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)).filter(|(_, line)| !line.is_empty());
    for (number, line) in lines {
        let number = numbered(number);

        let object = object(line);
        for name in object.iter().flat_map(Map::keys) {
            if !places.contains_key(name) {
                headings(std::iter::once(name.as_bytes()))?;
                places.insert(name.clone(), columns.len());
                columns.push(name.clone());
            }
        }
        if columns.len() > COLUMNS {
            return Err(ApiError::invalid("file", format!("has more than {COLUMNS} different fields")));
        }
        let cells = object.and_then(|object| {
            let width = object.keys().map(|name| places[name] + 1).max().unwrap_or(0);
            let mut cells = vec![None; width];
            for (name, value) in &object {
                cells[places[name]] = json_cell(value, name)?;
            }
            Ok(cells)
        });
        room.row(cells.as_ref().map_or(0, Vec::len))?;
        rows.push(match cells {
            Ok(cells) => Row { number, cells, fault: None },
            Err(fault) => Row { number, cells: Vec::new(), fault: Some(fault) },
        });
    }
    if columns.is_empty() {
        return Err(ApiError::invalid("file", "has no line that is a JSON object"));
    }
    Ok(Table { columns, rows })
}

fn object(line: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if line.len() > LINE_BYTES {
        return Err(fault("too_long", None, format!("is longer than {LINE_BYTES} bytes")));
    }
    serde_json::from_slice(line).map_err(|error| fault("malformed_json", None, format!("is no JSON object: {error}")))
}

fn json_cell(value: &Value, name: &str) -> Result<Option<AttributeValue>, Refusal> {
    let wrong = || fault("invalid", Some(name), "must be a text, a number, true or false, a list of texts, or null");
    Ok(match value {
        Value::Null => None,
        Value::Bool(value) => Some(AttributeValue::Boolean(*value)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Some(AttributeValue::Integer(whole)),
            (None, Some(number)) => Some(AttributeValue::Number(number)),
            (None, None) => return Err(wrong()),
        },
        Value::String(text) if text.len() > VALUE_BYTES => {
            return Err(fault("too_long", Some(name), format!("is longer than {VALUE_BYTES} bytes")));
        }
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(|text| AttributeValue::Text(text.to_owned())),
        Value::Array(values) => {
            let texts: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
            Some(texts.ok_or_else(wrong)?).filter(|texts| !texts.is_empty()).map(AttributeValue::List)
        }
        Value::Object(_) => return Err(wrong()),
    })
}

#[cfg(test)]
mod tests;
