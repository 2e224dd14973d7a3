//! Rules compiled against one series table: which position of a sample set is judged how.
//!
//! Agents with the same table and class to which the same variants of the rules apply share one plan, so that taking in a sample set
//! compares numbers and nothing else. A plan is a pure function of (rules, table, host); it is a cache and never stored.

mod program;
mod reading;
mod room;
mod tag;

pub use room::{ENTRIES, LeftOut, Limit, WINDOWS};
pub use tag::{scope, tag};

use super::baseline::Baseline;
use super::expression::{self, Read};
use super::select::{self, Variant};
use super::window::{Reading, Shape, Window};
use super::{Asks, Condition, Guard, Level, NoData, Rule, Rules, Severity};
use crate::alert::machine::{Judged, Timing};
use crate::ci::{Ci, Class};
use crate::id::RuleId;
use crate::trust::collector;
use crate::{World, collect};
use program::{Step, lower, rises, run};
use rollcall_shared::message::Side;
use rollcall_shared::metric;
use rollcall_shared::sample::Series;
use rollcall_shared::{ContentHash, Section, Timestamp};
use room::{Room, leave_out};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What [`Plan::compile`] is a function of, beside the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanKey {
    /// The table.
    pub table: ContentHash,
    /// The host's class.
    pub class: Option<Class>,
    /// Names which rules apply in which variant, as far as that depends on more than the class.
    pub scope: u64,
}

/// The rules that apply to certain hosts with one series table.
#[derive(Debug)]
pub struct Plan {
    /// Revision of the rules it was compiled from.
    pub revision: u64,
    /// For which hosts.
    pub key: PlanKey,
    /// In order of rule, then series.
    pub entries: Vec<Entry>,
    /// Tags of the windows that the entries need, in their order.
    pub windows: Vec<u64>,
    /// Tags of the baselines that the entries need, in their order.
    pub baselines: Vec<u64>,
    /// Series of checks about other items.
    pub probes: Box<[Probe]>,
    /// Whether its series come apart from each other: it is a collector's table.
    pub comes_apart: bool,
    /// What is not judged because the host has too much of it, in order of rule.
    pub left_out: Vec<LeftOut>,
    section: Arc<Section>,
    by_tag: Vec<(u64, usize)>,
}

/// A series of a check that an agent runs about another item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Position in the sample set.
    pub series: usize,
    /// Name of the check.
    pub check: String,
    /// What the agent's configuration calls the item.
    pub target: String,
    /// What it asks.
    pub asks: Asks,
}

/// Checks about other items of one host at most: an agent runs no more.
const PROBES: usize = 128;

/// The series of checks about other items; see the agent's `[[check]]`.
fn probes(table: &[Series]) -> Box<[Probe]> {
    table.iter().enumerate().filter_map(|(place, series)| Probe::of(place, series)).take(PROBES).collect()
}

impl Probe {
    /// Of a series at a position; `None` when it is none of a check about another item.
    #[must_use]
    pub fn of(place: usize, series: &Series) -> Option<Self> {
        let asks = [Asks::Up, Asks::State].into_iter().find(|asks| asks.as_str() == of(series, "asks"))?;
        let (check, target) = (of(series, "check").to_owned(), of(series, "target").to_owned());
        (series.metric == TARGET_STATE && !target.is_empty()).then_some(Self { series: place, check, target, asks })
    }
}

/// The metric of checks about other items: 0 to 3 as plugins end.
pub const TARGET_STATE: &str = "check.target_state";

/// A rule in one variant, ready to be judged; shared by all plans.
#[derive(Debug)]
pub struct Judge {
    /// Which rule.
    pub rule: RuleId,
    /// How long things must last.
    pub timing: Timing,
    /// When the data stops.
    pub no_data: NoData,
    /// When it flaps.
    pub flapping: super::Flapping,
    side: Side,
    kind: Kind,
    warning: Option<Level>,
    critical: Option<Level>,
}

#[derive(Debug)]
enum Kind {
    /// A number is held against lines.
    Lines { reads: Vec<Read>, program: Vec<Step>, rises: bool },
    /// The state of a check.
    Check { read: Read },
    /// Nothing has come.
    Absent { metric: String, attributes: BTreeMap<String, String>, after_ms: u64 },
}

/// One series under one rule.
#[derive(Debug)]
pub struct Entry {
    /// What it is judged by.
    pub judge: Arc<Judge>,
    /// Position in the sample set of the series that the alert is named after; `None` for an absence.
    pub series: Option<usize>,
    /// Names rule and attributes, as the alert's key does.
    pub tag: u64,
    /// One for each read of the judge; for an absence the series that would end it.
    reads: Box<[Input]>,
    guards: [Option<usize>; 2],
    /// For an absence: whether what is looked for is known to come here.
    pub is_expected: bool,
}

/// Where a read finds its value.
#[derive(Clone, Copy, Debug)]
struct Input {
    series: usize,
    memory: Memory,
}

#[derive(Clone, Copy, Debug)]
enum Memory {
    Nothing,
    Window(usize),
    Baseline(usize),
}

/// What is remembered of one series that an entry reads.
#[derive(Clone, Copy, Debug)]
pub enum Remembered<'a> {
    /// Its newest value alone.
    Newest,
    /// A window.
    Window(&'a Window),
    /// A baseline.
    Baseline(&'a Baseline),
}

/// What a host remembers for its entries.
#[derive(Debug)]
pub struct Memories<'a> {
    /// In the plan's order.
    pub windows: &'a mut [Window],
    /// In the plan's order.
    pub baselines: &'a mut [Baseline],
}

/// One sample set as an entry sees it.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// When it was measured.
    pub at: Timestamp,
    /// Its values, in the table's order.
    pub values: &'a [Option<f64>],
    /// For series that come apart from each other: `values` are the newest of each.
    pub apart: Option<Apart<'a>>,
}

/// Series that come apart from each other, in the table's order.
#[derive(Clone, Copy, Debug)]
pub struct Apart<'a> {
    /// When each newest value was measured.
    pub times: &'a [Timestamp],
    /// Which came now.
    pub fresh: &'a [bool],
    /// When they came, by the server's clock: a sender's may be ahead of it, and nothing lasts or is missing by a sender's clock alone.
    pub came_at: Timestamp,
}

/// For how long a value counts of a series that comes apart from others: what Prometheus looks back for, and five times the longest usual
/// interval.
pub const PATIENCE: Duration = Duration::from_secs(300);

impl Plan {
    /// Compiles the enabled rules on samples that apply to a host. A section that is no series table matches nothing.
    #[must_use]
    pub fn compile(rules: &Rules, key: PlanKey, section: Arc<Section>, (world, ci): (&World, Option<&Ci>), judges: &mut Judges) -> Self {
        let mut plan = Self {
            revision: rules.revision,
            key,
            entries: Vec::new(),
            windows: Vec::new(),
            baselines: Vec::new(),
            probes: Box::default(),
            comes_apart: false,
            left_out: Vec::new(),
            section,
            by_tag: Vec::new(),
        };
        let section = Arc::clone(&plan.section);
        let Section::Series(series) = &*section else { return plan };
        plan.comes_apart = series.first().is_some_and(|one| collector::is_of_collector(&one.attributes));
        let mut room = Room::default();
        for known in rules.rules.values() {
            let Some(variant) = select::variant(&known.rule, world, ci) else { continue };
            if let Some(judge) = judges.of(rules.revision, &known.rule, variant) {
                plan.add(&judge, series, &mut room);
            }
        }
        (plan.windows, plan.baselines) = (room.windows.ordered, room.baselines.ordered);
        plan.probes = probes(series);
        plan.entries.shrink_to_fit();
        plan.by_tag = plan.entries.iter().enumerate().map(|(position, entry)| (entry.tag, position)).collect();
        plan.by_tag.sort_unstable();
        plan
    }

    /// The table.
    #[must_use]
    pub fn section(&self) -> &Arc<Section> {
        &self.section
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

    /// The attributes that the entry's alert is named after.
    #[must_use]
    pub fn attributes(&self, entry: &Entry) -> BTreeMap<String, String> {
        match (&entry.judge.kind, entry.series.and_then(|series| self.series().get(series))) {
            (Kind::Absent { attributes, .. }, _) => self.of_absence(attributes, &entry.reads),
            (_, Some(series)) => series.attributes.iter().cloned().collect(),
            (_, None) => BTreeMap::new(),
        }
    }

    /// What an absence is named after: what is asked for, and what tells a collector from the others of its item, of which one may have what
    /// another lacks.
    fn of_absence(&self, asked: &BTreeMap<String, String>, reads: &[Input]) -> BTreeMap<String, String> {
        let first = reads.first().filter(|_| self.comes_apart).and_then(|input| self.series().get(input.series));
        let tells = |name: &str| name == collector::FEED || name == collect::SERVER_PORT || collect::APART.contains(&name);
        let own = first.into_iter().flat_map(|series| &series.attributes).filter(|(name, _)| tells(name)).cloned();
        own.chain(asked.clone()).collect()
    }

    fn add(&mut self, judge: &Arc<Judge>, table: &[Series], room: &mut Room) {
        let reads = match &judge.kind {
            Kind::Lines { reads, .. } => reads.as_slice(),
            Kind::Check { read } => std::slice::from_ref(read),
            Kind::Absent { metric, attributes, .. } => return self.add_absence(judge, table, (metric, attributes)),
        };
        let Some(first) = reads.first() else { return };
        for (position, one) in table.iter().enumerate() {
            if !has(one, &first.metric, &first.attributes) {
                continue;
            }
            // The rest of the table is not searched for it: a host beyond the limit must not cost more than one within.
            if self.entries.len() >= ENTRIES {
                leave_out(&mut self.left_out, &judge.rule, Limit::Judgements);
                continue;
            }
            let sources: Option<Vec<usize>> = std::iter::once(Some(position))
                .chain(reads[1..].iter().map(|read| table.iter().position(|other| belongs(other, read, one))))
                .collect();
            // Without all of its metrics nothing can be said of this series.
            let Some(sources) = sources else { continue };
            let reads = match room.inputs(judge, reads, (table, &sources)) {
                Ok(inputs) => inputs,
                Err(limit) => {
                    leave_out(&mut self.left_out, &judge.rule, limit);
                    continue;
                }
            };
            let guard = |level: &Option<Level>| {
                let guard = level.as_ref()?.and.as_ref()?;
                table.iter().position(|other| other.metric == guard.metric && other.attributes == one.attributes)
            };
            self.entries.push(Entry {
                judge: Arc::clone(judge),
                series: Some(position),
                tag: tag(&judge.rule, one.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
                reads,
                guards: [guard(&judge.warning), guard(&judge.critical)],
                is_expected: true,
            });
        }
    }

    /// What a collector measures may be absent where it was ever measured: it is in the table then. An agent's may where agents measure it
    /// without being asked to, or where it came before. Each is looked for in its own table, or every rule on absence would find the one's
    /// values missing among the other's.
    fn add_absence(&mut self, judge: &Arc<Judge>, table: &[Series], (metric, attributes): (&str, &BTreeMap<String, String>)) {
        let matching = table.iter().enumerate().filter(|(_, one)| has(one, metric, attributes));
        let reads: Box<[Input]> = matching.map(|(series, _)| Input { series, memory: Memory::Nothing }).collect();
        let may_be = if self.comes_apart { !reads.is_empty() } else { !attributes.contains_key(collector::FEED) };
        if may_be && self.entries.len() >= ENTRIES {
            leave_out(&mut self.left_out, &judge.rule, Limit::Judgements);
        } else if may_be {
            let is_expected = !reads.is_empty() || metric::find(metric).is_some();
            let named = self.of_absence(attributes, &reads);
            let tag = tag(&judge.rule, named.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            self.entries.push(Entry { judge: Arc::clone(judge), series: None, tag, reads, guards: [None; 2], is_expected });
        }
    }
}

/// Compiled rules of one revision.
#[derive(Clone, Debug, Default)]
pub struct Judges {
    revision: u64,
    known: BTreeMap<(RuleId, Variant), Option<Arc<Judge>>>,
}

impl Judges {
    fn of(&mut self, revision: u64, rule: &Rule, variant: Variant) -> Option<Arc<Judge>> {
        if self.revision != revision {
            (self.revision, self.known) = (revision, BTreeMap::new());
        }
        let judge = self.known.entry((rule.id.clone(), variant));
        judge.or_insert_with(|| Judge::of(&select::varied(rule, variant)).map(Arc::new)).clone()
    }
}

impl Judge {
    /// `None` for a rule that is not judged by samples.
    fn of(rule: &Rule) -> Option<Self> {
        let kind = match &rule.condition {
            Condition::Absent { metric, attributes, after_ms } => {
                Kind::Absent { metric: metric.clone(), attributes: attributes.clone(), after_ms: *after_ms }
            }
            condition => {
                let expression = expression::of(condition)?;
                let reads: Vec<Read> = expression.reads().into_iter().cloned().collect();
                if matches!(condition, Condition::Check { .. }) {
                    Kind::Check { read: reads.into_iter().next()? }
                } else {
                    let mut program = Vec::new();
                    lower(&expression, &mut program, &mut 0);
                    Kind::Lines { reads, program, rises: rises(&expression) }
                }
            }
        };
        Some(Self {
            rule: rule.id.clone(),
            timing: Timing::of(rule),
            no_data: rule.no_data,
            flapping: rule.flapping,
            side: rule.condition.side(),
            kind,
            warning: rule.levels.warning.clone(),
            critical: rule.levels.critical.clone(),
        })
    }

    fn worst(&self) -> Severity {
        if self.critical.is_some() { Severity::Critical } else { Severity::Warning }
    }

    fn is_raised(&self, severity: Severity, value: f64, guard: Option<usize>, moment: Moment<'_>) -> bool {
        let Some(level) = self.level(severity) else { return false };
        let guarded = |wanted: &Guard| {
            let other = guard.and_then(|series| moment.value(series)).filter(|other| other.is_finite());
            other.is_some_and(|other| wanted.side.is_bad(other, wanted.value))
        };
        self.side.is_bad(value, level.raise) && level.and.as_ref().is_none_or(guarded)
    }

    fn is_kept(&self, severity: Severity, value: f64) -> bool {
        self.level(severity).is_some_and(|level| self.side.is_bad(value, level.clear))
    }

    fn level(&self, severity: Severity) -> Option<&Level> {
        match severity {
            Severity::Warning => self.warning.as_ref(),
            Severity::Critical => self.critical.as_ref(),
        }
    }

    /// A level is raised beyond its raise line (and with its guard), and held from there until the value is back at or beyond its
    /// clear line.
    fn hold(&self, reading: Reading, guarded: [bool; 2], severity: Option<Severity>) -> Judged {
        let raised = match guarded {
            [_, true] => Some(Severity::Critical),
            [true, false] => Some(Severity::Warning),
            [false, false] => None,
        };
        let kept = match severity {
            Some(Severity::Critical) if self.is_kept(Severity::Critical, reading.value) => Some(Severity::Critical),
            Some(_) if self.is_kept(Severity::Warning, reading.value) => Some(Severity::Warning),
            _ => None,
        };
        let held = raised.max(kept);
        if (raised.is_some() && !reading.may_raise) || (held < severity && !reading.may_clear) {
            return Judged::Nothing;
        }
        Judged::Level { raised, held }
    }
}

/// What a number that is known at once means under a rule's levels, for conditions that are no samples.
#[must_use]
pub fn judge_number(rule: &Rule, value: f64, severity: Option<Severity>) -> Judged {
    let side = rule.condition.side();
    let raised = |level: &Option<Level>| level.as_ref().is_some_and(|level| side.is_bad(value, level.raise));
    let kept = |level: &Option<Level>| level.as_ref().is_some_and(|level| side.is_bad(value, level.clear));
    let highest = |critical: bool, warning: bool| match (critical, warning) {
        (true, _) => Some(Severity::Critical),
        (false, true) => Some(Severity::Warning),
        (false, false) => None,
    };
    let raised = highest(raised(&rule.levels.critical), raised(&rule.levels.warning));
    let kept =
        highest(severity == Some(Severity::Critical) && kept(&rule.levels.critical), severity.is_some() && kept(&rule.levels.warning));
    Judged::Level { raised, held: raised.max(kept) }
}

/// What a collector measured is judged as [`collector::may_be_judged`] says.
fn has(series: &Series, metric: &str, attributes: &BTreeMap<String, String>) -> bool {
    series.metric == metric
        && attributes.iter().all(|(name, value)| of(series, name) == value)
        && (collector::may_be_judged(metric, attributes) || !collector::is_of_collector(&series.attributes))
}

/// The attribute, empty when the series does not have it.
fn of<'a>(series: &'a Series, name: &str) -> &'a str {
    series.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// Whether a further metric's series goes with the series that the alert is named after: apart from what the rule asks for, it has no
/// attribute that the other does not have too.
fn belongs(series: &Series, read: &Read, first: &Series) -> bool {
    has(series, &read.metric, &read.attributes)
        && series.attributes.iter().all(|pair| read.attributes.contains_key(&pair.0) || first.attributes.contains(pair))
}
