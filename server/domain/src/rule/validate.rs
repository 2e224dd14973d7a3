//! Which rules make sense. Every refusal names the field by its path and says what would be right.

use super::condition::Term;
use super::expression::{self, Function, Read};
use super::{Comparison, Condition, Level, Levels, Override, Predicate, Reduce, Rule, Selector, Tier};
use crate::ci::Class;
use crate::{Rejection, collect};
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
const OVERRIDES: usize = 100;
const CIS: usize = 1_000;

/// Names that the paths of the API, and the keys of other incidents, use for something else.
const RESERVED: [&str; 7] = ["export", "import", "test", "backtest", "external", "storm", "duplicate_identity"];

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
    let on_hosts = !matches!(rule.condition, Condition::Inventory { .. } | Condition::CollectorSilent { .. });
    for (position, class) in rule.classes.iter().enumerate() {
        require(!on_hosts || class.is_a(Class::Host), format!("classes[{position}]"), "must be host or a class of hosts")?;
    }
    length("for_ms", rule.for_ms, 0)?;
    length("keep_firing_for_ms", rule.keep_firing_for_ms, 0)?;
    selector("selector", &rule.selector)?;
    if let Some(source) = &rule.threshold_source {
        text("threshold_source", source, LINK_CHARS)?;
    }
    let flapping = rule.flapping;
    let fits = |percent: f64| (0.0..=100.0).contains(&percent);
    require(fits(flapping.start_percent), "flapping.start_percent", "must be 0 to 100")?;
    let stops = fits(flapping.stop_percent) && flapping.stop_percent <= flapping.start_percent;
    require(stops, "flapping.stop_percent", "must be 0 to 100 and not above start_percent")?;
    require(rule.overrides.len() <= OVERRIDES, "overrides", format!("must be at most {OVERRIDES}"))?;
    condition(rule)?;
    levels("levels", &rule.levels, &rule.condition)?;
    for (position, one) in rule.overrides.iter().enumerate() {
        overridden(&format!("overrides[{position}]"), one, &rule.condition)?;
    }
    Ok(())
}

/// Judges the name of a rule that is to be made.
///
/// # Errors
/// [`Rejection::Invalid`] for a name that the API's paths need.
pub fn name(id: &crate::id::RuleId) -> Result<(), Rejection> {
    require(!RESERVED.contains(&id.as_str()), "id", format!("must not be one of {}", RESERVED.join(", ")))
}

fn overridden(path: &str, one: &Override, condition: &Condition) -> Result<(), Rejection> {
    require(!one.selector.is_empty(), format!("{path}.selector"), "must say for which; change the rule itself for all")?;
    selector(&format!("{path}.selector"), &one.selector)?;
    text(&format!("{path}.reason"), &one.reason, TITLE_CHARS)?;
    if let Some(for_ms) = one.for_ms {
        length(&format!("{path}.for_ms"), for_ms, 0)?;
    }
    let says = one.levels.is_some() || one.for_ms.is_some() || one.tier.is_some() || one.disabled;
    require(says, path, "must change levels, for_ms or tier, or be disabled")?;
    one.levels.as_ref().map_or(Ok(()), |all| levels(&format!("{path}.levels"), all, condition))
}

/// Judges which configuration items are meant.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the first wrong field.
pub fn selector(path: &str, selector: &Selector) -> Result<(), Rejection> {
    require(selector.classes.len() <= Class::ALL.len(), format!("{path}.classes"), "names a class twice")?;
    require(selector.tags.len() <= ATTRIBUTES, format!("{path}.tags"), format!("must be at most {ATTRIBUTES}"))?;
    for tag in &selector.tags {
        text(&format!("{path}.tags"), tag, NAME_CHARS)?;
    }
    require(selector.attributes.len() <= ATTRIBUTES, format!("{path}.attributes"), format!("must be at most {ATTRIBUTES}"))?;
    for name in selector.attributes.keys() {
        text(&format!("{path}.attributes"), name, NAME_CHARS)?;
    }
    require(selector.cis.len() <= CIS, format!("{path}.cis"), format!("must be at most {CIS}; give them a tag instead"))?;
    selector.query.as_ref().map_or(Ok(()), |query| query.validate(&format!("{path}.query")))
}

fn condition(rule: &Rule) -> Result<(), Rejection> {
    match &rule.condition {
        Condition::AgentSilent { after_ms } | Condition::HostSilent { after_ms } => length("condition.after_ms", *after_ms, SHORTEST_MS),
        Condition::CollectorSilent { after_ms, feed } => {
            length("condition.after_ms", *after_ms, SHORTEST_MS)?;
            feed.as_deref().map_or(Ok(()), |feed| text("condition.feed", feed, NAME_CHARS))
        }
        Condition::Threshold { metric, attributes, reduce, window_ms, .. } => {
            series("condition", metric, attributes)?;
            window("condition", *reduce, *window_ms)
        }
        Condition::Expression { value, .. } => expression(value),
        Condition::Ratio { part, whole, floor, .. } => {
            term("condition.part", part)?;
            term("condition.whole", whole)?;
            require(floor.is_finite() && *floor >= 0.0, "condition.floor", "must be a finite number, not below zero")
        }
        Condition::Forecast { metric, attributes, window_ms, target, .. } => {
            series("condition", metric, attributes)?;
            length("condition.window_ms", *window_ms, SHORTEST_MS)?;
            require(target.is_finite(), "condition.target", "must be a finite number")
        }
        Condition::Absent { metric, attributes, after_ms } => {
            series("condition", metric, attributes)?;
            length("condition.after_ms", *after_ms, SHORTEST_MS)
        }
        Condition::Baseline { metric, attributes, .. } => series("condition", metric, attributes),
        Condition::Check { check } | Condition::TargetCheck { check, .. } => {
            check.as_ref().map_or(Ok(()), |check| text("condition.check", check, NAME_CHARS))
        }
        Condition::Inventory { predicate } => inventory(predicate),
    }
}

fn inventory(predicate: &Predicate) -> Result<(), Rejection> {
    let name = |field: &str, name: &str| text(&format!("condition.predicate.{field}"), name, NAME_CHARS);
    match predicate {
        Predicate::Attribute { name: attribute, operator, value } => {
            name("name", attribute)?;
            let needs = !matches!(operator, Comparison::Present | Comparison::Absent);
            let reason = if needs { "is needed to compare with" } else { "is not compared with: leave it out" };
            require(value.is_some() == needs, "condition.predicate.value", reason)
        }
        Predicate::DaysLeft { attribute } | Predicate::DaysSince { attribute } => name("attribute", attribute),
        Predicate::PackageBelow { package, version } => {
            name("package", package)?;
            name("version", version)
        }
        Predicate::Software { .. } | Predicate::Licences {} => Ok(()),
        Predicate::Drift { names, within_ms } | Predicate::Removed { names, within_ms } => {
            require((1..=ATTRIBUTES).contains(&names.len()), "condition.predicate.names", format!("must be 1 to {ATTRIBUTES}"))?;
            for (position, name) in names.iter().enumerate() {
                let is_section = name.parse::<rollcall_shared::SectionName>().is_ok();
                require(is_section, format!("condition.predicate.names[{position}]"), "must be the name of a section, such as users")?;
            }
            length("condition.predicate.within_ms", *within_ms, SHORTEST_MS)
        }
    }
}

fn expression(value: &str) -> Result<(), Rejection> {
    const PATH: &str = "condition.value";
    let parsed = expression::parse(value).map_err(|error| Rejection::invalid(PATH, error.to_string()))?;
    let mut read_to = 0;
    for Read { metric, attributes, function, window_ms } in parsed.reads() {
        let at = place(value, metric, read_to);
        read_to = at + metric.len();
        let one = series(PATH, metric, attributes).and_then(|()| match function {
            Function::Reduce(reduce) => window(PATH, *reduce, *window_ms),
            Function::Forecast { .. } => length(&format!("{PATH}.window_ms"), *window_ms, SHORTEST_MS),
            Function::Baseline => Ok(()),
        });
        one.map_err(|rejection| match rejection {
            // The parts of a text are no fields.
            Rejection::Invalid { field, reason } if field.ends_with(".window_ms") => {
                Rejection::invalid(PATH, format!("the window of {metric}, at character {}, {reason}", value[..at].chars().count() + 1))
            }
            Rejection::Invalid { reason, .. } => {
                Rejection::invalid(PATH, format!("{metric}, at character {}: {reason}", value[..at].chars().count() + 1))
            }
            other => other,
        })?;
    }
    Ok(())
}

/// Where a metric is named in an expression, in bytes, from a place on; reads come in the order of the text.
fn place(value: &str, metric: &str, from: usize) -> usize {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let is_whole = |at: usize| {
        !value[..at].chars().next_back().is_some_and(is_of_name) && !value[at + metric.len()..].chars().next().is_some_and(is_of_name)
    };
    let rest = value.get(from..).unwrap_or_default();
    rest.match_indices(metric).map(|(at, _)| from + at).find(|&at| is_whole(at)).unwrap_or(from.min(value.len()))
}

fn term(path: &str, term: &Term) -> Result<(), Rejection> {
    series(path, &term.metric, &term.attributes)?;
    window(path, term.reduce, term.window_ms)
}

fn series(path: &str, metric: &str, attributes: &std::collections::BTreeMap<String, String>) -> Result<(), Rejection> {
    metric_name(&format!("{path}.metric"), metric)?;
    require(attributes.len() <= ATTRIBUTES, format!("{path}.attributes"), format!("must be at most {ATTRIBUTES}"))?;
    for (name, value) in attributes {
        text(&format!("{path}.attributes"), name, collect::NAME_BYTES)?;
        require(value.len() <= limits::TEXT_BYTES, format!("{path}.attributes.{name}"), "is too long")?;
    }
    Ok(())
}

fn window(path: &str, reduce: Reduce, window_ms: u64) -> Result<(), Rejection> {
    length(&format!("{path}.window_ms"), window_ms, if reduce == Reduce::Last { 0 } else { SHORTEST_MS })
}

fn levels(path: &str, levels: &Levels, condition: &Condition) -> Result<(), Rejection> {
    require(levels.warning.is_some() || levels.critical.is_some(), path, "must have warning, critical or both")?;
    if !condition.has_lines() {
        let lines = [("warning", &levels.warning), ("critical", &levels.critical)];
        return lines.into_iter().try_for_each(|(name, one)| {
            let finite = one.as_ref().is_none_or(|one| one.raise.is_finite() && one.clear.is_finite());
            require(finite, format!("{path}.{name}"), "must be finite numbers")
        });
    }
    let side = condition.side();
    for (name, one) in [("warning", &levels.warning), ("critical", &levels.critical)] {
        if let Some(one) = one {
            level(&format!("{path}.{name}"), one, side)?;
            let guarded = one.and.is_none() || !matches!(condition, Condition::Inventory { .. });
            require(guarded, format!("{path}.{name}.and"), "is for conditions on samples")?;
        }
    }
    if let (Some(warning), Some(critical)) = (&levels.warning, &levels.critical) {
        let reason = "critical must not be raised before warning";
        require(!side.is_bad(warning.raise, critical.raise), format!("{path}.critical.raise"), reason)?;
    }
    Ok(())
}

fn level(path: &str, level: &Level, side: Side) -> Result<(), Rejection> {
    require(level.raise.is_finite(), format!("{path}.raise"), "must be a finite number")?;
    require(level.clear.is_finite(), format!("{path}.clear"), "must be a finite number")?;
    require(!side.is_bad(level.clear, level.raise), format!("{path}.clear"), "must be on the good side of raise, or equal to it")?;
    if let Some(for_ms) = level.for_ms {
        length(&format!("{path}.for_ms"), for_ms, 0)?;
    }
    if let Some(guard) = &level.and {
        metric_name(&format!("{path}.and.metric"), &guard.metric)?;
        require(guard.value.is_finite(), format!("{path}.and.value"), "must be a finite number")?;
    }
    Ok(())
}

fn metric_name(path: &str, name: &str) -> Result<(), Rejection> {
    require(collect::is_name(name), path, format!("must have 1 to {} bytes and no control characters", collect::NAME_BYTES))
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
