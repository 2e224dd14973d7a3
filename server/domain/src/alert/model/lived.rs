//! The real machine under the same steps: rule, agent, commands and restarts as they come to a server, and what is to be seen of it all.

use super::reference::{Judge, Lines, Mute, Seen, Told};
use crate::alert::decide::AlertCommand;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::{Scenario, host, rule, seconds};
use crate::alert::{Alert, AlertEvent, AlertKey, AlertState, Suppression};
use crate::id::{AlertId, MuteId};
use crate::incident::{IncidentEvent, IncidentState};
use crate::journal::JournalEntry;
use crate::rule::{Flapping, Level, Levels, NoData, Rule, RuleCommand, RuleEvent, Selector};
use crate::{Actor, Command, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Mount points of the two series.
const MOUNTS: [&str; 2] = ["/a", "/b"];

/// A host that lives through steps.
pub(super) struct Lived {
    pub(super) scenario: Scenario,
    /// All that the agent has sent.
    journal: Vec<JournalEntry>,
    /// The state as it was saved, and how much of the journal it knows.
    saved: (Vec<u8>, usize),
    /// Mutes in the order in which they were made.
    mutes: Vec<MuteId>,
    /// Records of the log that were looked at.
    told: usize,
}

impl Lived {
    pub(super) fn new(judge: &Judge) -> Self {
        let scenario = Scenario::new(vec![rule_of(judge, true)]);
        let saved = (frozen(&scenario.world), 0);
        let told = scenario.log.len();
        Self { scenario, journal: Vec::new(), saved, mutes: Vec::new(), told }
    }

    /// Sets that were measured at some moment each; a value that is no number is sent where `None` is given as such.
    pub(super) fn push(&mut self, now: i64, sets: &[(i64, [Option<f64>; 2])]) {
        let sets = sets.iter().map(|(at, values)| self.scenario.set(*at, &[(MOUNTS[0], values[0]), (MOUNTS[1], values[1])])).collect();
        let entry = self.scenario.push(now, 1, sets, Vec::new());
        self.journal.push(entry);
    }

    pub(super) fn edit(&mut self, now: i64, judge: &Judge, enabled: bool) {
        let rule = Box::new(rule_of(judge, enabled));
        self.scenario.commit(now, &Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule })]);
    }

    pub(super) fn switch(&mut self, now: i64, enabled: bool) {
        let command = RuleCommand::Enable { rule: rule("load").id, enabled, expected: None };
        self.scenario.command(now, &Command::Rule(command)).expect("the rule is there");
    }

    /// Its number is its reason.
    pub(super) fn mute(&mut self, now: i64, mute: Mute) {
        let kind = if mute.axis == Suppression::Silence { MuteKind::Silence } else { MuteKind::Maintenance };
        let schedule = Schedule::Once { from: seconds(mute.from), to: seconds(mute.to) };
        let (reason, rules, selector) = (self.mutes.len().to_string(), vec![rule("load").id], Selector::default());
        let new = NewMute { kind, reason, selector, rules, external: None, schedule };
        let known: BTreeSet<MuteId> = self.scenario.world.alerts.mutes.keys().copied().collect();
        self.scenario.command(now, &Command::Alert(AlertCommand::Mute(Box::new(new)))).expect("a proper mute");
        self.mutes.extend(self.scenario.world.alerts.mutes.keys().filter(|id| !known.contains(id)));
    }

    pub(super) fn unmute(&mut self, now: i64, number: usize) {
        let command = AlertCommand::Unmute { mute: self.mutes[number], expected: None };
        self.scenario.command(now, &Command::Alert(command)).expect("the mute is there");
    }

    /// `false` when that is refused.
    pub(super) fn acknowledge(&mut self, now: i64, which: usize, until: Option<i64>) -> bool {
        let Some(alert) = self.alert(which).map(|alert| alert.id) else { return false };
        let command = AlertCommand::Acknowledge { alert, until: until.map(seconds) };
        self.scenario.command(now, &Command::Alert(command)).is_ok()
    }

    pub(super) fn unacknowledge(&mut self, now: i64, which: usize) {
        let Some(alert) = self.alert(which).map(|alert| alert.id) else { return };
        let command = Command::Alert(AlertCommand::Unacknowledge { alert });
        self.scenario.command(now, &command).expect("the alert is there");
    }

    pub(super) fn save(&mut self) {
        self.saved = (frozen(&self.scenario.world), self.journal.len());
    }

    /// As a server starts: what was saved, the log since, the journal since; then it listens.
    pub(super) fn restart(&mut self, now: i64) {
        let (bytes, heard) = &self.saved;
        let Scenario { world, log, tables, .. } = &mut self.scenario;
        *world = serde_json::from_slice(bytes).expect("what was saved can be read");
        world.rebuild_projections(tables);
        log.iter().for_each(|record| world.apply(record, tables));
        self.journal[*heard..].iter().for_each(|entry| world.recall(entry, tables));
        world.telemetry.resume(seconds(now));
    }

    fn key(which: usize) -> AlertKey {
        AlertKey { rule: rule("load").id, ci: host(1), attributes: BTreeMap::from([("mountpoint".to_owned(), MOUNTS[which].to_owned())]) }
    }

    fn alert(&self, which: usize) -> Option<&Alert> {
        let alerts = &self.scenario.world.alerts;
        alerts.keys.get(&Self::key(which)).and_then(|id| alerts.alerts.get(id))
    }

    /// All that can be seen of the alert of a series now; `None` where there is none.
    pub(super) fn seen(&self, which: usize, now: i64) -> Option<Seen> {
        let alert = self.alert(which)?;
        let key = alert.key.dedup_key();
        let all: Vec<_> = self.scenario.world.incidents.incidents.values().filter(|one| one.dedup_key.as_ref() == Some(&key)).collect();
        let open: Vec<_> = all.iter().filter(|one| one.state.is_open()).collect();
        assert!(open.len() <= 1, "two live incidents of {key}");
        assert_eq!(self.scenario.world.incidents.live.get(&key), open.first().map(|one| &one.id), "{key}");
        let acknowledged = alert.acknowledged.as_ref().map(|one| (at(one.at), one.until.map(at)));
        let holds = acknowledged.is_some_and(|(_, until)| until.is_none_or(|until| now < until));
        assert_eq!(alert.acknowledgement(seconds(now)).is_some(), holds, "looked after by {acknowledged:?}");
        Some(Seen {
            state: alert.state,
            before_unknown: alert.before_unknown,
            severity: alert.severity,
            since: at(alert.since),
            worse_since: alert.worse_since.map(at),
            value: alert.value.map(whole),
            fired_at: alert.fired_at.map(at),
            resolved_at: alert.resolved_at.map(at),
            times_fired: alert.times_fired,
            quiet: alert.suppressed.iter().map(|(axis, reason)| (*axis, number(reason))).collect(),
            acknowledged,
            incident: open.first().and_then(|one| one.breach.as_ref()).map(|breach| breach.severity),
            incidents: all.len(),
        })
    }

    /// What was told since the last time, by series.
    pub(super) fn news(&mut self) -> [Vec<Told>; 2] {
        let mut news = [Vec::new(), Vec::new()];
        let ids = self.ids();
        for record in &self.scenario.log[self.told..] {
            if let Some((which, told)) = self.telling(&record.event, &ids) {
                news[which].push(told);
            }
        }
        self.told = self.scenario.log.len();
        news
    }

    /// The alerts that there are or were.
    fn ids(&self) -> BTreeMap<AlertId, usize> {
        let moved = self.scenario.log.iter().filter_map(|record| match &record.event {
            Event::Alert(AlertEvent::AlertTransitioned { alert, key, .. }) => Some((*alert, which(key))),
            _ => None,
        });
        moved.collect()
    }

    fn telling(&self, event: &Event, ids: &BTreeMap<AlertId, usize>) -> Option<(usize, Told)> {
        let of = |alert: &AlertId| ids.get(alert).copied();
        match event {
            Event::Alert(AlertEvent::AlertTransitioned { key, before, after, severity, worse_since, value, at: moment, .. }) => {
                let (worse_since, value) = (worse_since.map(at), value.map(whole));
                Some((which(key), Told::Moved(*before, *after, *severity, worse_since, value, at(*moment))))
            }
            Event::Alert(AlertEvent::AlertWorsening { key, since, .. }) => Some((which(key), Told::Worsening(since.map(at)))),
            Event::Alert(AlertEvent::AlertSuppressed { alert, axis, reason, .. }) => {
                Some((of(alert)?, Told::Quiet(*axis, reason.as_deref().map(number))))
            }
            Event::Alert(AlertEvent::AlertAcknowledged { alert, acknowledgement }) => {
                Some((of(alert)?, Told::Acknowledged(acknowledgement.as_ref().map(|one| one.until.map(at)))))
            }
            Event::Incident(IncidentEvent::IncidentOpened { incident }) => {
                incident.breach.as_ref().map(|breach| (which(&breach.key), Told::Opened(breach.severity)))
            }
            Event::Incident(IncidentEvent::IncidentUpdated { incident, severity, .. }) => {
                let breach = self.scenario.world.incidents.incidents.get(incident)?.breach.as_ref()?;
                Some((which(&breach.key), Told::Updated(*severity)))
            }
            Event::Incident(IncidentEvent::IncidentStateChanged { incident, after: IncidentState::Resolved, .. }) => {
                let breach = self.scenario.world.incidents.incidents.get(incident)?.breach.as_ref()?;
                Some((which(&breach.key), Told::Ended))
            }
            _ => None,
        }
    }
}

/// Which series an alert is of.
fn which(key: &AlertKey) -> usize {
    MOUNTS.iter().position(|mount| key.attributes.get("mountpoint").map(String::as_str) == Some(mount)).expect("one of the two")
}

/// The number of the mute that a reason tells of.
fn number(reason: &str) -> usize {
    reason.split(' ').next().and_then(|number| number.parse().ok()).expect("the reason is a number")
}

fn at(moment: Timestamp) -> i64 {
    moment.0 / 1_000
}

#[expect(clippy::cast_possible_truncation, reason = "values are small whole numbers")]
fn whole(value: f64) -> i32 {
    value as i32
}

fn frozen(world: &World) -> Vec<u8> {
    serde_json::to_vec(world).expect("a state can be written")
}

fn ms(seconds: i64) -> u64 {
    u64::try_from(seconds).expect("no time is negative") * 1_000
}

/// Flapping is told elsewhere: here it never begins.
fn rule_of(judge: &Judge, enabled: bool) -> Rule {
    let level = |lines: Lines| Level { raise: lines.raise.into(), clear: lines.clear.into(), and: None, for_ms: Some(ms(lines.for_s)) };
    Rule {
        enabled,
        levels: Levels { warning: judge.warning.map(level), critical: judge.critical.map(level) },
        flapping: Flapping { start_percent: 100.0, stop_percent: 100.0 },
        no_data: if judge.misses { NoData::Unknown } else { NoData::Keep },
        keep_firing_for_ms: ms(judge.keep_firing_for_s),
        ..rule("load")
    }
}

/// Whether a record says that an alert is over, and by which value: none where people dropped it.
pub(super) fn resolution(told: &Told) -> Option<Option<i32>> {
    match told {
        Told::Moved(_, AlertState::Resolved, _, _, value, _) => Some(*value),
        _ => None,
    }
}
