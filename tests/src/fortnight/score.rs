//! What the domain opened, against what was wrong.
//!
//! *Groups* are what people see as one thing: incidents of one parent, or of one problem, count once. An incident belongs to the
//! fault whose hosts it is about, if it opened while that fault lasted and by a rule that may tell of it; what belongs to none is a
//! false alarm. A cause is named right when the first hypothesis has the words of the true one.

use super::fault::{Fault, Kind};
use super::fleet::Fleet;
use super::stage::Stage;
use rollcall_domain::id::{CiId, IncidentId, RuleId};
use rollcall_domain::incident::Incident;
use rollcall_domain::problem::{Origin, Problem};
use rollcall_shared::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How long after its end a fault may still be told of.
const SLACK_MS: i64 = 3_600_000;

/// Incidents that one fault may lead to after grouping.
pub const PER_FAULT: f64 = 1.2;

/// One fault and what came of it.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What it was.
    pub fault: String,
    /// Hosts that suffered.
    pub hosts: usize,
    /// Occurrences that people would tell apart.
    pub occurrences: u32,
    /// Incidents.
    pub incidents: usize,
    /// Of those, what people see as one thing.
    pub groups: usize,
    /// From the first value past a line, or the last word of a silent host, to the first incident; minutes.
    pub minutes_to_open: Option<f64>,
    /// The first cause that a problem names.
    pub cause_named: Option<String>,
    /// Whether that is the true one; none where nothing was named.
    pub cause_right: Option<bool>,
    /// Messages sent.
    pub messages: usize,
}

/// All of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Faults.
    pub faults: Vec<Row>,
    /// Faults that nothing was opened for.
    pub missed: Vec<String>,
    /// What was opened for no fault.
    pub false_alarms: Vec<String>,
    /// Causes named that are none.
    pub wrong_causes: Vec<String>,
    /// Groups per occurrence over all faults.
    pub groups_per_fault: f64,
    /// Incidents in all.
    pub incidents: usize,
    /// Problems in all.
    pub problems: usize,
    /// Messages in all.
    pub messages: usize,
    /// Log records in all.
    pub records: u64,
}

impl Outcome {
    /// Targets that were missed, in words.
    #[must_use]
    pub fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        if !self.missed.is_empty() {
            misses.push(format!("faults missed: {}", self.missed.join(", ")));
        }
        if self.groups_per_fault > PER_FAULT {
            misses.push(format!("{:.2} incidents per fault after grouping, more than {PER_FAULT}", self.groups_per_fault));
        }
        if !self.wrong_causes.is_empty() {
            misses.push(format!("wrong causes named: {}", self.wrong_causes.join("; ")));
        }
        let bad = self.faults.iter().find(|row| row.fault.starts_with("bad package"));
        if bad.is_some_and(|row| row.incidents > 0 && row.cause_right != Some(true)) {
            misses.push("the bad package is not named first".into());
        }
        misses
    }
}

/// Compares.
#[must_use]
pub fn score(stage: &Stage, fleet: &Fleet, faults: Vec<Fault>, onsets: &BTreeMap<usize, Timestamp>, end: Timestamp) -> Outcome {
    let truth = Truth::new(stage, fleet, &faults);
    let incidents = &stage.world.incidents.incidents;
    let mut of_fault: BTreeMap<usize, Vec<&Incident>> = BTreeMap::new();
    let mut fault_of: BTreeMap<IncidentId, usize> = BTreeMap::new();
    let mut strangers: Vec<&Incident> = Vec::new();
    for incident in incidents.values() {
        match truth.fault(incident) {
            Some(fault) => {
                fault_of.insert(incident.id, fault);
                of_fault.entry(fault).or_default().push(incident);
            }
            None => strangers.push(incident),
        }
    }
    let problems: Vec<&Problem> = stage.world.problems.problems.values().collect();
    let begun: Vec<(usize, &Fault)> = faults.iter().enumerate().filter(|(_, fault)| fault.begin < end).collect();
    let rows: Vec<Row> = begun
        .iter()
        .map(|(index, fault)| {
            let opened = of_fault.get(index).map_or(&[][..], Vec::as_slice);
            let groups: BTreeSet<String> = opened.iter().map(|incident| group(stage, incident)).collect();
            let first = opened.iter().map(|incident| incident.opened_at).min();
            let onset = onsets.get(index).copied().unwrap_or(fault.begin);
            let named = problems.iter().filter(|problem| problem.incidents.iter().any(|id| fault_of.get(id) == Some(index)));
            let cause_named = named.filter_map(|problem| cause(problem)).next();
            let cause_right = cause_named.as_ref().map(|named| fault.cause().is_some_and(|cause| named.contains(&cause)));
            let told = |message: &rollcall_domain::delivery::Message| {
                message.incidents.iter().any(|incident| fault_of.get(&incident.id) == Some(index))
            };
            Row {
                fault: fault.name.clone(),
                hosts: fault.hosts.len(),
                occurrences: fault.occurrences(),
                incidents: opened.len(),
                groups: groups.len(),
                minutes_to_open: first.map(|first| (first.0 - onset.0) as f64 / 60_000.0),
                cause_named,
                cause_right,
                messages: stage.messages.iter().filter(|(_, message)| told(message)).count(),
            }
        })
        .collect();
    let wrong = problems.iter().filter_map(|problem| {
        let named = cause(problem)?;
        let fault = problem.incidents.iter().find_map(|id| fault_of.get(id)).map(|index| &faults[*index]);
        let right = fault.and_then(Fault::cause).is_some_and(|cause| named.contains(&cause));
        (!right).then(|| format!("{named} for {}", fault.map_or("no fault", |fault| fault.name.as_str())))
    });
    let (groups, occurrences) = rows.iter().fold((0, 0), |(groups, all), row| (groups + row.groups, all + row.occurrences));
    let alarms: BTreeMap<String, &Incident> = strangers.into_iter().map(|incident| (group(stage, incident), incident)).collect();
    Outcome {
        missed: rows.iter().filter(|row| row.incidents == 0).map(|row| row.fault.clone()).collect(),
        false_alarms: alarms.into_values().map(|incident| incident.title.clone()).collect(),
        wrong_causes: wrong.collect(),
        groups_per_fault: groups as f64 / f64::from(occurrences.max(1)),
        incidents: incidents.len(),
        problems: problems.len(),
        messages: stage.messages.len(),
        records: stage.records,
        faults: rows,
    }
}

/// What an incident is a part of: a problem of its own, of its parent or of one of that one's children; else its parent; else nothing.
fn group(stage: &Stage, incident: &Incident) -> String {
    let known = &stage.world.incidents.incidents;
    let top = incident.parent.and_then(|parent| known.get(&parent)).unwrap_or(incident);
    let family = top.children.iter().filter_map(|id| known.get(id));
    let problem = incident.problem.or(top.problem).or_else(|| family.into_iter().find_map(|one| one.problem));
    problem.map_or_else(|| top.id.to_string(), |problem| problem.to_string())
}

/// The cause that a problem names: none when it only says that something comes back.
fn cause(problem: &Problem) -> Option<String> {
    match &problem.origin {
        Origin::CommonCause { .. } | Origin::Topology { .. } => problem.hypotheses.first().map(|first| first.factor.clone()),
        Origin::Recurrence { .. } | Origin::Person => None,
    }
}

/// Which items are which hosts.
struct Truth<'a> {
    faults: &'a [Fault],
    items: BTreeMap<CiId, Vec<u32>>,
}

impl<'a> Truth<'a> {
    fn new(stage: &Stage, fleet: &Fleet, faults: &'a [Fault]) -> Self {
        let mut items = BTreeMap::new();
        let mut behind: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for host in 0..fleet.hosts() {
            if let Ok(ci) = stage.host(fleet.agent(host)) {
                items.insert(ci, vec![host]);
            }
            behind.entry(format!("switch-{}", fleet.switch(host))).or_default().push(host);
        }
        for ci in stage.world.cmdb.cis.values() {
            if let Some(hosts) = behind.get(&ci.name) {
                items.insert(ci.id, hosts.clone());
            }
        }
        Self { faults, items }
    }

    /// The fault that an incident tells of: the one with most of its hosts.
    fn fault(&self, incident: &Incident) -> Option<usize> {
        let cis = incident.primary_ci.into_iter().chain(incident.affected_cis.iter().copied());
        let hosts: BTreeSet<u32> = cis.filter_map(|ci| self.items.get(&ci)).flatten().copied().collect();
        let of_storm = incident.storm.as_ref().and_then(|storm| storm.alarm.rule()).map(RuleId::as_str);
        let category = of_storm.or(incident.category.as_deref()).unwrap_or_default();
        let fits = |fault: &Fault| {
            let during = fault.begin <= incident.opened_at && incident.opened_at.0 <= fault.end.0 + SLACK_MS;
            let told = fault.rules().contains(&category) || (fault.kind == Kind::DyingSwitch && category.contains("silent"));
            if during && told { fault.hosts.iter().filter(|host| hosts.contains(host)).count() } else { 0 }
        };
        let best = self.faults.iter().enumerate().max_by_key(|(index, fault)| (fits(fault), std::cmp::Reverse(*index)))?;
        (fits(best.1) > 0).then_some(best.0)
    }
}
