//! Tables and lists of records that people send in: CSV, NDJSON, or JSON. Each row succeeds or fails on its own.

use super::Api;
use super::caller::BodyHash;
use crate::answer::{ApiError, Code};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use rollcall_domain::Rejection;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The largest body of an import. All advisories of a distribution are sent in some pieces of this size.
const IMPORT_BYTES: usize = 32 << 20;

/// Rows of one import.
const ROWS: usize = 100_000;

/// Refused rows that are told one by one; the others are counted.
const TOLD: usize = 1_000;

/// Columns of a table.
const COLUMNS: usize = 100;

/// How the rows came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `text/csv`: texts under the names of a header line.
    Csv,
    /// `application/x-ndjson`: one JSON value a line.
    Ndjson,
    /// `application/json`: an array, or one record.
    Json,
}

/// A row, or why it could not be read.
#[derive(Debug)]
pub struct Row {
    /// Line of the file at which it begins, the headings of a CSV being line 1; in JSON its place in the array, from 1.
    pub number: u64,
    /// What it says.
    pub content: Result<Value, String>,
}

/// Rows in their order.
#[derive(Debug)]
pub struct Table {
    /// How they came.
    pub kind: Kind,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// Reads each row into something under a key; of rows with one key the last counts. A row that cannot be read is refused under
    /// what its field `named` says.
    pub fn read<K: Ord, T>(self, named: &str, read: impl Fn(&Value) -> Result<(K, T), Rejection>) -> (ImportReport, BTreeMap<K, T>) {
        let mut report = ImportReport { rows: self.rows.len() as u64, ..ImportReport::default() };
        let mut found = BTreeMap::new();
        for row in self.rows {
            match row.content {
                Err(reason) => report.refuse(row.number, None, None, reason),
                Ok(value) => match read(&value) {
                    Ok((key, one)) => drop(found.insert(key, one)),
                    Err(rejection) => report.reject(row.number, value[named].as_str(), rejection),
                },
            }
        }
        (report, found)
    }
}

/// A row that was not taken in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefusedRow {
    /// Line of the file at which it begins, the headings of a CSV being line 1; in JSON its place in the array, from 1.
    pub row: u64,
    /// What it is about, as far as it could be read.
    pub subject: Option<String>,
    /// The field that is wrong, when it is one.
    pub field: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// What became of an import.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ImportReport {
    /// Rows that were read.
    pub rows: u64,
    /// Rows that said something new.
    pub accepted: u64,
    /// Rows that said what is known already.
    pub unchanged: u64,
    /// Rows that were not taken in.
    pub refused: u64,
    /// The first thousand of those, each with its reason.
    pub refusals: Vec<RefusedRow>,
}

impl ImportReport {
    /// With so many rows that said something new; the rest was known.
    pub fn settled(self, accepted: u64) -> Self {
        Self { accepted, unchanged: self.rows.saturating_sub(self.refused + accepted), ..self }
    }

    /// Notes a row that was not taken in.
    pub fn refuse(&mut self, row: u64, subject: Option<&str>, field: Option<String>, reason: String) {
        self.refused += 1;
        if self.refusals.len() < TOLD {
            let short = |text: &str| text.chars().take(300).collect::<String>();
            self.refusals.push(RefusedRow { row, subject: subject.map(short), field, reason: short(&reason) });
        }
    }

    /// Notes a row that the domain did not take in.
    pub fn reject(&mut self, row: u64, subject: Option<&str>, rejection: Rejection) {
        match rejection {
            Rejection::Invalid { field, reason } => self.refuse(row, subject, Some(field), reason),
            other => self.refuse(row, subject, None, other.to_string()),
        }
    }
}

impl FromRequest<Api> for Table {
    type Rejection = ApiError;

    async fn from_request(request: Request, _api: &Api) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "text/csv" => Kind::Csv,
            "application/x-ndjson" => Kind::Ndjson,
            "application/json" => Kind::Json,
            _ => {
                let detail = "the body must be text/csv, application/x-ndjson or application/json (Content-Type)";
                return Err(ApiError::new(Code::UnsupportedMediaType, detail));
            }
        };
        let too_large = || ApiError::new(Code::PayloadTooLarge, format!("the body is larger than {IMPORT_BYTES} bytes: send it in pieces"));
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, IMPORT_BYTES).await.map_err(|_| too_large())?;
        BodyHash::note(&parts.extensions, &bytes);
        let rows = match kind {
            Kind::Csv => csv_rows(&bytes)?,
            Kind::Ndjson => ndjson_rows(&bytes),
            Kind::Json => json_rows(&bytes)?,
        };
        if rows.len() > ROWS {
            return Err(ApiError::new(Code::PayloadTooLarge, format!("the body has more than {ROWS} rows: send it in pieces")));
        }
        Ok(Self { kind, rows })
    }
}

/// Finds the lines at which records of a CSV begin. The reader itself tells where it stood before it skipped empty lines.
pub(super) struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl<'b> Lines<'b> {
    /// Of a whole file.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, line: 1 }
    }

    /// The line, from 1, of the first record at or after a byte; asked in the order of the file.
    pub fn of(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX).min(self.bytes.len());
        while let Some(&here) = self.bytes.get(self.at).filter(|&&here| self.at < byte || matches!(here, b'\r' | b'\n')) {
            self.line += u64::from(here == b'\n');
            self.at += 1;
        }
        self.line
    }
}

fn csv_rows(bytes: &[u8]) -> Result<Vec<Row>, ApiError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|error| ApiError::invalid("header", error.to_string()))?.clone();
    if header.is_empty() || header.len() > COLUMNS {
        return Err(ApiError::invalid("header", format!("must name 1 to {COLUMNS} columns")));
    }
    // A byte order mark is no part of the first name.
    let names: Vec<String> = header.iter().map(|name| name.trim_start_matches('\u{feff}').to_ascii_lowercase()).collect();
    let mut rows = Vec::new();
    let mut lines = Lines::new(bytes);
    for (place, record) in (2..).zip(reader.records()).take(ROWS + 1) {
        let mut line = |position: Option<&csv::Position>| position.map_or(place, |position| lines.of(position.byte()));
        rows.push(match record {
            Ok(record) => {
                let number = line(record.position());
                let fields: Map<String, Value> = names.iter().cloned().zip(record.iter().map(Value::from)).collect();
                Row { number, content: Ok(Value::Object(fields)) }
            }
            Err(error) => Row { number: line(error.position()), content: Err(error.to_string()) },
        });
    }
    Ok(rows)
}

fn ndjson_rows(bytes: &[u8]) -> Vec<Row> {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    let read = |line: &[u8]| serde_json::from_slice(line).map_err(|error| error.to_string());
    lines.take(ROWS + 1).map(|(number, line)| Row { number, content: read(line) }).collect()
}

fn json_rows(bytes: &[u8]) -> Result<Vec<Row>, ApiError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| ApiError::new(Code::MalformedJson, error.to_string()))?;
    let values = match value {
        Value::Array(values) => values,
        other => vec![other],
    };
    Ok((1..).zip(values).map(|(number, value)| Row { number, content: Ok(value) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_broken_line_breaks_no_other() {
        let rows = ndjson_rows(b"{\"a\":1}\n\n{\n[2]\n");
        let read: Vec<(u64, bool)> = rows.iter().map(|row| (row.number, row.content.is_ok())).collect();
        assert_eq!(read, [(1, true), (3, false), (4, true)]);
        let rows = csv_rows(b"\xef\xbb\xbfProduct,cycle\nx, 1 \nonly one\n\xff,2\n\"a\nb\",3\n\r\n\ny,4").unwrap();
        assert_eq!(rows[0].content, Ok(json!({ "product": "x", "cycle": "1" })));
        let read: Vec<(u64, bool)> = rows.iter().map(|row| (row.number, row.content.is_ok())).collect();
        assert_eq!(read, [(2, true), (3, false), (4, false), (5, true), (9, true)]);
    }

    #[test]
    fn a_record_is_a_list_of_one() {
        assert_eq!(json_rows(b"{\"id\": 1}").unwrap().len(), 1);
        assert_eq!(json_rows(b"[1, 2]").unwrap().len(), 2);
        assert!(json_rows(b"[1").is_err());
        assert!(csv_rows(b"").is_err());
    }
}
