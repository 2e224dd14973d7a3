//! Shapes that every message must have before it is judged, whatever decoder it came through. Pure: nothing here knows the state.

use crate::engine::EngineError;
use rollcall_shared::limits;
use rollcall_shared::message::{Loss, Message, Payload, Push, Report, Upload, root_hash};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{Outcome, Section};

/// Judges a push.
///
/// # Errors
/// [`EngineError::TooLarge`] beyond a limit, [`EngineError::Malformed`] for a shape that no correct agent sends; both name the
/// message.
pub fn check_push(push: &Push) -> Result<(), EngineError> {
    at_most("messages", push.messages.len(), limits::PUSH_MESSAGES)?;
    let mut before = 0;
    for message in &push.messages {
        if message.sequence <= before {
            let sequence = message.sequence;
            return Err(malformed(format!("message {sequence} follows message {before}: sequences ascend from 1")));
        }
        before = message.sequence;
        check_message(message).map_err(|error| within(message.sequence, error))?;
    }
    Ok(())
}

/// Judges an upload. Whether a section decodes is judged when it is stored.
///
/// # Errors
/// As [`check_push`].
pub fn check_upload(upload: &Upload) -> Result<(), EngineError> {
    at_most("sections", upload.sections.len(), limits::UPLOAD_SECTIONS)?;
    for (position, content) in upload.sections.iter().enumerate() {
        at_most("bytes of a section", content.0.len(), limits::SECTION_BYTES)?;
        Section::name_of(&content.0).map_err(|error| malformed(format!("sections[{position}]: {error}")))?;
    }
    Ok(())
}

fn check_message(message: &Message) -> Result<(), EngineError> {
    match &message.payload {
        Payload::Samples(sets) => check_samples(sets),
        Payload::Report(report) => check_report(report),
        Payload::Loss(loss) => check_loss(loss),
        Payload::Started { agent_version, .. } => check_text("agent_version", agent_version),
        Payload::Goodbye { reason, .. } => check_text("reason", reason),
    }
}

fn check_samples(sets: &[SampleSet]) -> Result<(), EngineError> {
    at_most("sample sets", sets.len(), limits::MESSAGE_SAMPLE_SETS)?;
    for (position, set) in sets.iter().enumerate() {
        at_most("values of a sample set", set.values.len(), limits::SERIES)?;
        if let Some(value) = set.values.iter().flatten().find(|value| !value.is_finite()) {
            return Err(malformed(format!("sample set {position}: a value is {value}; what could not be measured is null")));
        }
    }
    // Not that they ascend in time: a host's clock may jump back between two of them.
    Ok(())
}

fn check_report(report: &Report) -> Result<(), EngineError> {
    if !report.sections.is_sorted_by(|a, b| a.name < b.name) {
        return Err(malformed("the report's sections are out of order or named twice".into()));
    }
    for entry in &report.sections {
        let has_content = matches!(entry.outcome, Outcome::Complete | Outcome::Partial);
        if has_content != entry.hash.is_some() {
            let (name, outcome) = (entry.name, entry.outcome.as_str());
            return Err(malformed(format!("section {name} is {outcome}: a hash belongs to complete and partial ones alone")));
        }
        check_text("reason", entry.reason.as_deref().unwrap_or_default())?;
    }
    let root = root_hash(&report.sections);
    if root != report.root {
        return Err(malformed(format!("the report's root is {} but its sections hash to {root}", report.root)));
    }
    Ok(())
}

fn check_loss(loss: &Loss) -> Result<(), EngineError> {
    check_text("reason", &loss.reason)?;
    if loss.first == 0 || loss.first > loss.last {
        return Err(malformed(format!("a loss of {} to {} is none: numbers ascend from 1", loss.first, loss.last)));
    }
    Ok(())
}

fn check_text(field: &str, text: &str) -> Result<(), EngineError> {
    at_most(&format!("bytes of {field}"), text.len(), limits::TEXT_BYTES)
}

fn at_most(what: &str, found: usize, limit: usize) -> Result<(), EngineError> {
    if found <= limit { Ok(()) } else { Err(EngineError::TooLarge(format!("{found} {what}; at most {limit} are taken"))) }
}

fn malformed(detail: String) -> EngineError {
    EngineError::Malformed(detail)
}

fn within(sequence: u64, error: EngineError) -> EngineError {
    match error {
        EngineError::Malformed(detail) => EngineError::Malformed(format!("message {sequence}: {detail}")),
        EngineError::TooLarge(detail) => EngineError::TooLarge(format!("message {sequence}: {detail}")),
        other => other,
    }
}

#[cfg(test)]
mod tests;
