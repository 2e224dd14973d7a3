//! Rules compiled against one series table: which position of a sample set is judged how.
//!
//! Agents with the same table and class share one plan, so that taking in a sample set compares numbers and nothing else.
//! A plan is a pure function of (rules, table, class); it is a cache and never stored.

use super::{Condition, Guard, Level, NoData, Reduce, Rule, Rules, Severity};
use crate::alert::machine::{Judged, Timing};
use crate::ci::Class;
use crate::id::RuleId;
use crate::rule::window::Reading;
use rollcall_shared::message::Side;
use rollcall_shared::sample::Series;
use rollcall_shared::{ContentHash, Section, limits};
use std::sync::Arc;

/// Judgements of one plan: every series of the largest table under four rules each. Rules beyond that, in order of their
/// ids, are not judged for this host: the bound protects the server from a table made to match a thousand rules.
pub const ENTRIES: usize = 4 * limits::SERIES;

/// The rules that apply to hosts of one class with one series table.
#[derive(Debug)]
pub struct Plan {
    /// Revision of the rules it was compiled from.
    pub revision: u64,
    /// The table.
    pub table: ContentHash,
    /// The hosts' class.
    pub class: Option<Class>,
    /// In order of rule, then series.
    pub entries: Vec<Entry>,
    /// Tags of the windows that the entries need, in their order.
    pub windows: Vec<u64>,
    section: Arc<Section>,
    by_tag: Vec<(u64, usize)>,
}

/// One series under one rule.
#[derive(Debug)]
pub struct Entry {
    /// Position in the sample set.
    pub series: usize,
    /// Which rule.
    pub rule: RuleId,
    /// Names rule and attributes, as the alert's key does.
    pub tag: u64,
    /// How the window is reduced.
    pub reduce: Reduce,
    /// Length of the window.
    pub length_ms: i64,
    /// Position among the windows; `None` where the newest value is judged alone.
    pub window: Option<usize>,
    /// Which side is bad.
    pub side: Side,
    /// How long things must last.
    pub timing: Timing,
    /// When the data stops.
    pub no_data: NoData,
    warning: Option<Line>,
    critical: Option<Line>,
}

#[derive(Debug)]
struct Line {
    raise: f64,
    clear: f64,
    guard: Option<GuardLine>,
}

#[derive(Debug)]
struct GuardLine {
    /// `None` when the host has no such series: then the level cannot be raised.
    series: Option<usize>,
    side: Side,
    value: f64,
}

impl Plan {
    /// Compiles the enabled threshold rules that apply to `class`. A section that is no series table matches nothing.
    #[must_use]
    pub fn compile(rules: &Rules, table: ContentHash, section: Arc<Section>, class: Option<Class>) -> Self {
        let mut plan =
            Self { revision: rules.revision, table, class, entries: Vec::new(), windows: Vec::new(), section, by_tag: Vec::new() };
        let section = Arc::clone(&plan.section);
        let Section::Series(series) = &*section else { return plan };
        for known in rules.rules.values() {
            if known.rule.enabled && applies(&known.rule, class) {
                plan.add(&known.rule, series);
            }
        }
        plan.by_tag = plan.entries.iter().enumerate().map(|(position, entry)| (entry.tag, position)).collect();
        plan.by_tag.sort_unstable();
        plan
    }

    /// The table's series.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        match &*self.section {
            Section::Series(series) => series,
            _ => &[],
        }
    }

    /// Position of the entry with this tag.
    #[must_use]
    pub fn position(&self, tag: u64) -> Option<usize> {
        let found = self.by_tag.binary_search_by_key(&tag, |&(known, _)| known).ok()?;
        Some(self.by_tag[found].1)
    }

    fn add(&mut self, rule: &Rule, series: &[Series]) {
        let Condition::Threshold { metric, attributes, reduce, window_ms, side } = &rule.condition else { return };
        for (position, one) in series.iter().enumerate() {
            let selected =
                one.metric == *metric && attributes.iter().all(|(name, value)| one.attributes.iter().any(|(n, v)| n == name && v == value));
            if !selected || self.entries.len() >= ENTRIES {
                continue;
            }
            let length_ms = i64::try_from(*window_ms).unwrap_or(i64::MAX);
            let window = (*reduce != Reduce::Last && length_ms > 0).then_some(self.windows.len());
            if window.is_some() {
                self.windows.push(window_tag(&rule.id, one, *reduce, *window_ms));
            }
            self.entries.push(Entry {
                series: position,
                rule: rule.id.clone(),
                tag: tag(&rule.id, one.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
                reduce: *reduce,
                length_ms,
                window,
                side: *side,
                timing: Timing::of(rule),
                no_data: rule.no_data,
                warning: rule.levels.warning.as_ref().map(|level| Line::of(level, one, series)),
                critical: rule.levels.critical.as_ref().map(|level| Line::of(level, one, series)),
            });
        }
    }
}

impl Line {
    fn of(level: &Level, series: &Series, table: &[Series]) -> Self {
        let guard = |guard: &Guard| GuardLine {
            series: table.iter().position(|other| other.metric == guard.metric && other.attributes == series.attributes),
            side: guard.side,
            value: guard.value,
        };
        Self { raise: level.raise, clear: level.clear, guard: level.and.as_ref().map(guard) }
    }

    fn is_raised(&self, side: Side, value: f64, values: &[Option<f64>]) -> bool {
        side.is_bad(value, self.raise)
            && self.guard.as_ref().is_none_or(|guard| {
                let other = guard.series.and_then(|series| *values.get(series)?).filter(|other| other.is_finite());
                other.is_some_and(|other| guard.side.is_bad(other, guard.value))
            })
    }
}

impl Entry {
    /// What a reading means for an alert that is at `severity` now. A level is raised beyond its raise line (and with its guard),
    /// and held from there until the value is back at or beyond its clear line.
    #[must_use]
    pub fn judge(&self, reading: Reading, values: &[Option<f64>], severity: Option<Severity>) -> Judged {
        let raised = |line: &Option<Line>| line.as_ref().is_some_and(|line| line.is_raised(self.side, reading.value, values));
        let kept = |line: &Option<Line>| line.as_ref().is_some_and(|line| self.side.is_bad(reading.value, line.clear));
        let raised = match (raised(&self.critical), raised(&self.warning)) {
            (true, _) => Some(Severity::Critical),
            (false, true) => Some(Severity::Warning),
            (false, false) => None,
        };
        let kept = match severity {
            Some(Severity::Critical) if kept(&self.critical) => Some(Severity::Critical),
            Some(_) if kept(&self.warning) => Some(Severity::Warning),
            _ => None,
        };
        let held = raised.max(kept);
        if (raised.is_some() && !reading.may_raise) || (held < severity && !reading.may_clear) {
            return Judged::Nothing;
        }
        Judged::Level { raised, held }
    }
}

/// Whether a rule applies to hosts of a class; only rules for all hosts apply to a host not yet identified.
#[must_use]
pub fn applies(rule: &Rule, class: Option<Class>) -> bool {
    rule.classes.is_empty() || class.is_some_and(|class| rule.classes.iter().any(|&wanted| class.is_a(wanted)))
}

/// A short name for (rule, attributes).
pub fn tag<'a>(rule: &RuleId, attributes: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    feed(&mut hasher, rule.as_str());
    for (name, value) in attributes {
        feed(&mut hasher, name);
        feed(&mut hasher, value);
    }
    short(&hasher)
}

fn window_tag(rule: &RuleId, series: &Series, reduce: Reduce, window_ms: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    feed(&mut hasher, rule.as_str());
    feed(&mut hasher, &series.metric);
    hasher.update(&[reduce as u8]).update(&window_ms.to_be_bytes());
    for (name, value) in &series.attributes {
        feed(&mut hasher, name);
        feed(&mut hasher, value);
    }
    short(&hasher)
}

fn feed(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
}

fn short(hasher: &blake3::Hasher) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_be_bytes(bytes)
}
