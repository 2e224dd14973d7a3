//! What an incident says in words: its title, and a description of everything that the server knows.
//!
//! Texts from hosts are put in verbatim and cut to a length; showing them as text is the edges' duty.

use super::compose::{TITLE_CHARS, cut, word};
use super::{Incident, KnownError, Related, display_number, ending};
use crate::World;
use crate::alert::{Alert, target, wording};
use crate::ci::{Ci, impact};
use crate::id::CiId;
use crate::rule::{Condition, Predicate, Rule, Severity};
use crate::trust::collector;
use rollcall_shared::Timestamp;

/// Attributes of a CI that tell people whom to ask and where to go.
const FACTS: [&str; 4] = ["owner", "support_group", "location", "service"];

/// Such as `Filesystem space critical on web-1: /var 98.4 %`.
pub(super) fn title(alert: &Alert, rule: &Rule, severity: Severity, ci: Option<&Ci>) -> String {
    let name = ci.map_or_else(|| alert.key.ci.to_string(), |ci| ci.name.clone());
    let is_of_feed = matches!(rule.condition, Condition::CollectorSilent { .. });
    let instance: Vec<String> =
        alert.key.attributes.iter().filter(|(name, _)| *name != collector::FEED || is_of_feed).map(instance).collect();
    use Predicate::{Attribute, Licences, PackageBelow};
    let in_words = matches!(rule.condition, Condition::Inventory { predicate: Attribute { .. } | Licences {} | PackageBelow { .. } });
    let value = match alert.value.filter(|_| rule.condition.has_lines()) {
        // That something holds is no number to people, and of licences there are two.
        Some(_) if in_words => Some(alert.reason.clone()),
        value => value.map(|value| wording::number(&rule.condition, value)),
    };
    let named = alert.key.attributes.iter().any(|(name, value)| name != collector::FEED && !tells_by_itself(name, value));
    let details: Vec<String> = instance.into_iter().chain(value).collect();
    let title = format!("{} {} on {name}", rule.title, word(severity));
    let title = if details.is_empty() { title } else { format!("{title}: {}", details.join(if named { ", " } else { " " })) };
    cut(&title, TITLE_CHARS)
}

/// Such as `core 0`, by the last part of the name; `/var` says what it is.
fn instance((name, value): (&String, &String)) -> String {
    if tells_by_itself(name, value) {
        return value.clone();
    }
    format!("{} {value}", name.rsplit('.').next().unwrap_or(name))
}

/// Whether people see what a value is without its name: a path, a check, and what is checked.
fn tells_by_itself(name: &str, value: &str) -> bool {
    value.starts_with('/') || matches!(name, target::CHECK | target::TARGET)
}

/// What the line after that of the breach begins with.
const MEASURED: &str = "Measured at ";

fn breach_line(reason: &str) -> String {
    format!("{reason}.")
}

/// A description that says what a breach is by now; none where it does not begin as the machine wrote it of what the breach was before.
pub(super) fn measured_again(description: &str, before: &str, (now, at): (&str, Timestamp)) -> Option<String> {
    let rest = description.strip_prefix(&breach_line(before))?.strip_prefix('\n')?;
    let (measured, rest) = rest.find('\n').map_or((rest, ""), |end| rest.split_at(end));
    measured.strip_prefix(MEASURED)?;
    Some(format!("{}\n{MEASURED}{at}.{rest}", breach_line(now)))
}

/// All of it: what is wrong, what to do, what is known around it.
pub(super) fn of(world: &World, incident: &Incident, alert: &Alert, rule: &Rule, ci: Option<&Ci>) -> String {
    let mut lines = vec![breach_line(&alert.reason), format!("{MEASURED}{}.", alert.since)];
    if let Some(ci) = ci {
        lines.push(host_line(world, ci));
    }
    lines.push(format!("\nWhat to do: {}", rule.description));
    if let Some(runbook) = &rule.runbook {
        lines.push(format!("Runbook: {runbook}"));
    }
    lines.extend(known(incident));
    lines.extend(nearby(world, incident));
    if let Some(earlier) = incident.follows.and_then(|id| world.incidents.incidents.get(&id)) {
        lines.push(format!("\nIt follows:\n{}", line(earlier)));
    }
    lines.join("\n")
}

/// What is affected, what changed, and what helped before.
pub(super) fn known(incident: &Incident) -> Vec<String> {
    let mut lines = Vec::new();
    if !incident.known_errors.is_empty() {
        lines.push("\nKnown errors:".to_owned());
        lines.extend(incident.known_errors.iter().map(KnownError::line));
    }
    if !incident.recent_changes.is_empty() {
        lines.push("\nChanged on it in the 72 hours before:".to_owned());
        let also = |count: u32| if count == 0 { String::new() } else { format!(" (also on {count} others)") };
        let line = |change: &super::RecentChange| format!("- {}: {}{}", change.at, change.summary, also(change.also_on));
        lines.extend(incident.recent_changes.iter().rev().map(line));
    }
    let helped = incident.similar.iter().filter_map(|one| Some((one.close_code.as_ref()?, one.close_notes.as_ref()?)));
    let mut helped = helped.filter(|(code, _)| !ending::is_of_machine(code)).peekable();
    if helped.peek().is_some() {
        lines.push("\nHow similar ones were resolved:".to_owned());
        lines.extend(helped.map(|(code, notes)| format!("- {code}: {notes}")));
    }
    lines
}

/// What else is wrong, and what suffers.
pub(super) fn nearby(world: &World, incident: &Incident) -> Vec<String> {
    let mut lines = Vec::new();
    let (own, around): (Vec<_>, Vec<_>) = incident.related.iter().partition(|related| related.path.is_empty());
    let told = |related: &&Related| Some(line(world.incidents.incidents.get(&related.incident)?));
    for (heading, related) in [("\nOther open incidents on it:", own), ("\nOpen incidents around it:", around)] {
        let found: Vec<String> = related.iter().filter_map(told).collect();
        if !found.is_empty() {
            lines.push(heading.to_owned());
            lines.extend(found);
        }
    }
    let services = incident.reach.iter().filter_map(|one| Some((world.cmdb.cis.get(&one.ci)?, &one.path)));
    let services = services.filter(|(ci, _)| ci.class == crate::ci::Class::BusinessService);
    let services: Vec<String> = services.map(|(ci, path)| format!("- {}: {}", ci.name, along(world, path))).collect();
    if !services.is_empty() {
        lines.push("\nBusiness services that depend on it:".to_owned());
        lines.extend(services);
    }
    lines
}

/// Such as `shop depends on web-1`.
fn along(world: &World, path: &[impact::Step]) -> String {
    let name = |id: CiId| world.cmdb.cis.get(&id).map_or_else(|| id.to_string(), |ci| ci.name.clone());
    let step = |step: &impact::Step| format!("{} {} {}", name(step.from), step.kind.as_str().replace('_', " "), name(step.to));
    path.iter().rev().map(step).collect::<Vec<_>>().join(", ")
}

fn line(incident: &Incident) -> String {
    format!("- {} {}", display_number(incident.number), incident.title)
}

pub(super) fn host_line(world: &World, ci: &Ci) -> String {
    let mut facts = vec![format!("class {}", ci.class.as_str())];
    facts.extend(FACTS.into_iter().filter_map(|name| Some(format!("{} {}", name.replace('_', " "), fact(world, ci, name)?))));
    format!("{}: {}.", ci.name, facts.join(", "))
}

/// An attribute of an item as people call it; none where it says nothing.
pub(super) fn fact(world: &World, ci: &Ci, name: &str) -> Option<String> {
    let text = world.contacts.text_of(ci, name)?;
    (!text.trim().is_empty()).then(|| cut(&text, TITLE_CHARS))
}
