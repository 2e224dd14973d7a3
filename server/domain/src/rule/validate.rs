//! Which rules make sense. Every refusal names the field by its path and says what would be right.

use super::{Condition, Level, Reduce, Rule, Tier};
use crate::Rejection;
use crate::ci::Class;
use rollcall_shared::limits;
use rollcall_shared::message::Side;

/// Rules at most: each is judged for each matching series of each host.
pub const RULES: usize = 1_000;

/// The longest window, `for` and silence: beyond a month a report is the better tool.
pub const LONGEST_MS: u64 = 30 * 24 * 3_600_000;

/// The shortest window and silence: one default sampling interval.
pub const SHORTEST_MS: u64 = 10_000;

const TITLE_CHARS: usize = 200;
const DESCRIPTION_BYTES: usize = 16 << 10;
const NAME_CHARS: usize = 200;
const LINK_CHARS: usize = 2_000;
const ATTRIBUTES: usize = 16;

/// Judges a rule.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the first wrong field.
pub fn rule(rule: &Rule) -> Result<(), Rejection> {
    text("title", &rule.title, TITLE_CHARS)?;
    text("description", &rule.description, DESCRIPTION_BYTES)?;
    if let Some(group) = &rule.group {
        text("group", group, NAME_CHARS)?;
    }
    if let Some(runbook) = &rule.runbook {
        text("runbook", runbook, LINK_CHARS)?;
        require(runbook.starts_with("https://") || runbook.starts_with("http://"), "runbook", "must begin with https:// or http://")?;
    }
    require(rule.warning_tier.unwrap_or(Tier::RecordOnly) <= rule.tier, "warning_tier", "must not be louder than tier")?;
    require(rule.classes.len() <= Class::ALL.len(), "classes", "names a class twice")?;
    for (position, class) in rule.classes.iter().enumerate() {
        require(class.is_a(Class::Host), format!("classes[{position}]"), "must be host or a class of hosts")?;
    }
    length("for_ms", rule.for_ms, 0)?;
    length("keep_firing_for_ms", rule.keep_firing_for_ms, 0)?;
    require(rule.levels.warning.is_some() || rule.levels.critical.is_some(), "levels", "must have warning, critical or both")?;
    condition(rule)
}

fn condition(rule: &Rule) -> Result<(), Rejection> {
    match &rule.condition {
        Condition::AgentSilent { after_ms } | Condition::HostSilent { after_ms } => length("condition.after_ms", *after_ms, SHORTEST_MS),
        Condition::Threshold { metric, attributes, reduce, window_ms, side } => {
            metric_name("condition.metric", metric)?;
            require(attributes.len() <= ATTRIBUTES, "condition.attributes", format!("must be at most {ATTRIBUTES}"))?;
            for (name, value) in attributes {
                text("condition.attributes", name, NAME_CHARS)?;
                require(value.len() <= limits::TEXT_BYTES, format!("condition.attributes.{name}"), "is too long")?;
            }
            length("condition.window_ms", *window_ms, if *reduce == Reduce::Last { 0 } else { SHORTEST_MS })?;
            levels(rule, *side)
        }
    }
}

fn levels(rule: &Rule, side: Side) -> Result<(), Rejection> {
    for (name, one) in [("warning", &rule.levels.warning), ("critical", &rule.levels.critical)] {
        if let Some(one) = one {
            level(&format!("levels.{name}"), one, side)?;
        }
    }
    if let (Some(warning), Some(critical)) = (&rule.levels.warning, &rule.levels.critical) {
        let reason = "critical must not be raised before warning";
        require(!side.is_bad(warning.raise, critical.raise), "levels.critical.raise", reason)?;
    }
    Ok(())
}

fn level(path: &str, level: &Level, side: Side) -> Result<(), Rejection> {
    require(level.raise.is_finite(), format!("{path}.raise"), "must be a finite number")?;
    require(level.clear.is_finite(), format!("{path}.clear"), "must be a finite number")?;
    require(!side.is_bad(level.clear, level.raise), format!("{path}.clear"), "must be on the good side of raise, or equal to it")?;
    if let Some(guard) = &level.and {
        metric_name(&format!("{path}.and.metric"), &guard.metric)?;
        require(guard.value.is_finite(), format!("{path}.and.value"), "must be a finite number")?;
    }
    Ok(())
}

fn metric_name(path: &str, name: &str) -> Result<(), Rejection> {
    let fits = (1..=NAME_CHARS).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    require(fits, path, format!("must be 1 to {NAME_CHARS} letters, digits, dots, underscores, dashes and slashes"))
}

fn length(path: &str, ms: u64, least: u64) -> Result<(), Rejection> {
    require((least..=LONGEST_MS).contains(&ms), path, format!("must be {least} to {LONGEST_MS} milliseconds (30 days), not {ms}"))
}

fn text(path: &str, text: &str, limit: usize) -> Result<(), Rejection> {
    require(!text.trim().is_empty() && text.len() <= limit, path, format!("must have 1 to {limit} bytes, not only blanks"))
}

fn require(holds: bool, path: impl Into<String>, reason: impl Into<String>) -> Result<(), Rejection> {
    if holds { Ok(()) } else { Err(Rejection::invalid(path, reason)) }
}
