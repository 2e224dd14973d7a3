//! What agents are told of the rules: one table of lines for each host, so that a value that crosses one is pushed at once.
//!
//! The table has the lines of the rules that apply to the host, as they apply to it, overrides included; rules that are muted for it have
//! none, and neither has what no agent can see by itself (silence, absence, inventories, comparisons of two series). Checks about other items
//! have theirs on every host: the rule is for the item, and which one a check means is the server's to say. What is beyond the number of lines
//! that an agent takes is left out, in order of the rules' ids, and counted. Its version names its
//! content: equal tables have equal versions, on every server and after every restart, and an agent gets another table with its
//! next answer when what it works with is not the current one.
//!
//! Invariant: a table decides nothing; the server judges.

mod lines;

use super::select::effective;
use super::{Condition, Rule};
use crate::World;
use crate::alert::mute::{Mute, MuteKind};
use crate::ci::{Ci, Class};
use crate::id::{MuteId, RuleId};
use crate::incident::react::tier;
use crate::rule::{Severity, Tier};
use rollcall_shared::message::{Settings, Side, Threshold};
use rollcall_shared::{AgentId, Timestamp, limits};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Windows up to this length (the default push interval) are worth hurrying for when they clear, too.
const SHORT_MS: u64 = 60_000;

/// Versions fit into a number of every JSON reader.
const VERSION_BITS: u64 = (1 << 53) - 1;

/// Tables kept: as many as there are kinds of hosts; beyond that they are made anew.
const TABLES: usize = 4_096;

/// Which table an agent has, and which it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Version of the table that it should have.
    pub version: u64,
    /// Lines in it.
    pub lines: usize,
    /// Lines that it has no room for.
    pub left_out: usize,
    /// Version that it worked with at its last push; `None` before it pushed to this process.
    pub applied: Option<u64>,
}

/// What a table is a function of, beside the rules: class, what applies beyond it, and what is muted, by mutes as they were at a revision.
type Key = (Option<Class>, u64, Vec<(MuteId, u64)>);

/// Tables of one revision of the rules. A cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    revision: u64,
    known: BTreeMap<Key, Arc<Settings>>,
    /// Mutes that hold, with when they were looked up.
    holding: Option<(Timestamp, u64, Vec<MuteId>)>,
}

// Two worlds that know the same are equal whatever they have cached.
impl PartialEq for Tables {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Tables {
    /// The table of a host. `scope` names what applies to it beyond its class.
    pub(crate) fn of(&mut self, world: &World, (host, scope): (Option<&Ci>, u64), now: Timestamp) -> Arc<Settings> {
        if self.revision != world.rules.revision {
            (self.revision, self.known) = (world.rules.revision, BTreeMap::new());
        }
        self.look_up_mutes(world, now);
        let holding = self.holding.iter().flat_map(|(_, _, mutes)| mutes).filter_map(|id| world.alerts.mutes.get(id));
        let muted: Vec<&Mute> = holding.filter(|mute| mute.selector.means(world, host)).collect();
        let key = (host.map(|host| host.class), scope, muted.iter().map(|mute| (mute.id, mute.revision)).collect());
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        if self.known.len() >= TABLES {
            self.known.clear();
        }
        let table = Arc::new(table(lines(world, host, &muted)));
        self.known.insert(key, Arc::clone(&table));
        table
    }

    /// Which mutes hold is looked up once a second, and when one was made, changed or ended.
    fn look_up_mutes(&mut self, world: &World, now: Timestamp) {
        let newest = world.alerts.mutes.values().map(|mute| mute.revision).max().unwrap_or(0).wrapping_add(world.alerts.mutes.len() as u64);
        let current = |(at, of, _): &(Timestamp, u64, Vec<MuteId>)| *of == newest && *at <= now && now.0 - at.0 < 1_000;
        if !self.holding.as_ref().is_some_and(current) {
            let holding = world.alerts.mutes.values().filter(|mute| mute.schedule.covers(now)).map(|mute| mute.id).collect();
            self.holding = Some((now, newest, holding));
        }
    }
}

/// The table of an agent at a moment, made from nothing: the default intervals, and the lines of all rules that apply to its host.
#[must_use]
pub fn settings(world: &World, agent: AgentId, now: Timestamp) -> Settings {
    table(all_lines(world, agent, now))
}

/// The table of an agent, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The table.
    pub settings: Settings,
    /// For each of its lines the rules that drew it.
    pub rules: Vec<Vec<RuleId>>,
    /// Lines that it has no room for.
    pub left_out: usize,
}

/// The table of an agent at a moment, explained.
#[must_use]
pub fn explained(world: &World, agent: AgentId, now: Timestamp) -> Explained {
    let lines = all_lines(world, agent, now);
    let rules = lines.iter().take(limits::THRESHOLDS).map(|line| line.rules.clone()).collect();
    let left_out = lines.len().saturating_sub(limits::THRESHOLDS);
    Explained { settings: table(lines), rules, left_out }
}

/// A line with the rules that drew it.
struct Line {
    threshold: Threshold,
    rules: Vec<RuleId>,
}

fn all_lines(world: &World, agent: AgentId, now: Timestamp) -> Vec<Line> {
    let ci = world.trust.agents.get(&agent).and_then(|agent| agent.ci);
    let host = ci.and_then(|ci| world.cmdb.cis.get(&ci));
    let holding = world.alerts.mutes.values().filter(|mute| mute.schedule.covers(now));
    let muted: Vec<&Mute> = holding.filter(|mute| mute.selector.means(world, host)).collect();
    lines(world, host, &muted)
}

fn lines(world: &World, host: Option<&Ci>, muted: &[&Mute]) -> Vec<Line> {
    let mut lines = Vec::new();
    for known in world.rules.rules.values() {
        if matches!(known.rule.condition, Condition::TargetCheck { .. }) {
            if known.rule.enabled {
                add_lines(&mut lines, &known.rule);
            }
            continue;
        }
        let rule = effective(&known.rule, world, host);
        if let Some(rule) = rule.filter(|rule| !muted.iter().any(|mute| mutes(mute, rule))) {
            add_lines(&mut lines, &rule);
        }
    }
    lines
}

fn table(mut lines: Vec<Line>) -> Settings {
    lines.truncate(limits::THRESHOLDS);
    let settings = Settings { thresholds: lines.into_iter().map(|line| line.threshold).collect(), ..Settings::default() };
    Settings { version: version(&settings), ..settings }
}

/// Whether nobody would hear of the rule at any of its levels.
fn mutes(mute: &Mute, rule: &Rule) -> bool {
    let held = mute.kind != MuteKind::Freeze || [Severity::Warning, Severity::Critical].into_iter().all(|one| tier(rule, one) < Tier::Page);
    held && (mute.rules.is_empty() || mute.rules.contains(&rule.id))
}

/// Names the content. Never 0, which is "none".
fn version(settings: &Settings) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for interval in [settings.sample_interval_ms, settings.push_interval_ms, settings.inventory_interval_ms] {
        hasher.update(&interval.to_be_bytes());
    }
    for line in &settings.thresholds {
        feed(&mut hasher, &line.metric);
        hasher.update(&(line.attributes.len() as u64).to_be_bytes());
        for (name, value) in &line.attributes {
            feed(&mut hasher, name);
            feed(&mut hasher, value);
        }
        hasher.update(&[u8::from(line.side == Side::Above)]).update(&line.value.to_bits().to_be_bytes());
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    (u64::from_be_bytes(bytes) & VERSION_BITS).max(1)
}

fn feed(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
}

fn add_lines(lines: &mut Vec<Line>, rule: &Rule) {
    for threshold in lines::of(rule) {
        match lines.iter_mut().find(|line| line.threshold == threshold) {
            Some(line) if line.rules.contains(&rule.id) => {}
            Some(line) => line.rules.push(rule.id.clone()),
            None => lines.push(Line { threshold, rules: vec![rule.id.clone()] }),
        }
    }
}

fn threshold(metric: &str, attributes: &BTreeMap<String, String>, side: Side, value: f64) -> Threshold {
    // Agents know no attribute that must not be there: they hurry once too often then.
    let attributes = attributes.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.clone(), value.clone())).collect();
    Threshold { metric: metric.to_owned(), attributes, side, value }
}

#[cfg(test)]
mod tests;
