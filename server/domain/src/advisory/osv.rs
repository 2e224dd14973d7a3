//! From a record in the Open Source Vulnerability format (schema 1.x) to an advisory.
//!
//! What matching and people need is taken, the rest is left. A record with a field that means something else than the format says is
//! refused with the field's path; fields that the format does not know are left alone, as it asks.

use super::{Advisory, Affected, Interval, Kind, Rating, Severity, cvss};
use crate::Rejection;
use crate::ci::normalise::{cut, text};
use crate::ci::software::Scheme;
use rollcall_shared::Timestamp;
use serde_json::Value;

/// Bytes of a summary.
const SUMMARY_BYTES: usize = 500;

/// Other names of one advisory; those of a kernel update are some hundred, of which people look for any.
const ALIASES: usize = 1_000;

/// Affected packages of one advisory; kernel updates of Ubuntu name some thousand binaries of some dozen packages.
const AFFECTED: usize = 2_000;

/// Events of one range, and ranges of one package.
const EVENTS: usize = 500;

/// Listed versions of one package; those of a package with a long history are about 2,000.
const VERSIONS: usize = 10_000;

/// Bytes of a name or version.
const TEXT_BYTES: usize = 255;

/// Reads a record.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the field.
pub fn read(record: &Value) -> Result<Advisory, Rejection> {
    if !record.is_object() {
        return Err(Rejection::invalid("record", "must be an object"));
    }
    let id = required(record, "id")?;
    let id = id.parse().map_err(|_| Rejection::invalid("id", "must be 1 to 100 letters, digits and -_.:"))?;
    let affected = affected(record)?;
    if affected.is_empty() {
        return Err(Rejection::invalid("affected", "names no package of an ecosystem that hosts are matched by"));
    }
    let summary = string(record, "summary")?.or(string(record, "details")?);
    Ok(Advisory {
        id,
        aliases: aliases(record)?,
        summary: summary.and_then(text).map(|summary| shortened(&summary)),
        severity: severity(record)?,
        published: moment(record, "published")?,
        modified: moment(record, "modified")?.ok_or_else(|| Rejection::invalid("modified", "is missing"))?,
        withdrawn: moment(record, "withdrawn")?,
        affected,
    })
}

fn shortened(summary: &str) -> String {
    let short = cut(summary, SUMMARY_BYTES);
    if short.len() < summary.len() { format!("{short}…") } else { summary.to_owned() }
}

fn string<'a>(value: &'a Value, field: &str) -> Result<Option<&'a str>, Rejection> {
    match &value[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Rejection::invalid(field, "must be a text")),
    }
}

fn required<'a>(value: &'a Value, field: &str) -> Result<&'a str, Rejection> {
    string(value, field)?.ok_or_else(|| Rejection::invalid(field, "is missing"))
}

fn moment(record: &Value, field: &str) -> Result<Option<Timestamp>, Rejection> {
    let parse = |text: &str| text.parse().map_err(|error: rollcall_shared::time::NotATime| Rejection::invalid(field, error.to_string()));
    string(record, field)?.map(parse).transpose()
}

/// The items of an array that may be absent, at most so many.
fn items<'a>(value: &'a Value, path: &str, most: usize) -> Result<&'a [Value], Rejection> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(items) if items.len() > most => Err(Rejection::invalid(path, format!("has more than {most} items"))),
        Value::Array(items) => Ok(items),
        _ => Err(Rejection::invalid(path, "must be an array")),
    }
}

/// Aliases, and what the distributions' records call the upstream's.
fn aliases(record: &Value) -> Result<Vec<String>, Rejection> {
    let mut found = Vec::new();
    for field in ["aliases", "upstream"] {
        for (place, alias) in items(&record[field], field, ALIASES)?.iter().enumerate() {
            let alias = alias.as_str().ok_or_else(|| Rejection::invalid(format!("{field}[{place}]"), "must be a text"))?;
            found.extend(text(cut(alias, TEXT_BYTES)));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The worst of the vectors of CVSS 3, else the word that the database uses.
fn severity(record: &Value) -> Result<Option<Severity>, Rejection> {
    let listed = |value: &'_ Value| -> Result<Vec<(String, String)>, Rejection> {
        let rows = items(&value["severity"], "severity", EVENTS)?.iter();
        Ok(rows.filter_map(|row| Some((row["type"].as_str()?.to_owned(), row["score"].as_str()?.to_owned()))).collect())
    };
    let mut stated = listed(record)?;
    for affected in items(&record["affected"], "affected", AFFECTED)? {
        stated.extend(listed(affected)?);
    }
    let scored = stated.iter().filter_map(|(_, vector)| Some((cvss::base_score_tenths(vector)?, vector)));
    if let Some((score, vector)) = scored.max_by_key(|(score, _)| *score) {
        let vector = Some(cut(vector, TEXT_BYTES).to_owned());
        return Ok(Some(Severity { rating: Rating::of_score(score), score_tenths: Some(score), vector }));
    }
    let first = &record["affected"][0];
    let words = [
        &record["database_specific"]["severity"],
        &first["ecosystem_specific"]["severity"],
        &first["database_specific"]["severity"],
        &first["ecosystem_specific"]["urgency"],
    ];
    let word = words.iter().filter_map(|word| word.as_str()).chain(stated.iter().map(|(_, score)| score.as_str()));
    Ok(word.filter_map(Rating::of_word).next().map(|rating| Severity { rating, score_tenths: None, vector: None }))
}

fn affected(record: &Value) -> Result<Vec<Affected>, Rejection> {
    let mut found: Vec<Affected> = Vec::new();
    for (place, row) in items(&record["affected"], "affected", AFFECTED)?.iter().enumerate() {
        let path = format!("affected[{place}]");
        let package = &row["package"];
        if package.is_null() {
            // A record may speak of commits alone.
            continue;
        }
        let at = |rejection: Rejection| under(&format!("{path}.package"), rejection);
        let ecosystem = required(package, "ecosystem").map_err(at)?;
        let Some(known) = super::Ecosystem::read(ecosystem) else { continue };
        let name = required(package, "name").map_err(at)?;
        let name = known.kind.plain_name(&bounded(name, &format!("{path}.package.name"))?);
        let intervals = intervals(row, known.kind, &path)?;
        let mut affected = Affected { ecosystem: cut(ecosystem, TEXT_BYTES).into(), name, intervals, versions: Vec::new() };
        affected.versions = rest_of_versions(row, &affected, known.kind, &path)?;
        let says_nothing = affected.intervals.is_empty() && affected.versions.is_empty();
        if !says_nothing && !found.contains(&affected) {
            found.push(affected);
        }
    }
    Ok(found)
}

fn under(path: &str, rejection: Rejection) -> Rejection {
    match rejection {
        Rejection::Invalid { field, reason } => Rejection::Invalid { field: format!("{path}.{field}"), reason },
        other => other,
    }
}

fn bounded(raw: &str, path: &str) -> Result<String, Rejection> {
    let kept = text(raw).ok_or_else(|| Rejection::invalid(path, "is empty"))?;
    if kept.len() > TEXT_BYTES {
        return Err(Rejection::invalid(path, format!("is longer than {TEXT_BYTES} bytes")));
    }
    Ok(kept)
}

/// Listed versions that no interval covers: the list of a long history mostly repeats what the intervals say.
fn rest_of_versions(row: &Value, affected: &Affected, kind: Kind, path: &str) -> Result<Vec<Box<str>>, Rejection> {
    let mut rest = Vec::new();
    let path = format!("{path}.versions");
    for (place, version) in items(&row["versions"], &path, VERSIONS)?.iter().enumerate() {
        let at = format!("{path}[{place}]");
        let version = version.as_str().ok_or_else(|| Rejection::invalid(&at, "must be a text"))?;
        let version = bounded(version, &at)?;
        if affected.judge(kind, &version).is_none() {
            rest.push(version.into());
        }
    }
    Ok(rest)
}

/// What happens at a version. The variants are in the order in which they count at one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Introduced,
    Fixed,
    LastAffected,
    Limit,
}

const MARKS: [(&str, Mark); 4] =
    [("introduced", Mark::Introduced), ("fixed", Mark::Fixed), ("last_affected", Mark::LastAffected), ("limit", Mark::Limit)];

fn intervals(row: &Value, kind: Kind, path: &str) -> Result<Vec<Interval>, Rejection> {
    let mut found = Vec::new();
    for (place, range) in items(&row["ranges"], &format!("{path}.ranges"), EVENTS)?.iter().enumerate() {
        let path = format!("{path}.ranges[{place}]");
        match string(range, "type").map_err(|rejection| under(&path, rejection))? {
            Some("SEMVER" | "ECOSYSTEM") => found.extend(intervals_of(&marks(range, kind.scheme(), &path)?)),
            // Commits say nothing of packages.
            Some("GIT") => {}
            _ => return Err(Rejection::invalid(format!("{path}.type"), "must be SEMVER, ECOSYSTEM or GIT")),
        }
    }
    Ok(found)
}

/// The events of a range in order of their versions; what was introduced in `0` was there from the first version on.
fn marks<'a>(range: &'a Value, scheme: Scheme, path: &str) -> Result<Vec<(Option<&'a str>, Mark)>, Rejection> {
    let mut found = Vec::new();
    for (place, event) in items(&range["events"], &format!("{path}.events"), EVENTS)?.iter().enumerate() {
        let path = format!("{path}.events[{place}]");
        let fields = event.as_object().ok_or_else(|| Rejection::invalid(&path, "must be an object"))?;
        for (field, version) in fields {
            let Some((_, mark)) = MARKS.iter().find(|(name, _)| name == field) else { continue };
            let version = version.as_str().ok_or_else(|| Rejection::invalid(format!("{path}.{field}"), "must be a text"))?;
            if version.is_empty() || version.len() > TEXT_BYTES {
                return Err(Rejection::invalid(format!("{path}.{field}"), format!("must have 1 to {TEXT_BYTES} bytes")));
            }
            if !(*mark == Mark::Limit && version == "*") {
                let from_the_first = *mark == Mark::Introduced && version == "0";
                found.push((Some(version).filter(|_| !from_the_first), *mark));
            }
        }
    }
    found.sort_by(|(a, mark_a), (b, mark_b)| {
        let order = match (a, b) {
            (Some(a), Some(b)) => scheme.compare(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        order.then(mark_a.cmp(mark_b))
    });
    Ok(found)
}

/// What is affected between the events: from an introduction up to whatever ends it first.
fn intervals_of(marks: &[(Option<&str>, Mark)]) -> Vec<Interval> {
    let mut found: Vec<Interval> = Vec::new();
    let mut open: Option<Interval> = None;
    for &(version, mark) in marks {
        let version: Option<Box<str>> = version.map(Into::into);
        match (mark, &mut open) {
            (Mark::Introduced, None) => open = Some(Interval { introduced: version, ..Interval::default() }),
            (Mark::Introduced, Some(_)) | (_, None) => {}
            (Mark::Fixed | Mark::LastAffected | Mark::Limit, Some(interval)) => {
                // A limit ends what is looked at and fixes nothing, but nothing from there on is affected either.
                if mark == Mark::LastAffected {
                    interval.last_affected = version
                } else {
                    interval.fixed = version
                }
                found.extend(open.take());
            }
        }
    }
    found.extend(open);
    found
}
