//! One search through the table.

use super::entry::{Agreement, BY_CONTAINER, ENTRIES, Entry, Identifiers, LAST_OF_HARDWARE, LAST_OF_MACHINE};
use super::veto::SharedParts;
use super::{BY_NATIVE_KEY, Doubt, Explained, Explanation, Fingerprint, Refusal, TOO_MANY_CANDIDATES, bound, is_unreported};
use crate::World;
use crate::ci::{Attempt, AttemptResult, Ci, Class, DeadLetterCode, Lifecycle, Reporter};
use crate::id::CiId;
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::{AgentId, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Records under one fact that are looked at. A fact that more share identifies none of them, and looking at all would make
/// each report of a thousand such hosts a thousand times as dear.
const HOLDERS: usize = 64;

/// An agent that spoke so recently is alive: three push intervals, at the default one.
const ALIVE_MS: u64 = 180_000;

/// Why a candidate is not the machine.
enum Veto {
    /// Facts differ.
    Contradicts(String),
    /// Facts agree, and yet two machines seem to speak: people should look.
    Disputed(String),
}

/// The outcome of entry 5.
enum Native {
    Unknown,
    Host(CiId),
    /// The reporter is bound to another machine than the one that it tells of.
    Elsewhere,
}

pub(super) struct Search<'a> {
    world: &'a World,
    reporter: &'a Reporter,
    now: Timestamp,
    pub(super) found: Fingerprint,
    pub(super) attempts: Vec<Attempt>,
    pub(super) doubts: Vec<Doubt>,
    pub(super) refused: Option<Refusal>,
    pub(super) duplicates: Vec<CiId>,
    pub(super) explained: Option<Explained>,
    /// The host whose certificate speaks, when it is not the host that is told of.
    home: Option<CiId>,
}

impl<'a> Search<'a> {
    pub(super) fn new(world: &'a World, reporter: &'a Reporter, found: Fingerprint, now: Timestamp) -> Self {
        Self {
            world,
            reporter,
            now,
            found: found.without_junk(&world.cmdb.policy.identification),
            attempts: Vec::new(),
            doubts: Vec::new(),
            refused: None,
            duplicates: Vec::new(),
            explained: None,
            home: None,
        }
    }

    pub(super) fn run(&mut self) -> Option<CiId> {
        let found = match self.by_native_key() {
            Native::Host(id) => Some(id),
            Native::Unknown | Native::Elsewhere => ENTRIES.iter().find_map(|entry| self.by_entry(entry)),
        };
        if self.refused.is_none() {
            self.look_for_registered(found);
        }
        found
    }

    /// A record that people wrote down with this serial number and without a manufacturer may wait for this machine: that is for
    /// them to say.
    fn look_for_registered(&mut self, found: Option<CiId>) {
        let holders = self.found.serial_fact().and_then(|fact| self.world.cmdb.facts.get(&fact));
        let Some(holders) = holders.filter(|holders| holders.len() <= TOO_MANY_CANDIDATES) else { return };
        let others = holders.iter().filter(|id| Some(**id) != found).filter_map(|id| self.world.cmdb.cis.get(id));
        let in_use = others.filter(|host| is_unreported(host) && host.duplicate_of.is_none() && !is_inactive(host));
        let waiting = in_use.filter(|host| self.fingerprint(host).may_be(&self.found));
        let waiting: Vec<CiId> = waiting.map(|host| host.id).collect();
        if !waiting.is_empty() {
            let serial = self.found.serial.clone().unwrap_or_default();
            self.doubt(
                waiting,
                format!("the serial number {serial} was recorded before a machine with it reported: they may be one machine"),
            );
        }
    }

    /// Entry 5: the host that this reporter was identified as before.
    fn by_native_key(&mut self) -> Native {
        let attributes = match self.reporter {
            Reporter::Agent(id) => BTreeMap::from([("agent".to_owned(), id.to_string())]),
            Reporter::Feed { name, key } => BTreeMap::from([("feed".to_owned(), name.clone()), ("key".to_owned(), key.clone())]),
        };
        let mut attempt = Attempt { entry: BY_NATIVE_KEY, attributes, result: AttemptResult::NoMatch, candidates: Vec::new(), note: None };
        let Some(host) = bound(self.world, self.reporter).and_then(|id| self.home_of(id)) else {
            attempt.note = Some("this reporter was not identified before".into());
            self.attempts.push(attempt);
            return Native::Unknown;
        };
        attempt.candidates.push(host.id);
        let known = self.fingerprint(host);
        let contradiction = self.found.contradiction(&known).or_else(|| self.found.other_hardware(&known));
        let replaced = self.reporter.agent().and_then(|_| self.found.board_replacement(&known));
        match (contradiction, replaced) {
            (None, _) => attempt.result = AttemptResult::Matched,
            (Some(contradiction), Some(why)) => {
                let reason = format!("the board was replaced: {contradiction}, but {why}");
                attempt.result = AttemptResult::Matched;
                attempt.note = Some(format!("explained: {reason}"));
                self.explained = Some(Explained { explanation: Explanation::BoardReplaced, reason, other: host.id, agents: Vec::new() });
            }
            (Some(contradiction), None) => {
                attempt.note = Some(format!("{} is vetoed: {contradiction}", host.id));
                self.attempts.push(attempt);
                self.leave_home(host, contradiction);
                return Native::Elsewhere;
            }
        }
        self.attempts.push(attempt);
        self.look_for_twins(host);
        Native::Host(host.id)
    }

    /// The record that a reporter of this one speaks of. What was taken for a duplicate stays a feed's own record until people merge
    /// it: a feed is one source, and would say of one record what it knows of two.
    fn home_of(&self, id: CiId) -> Option<&'a Ci> {
        let cmdb = &self.world.cmdb;
        if self.reporter.feed().is_some() && !cmdb.merges.contains_key(&id) { cmdb.cis.get(&id) } else { cmdb.record(id) }
    }

    /// What the reporter tells of is not its host: an agent's state was moved or copied, a feed uses a key again.
    fn leave_home(&mut self, host: &Ci, contradiction: String) {
        let reporter = self.reporter;
        if bound(self.world, reporter) != Some(host.id) {
            // Its own record was taken for a duplicate of this one, and is none: it gets another.
            self.doubt([host.id], format!("{reporter} reports from another machine than the one that its record was a duplicate of"));
            return;
        }
        self.doubt([host.id], format!("{reporter} reports from two machines: its state was copied, or its disk was moved"));
        if reporter.agent().is_some() {
            let reason = format!("{reporter} is {}, but what it reports is another machine: {contradiction}", host.id);
            self.home = Some(host.id);
            self.explained = Some(Explained { explanation: Explanation::DiskMoved, reason, other: host.id, agents: Vec::new() });
        }
    }

    /// A known host may turn out to have the identifiers of another one once its agent may read them.
    fn look_for_twins(&mut self, host: &Ci) {
        let mut twins = BTreeSet::from([host.id]);
        for entry in ENTRIES.iter().filter(|entry| entry.number <= LAST_OF_HARDWARE) {
            let mut disputes = Vec::new();
            for (twin, known) in self.holders(entry).unwrap_or_default().into_iter().filter(|(twin, _)| twin.id != host.id) {
                match self.veto_of(entry, twin, &known) {
                    None => drop(twins.insert(twin.id)),
                    // Two agents dispute when both are identified as one host; two keys of a feed never are.
                    Some(Veto::Disputed(veto)) if self.reporter.feed().is_some() => disputes.push((twin.id, veto)),
                    Some(_) => {}
                }
            }
            if !disputes.is_empty() {
                self.dispute(&(entry.identifiers)(&self.found).unwrap_or_default(), &disputes);
            }
        }
        if (2..=TOO_MANY_CANDIDATES).contains(&twins.len()) {
            self.doubt(twins, "these records have the same hardware identifiers and may be one machine".into());
        }
    }

    fn by_entry(&mut self, entry: &Entry) -> Option<CiId> {
        if self.refused.is_some() {
            return None;
        }
        let skipped = |note: String| Attempt {
            entry: entry.number,
            attributes: BTreeMap::new(),
            result: AttemptResult::Skipped,
            candidates: Vec::new(),
            note: Some(note),
        };
        let attributes = match (entry.identifiers)(&self.found) {
            Ok(attributes) => attributes,
            Err(missing) => {
                self.attempts.push(skipped(missing.into()));
                return None;
            }
        };
        let holders = match self.holders(entry) {
            Ok(holders) => holders,
            Err(count) => {
                if entry.number > LAST_OF_MACHINE && entry.number <= LAST_OF_HARDWARE {
                    self.doubt_once([], shared_by_many(&attributes));
                }
                let note = format!("{count} records have it: it identifies none of them");
                self.attempts.push(Attempt { attributes, ..skipped(note) });
                return None;
            }
        };
        let attempt = Attempt { attributes, result: AttemptResult::NoMatch, note: None, ..skipped(String::new()) };
        if entry.agreement == Agreement::Name { self.by_name(attempt, &holders) } else { self.by_facts(entry, attempt, &holders) }
    }

    fn by_facts(&mut self, entry: &Entry, mut attempt: Attempt, holders: &[(&'a Ci, Fingerprint)]) -> Option<CiId> {
        let (mut notes, mut disputes) = (Vec::new(), Vec::new());
        let mut candidates: Vec<&(&Ci, Fingerprint)> = Vec::new();
        for holder in holders {
            attempt.candidates.push(holder.0.id);
            match self.veto_of(entry, holder.0, &holder.1) {
                None => candidates.push(holder),
                Some(Veto::Contradicts(veto)) => notes.push(format!("{} is vetoed: {veto}", holder.0.id)),
                Some(Veto::Disputed(veto)) => {
                    notes.push(format!("{} is vetoed: {veto}", holder.0.id));
                    disputes.push((holder.0.id, veto));
                }
            }
        }
        self.dispute(&attempt.attributes, &disputes);
        attempt.result = result(candidates.len());
        if entry.number == BY_CONTAINER
            && candidates.len() > 1
            && candidates.iter().filter(|one| self.found.boot.is_same(&one.1.boot)).count() == 1
        {
            candidates.retain(|one| self.found.boot.is_same(&one.1.boot));
            notes.push("the one whose host was started at the same moment".into());
        }
        candidates.sort_by_key(|(host, _)| (is_inactive(host), host.created_at, host.id));
        let apart = (entry.number == BY_CONTAINER && candidates.len() > 1)
            || candidates.iter().enumerate().any(|(i, one)| candidates[..i].iter().any(|other| self.are_apart(one, other)));
        if apart {
            notes.push("the records that match contradict each other: it identifies none of them".into());
        }
        attempt.note = (!notes.is_empty()).then(|| notes.join("; "));
        self.attempts.push(attempt);
        let ids: Vec<CiId> = candidates.iter().map(|(host, _)| host.id).collect();
        if apart {
            self.doubt(ids.into_iter().take(TOO_MANY_CANDIDATES), format!("different machines match identifier entry {}", entry.number));
            return None;
        }
        self.settle(entry, candidates.first()?, &ids)
    }

    /// What follows from the candidates that no fact speaks against, the winner first.
    fn settle(&mut self, entry: &Entry, (host, known): &(&Ci, Fingerprint), ids: &[CiId]) -> Option<CiId> {
        if ids.len() >= TOO_MANY_CANDIDATES {
            let reason = format!(
                "{} hosts match identifier entry {}, among them {}: an identifier that so many machines share identifies none",
                ids.len(),
                entry.number,
                host.id
            );
            return self.refuse(DeadLetterCode::TooManyCandidates, reason, ids);
        }
        let class = self.found.class.unwrap_or(host.class);
        if ids.len() > 1 && self.world.cmdb.policy.identification.rejects(class) {
            let reason = format!(
                "{} records match identifier entry {}, and the policy refuses that for class {}",
                ids.len(),
                entry.number,
                class.as_str()
            );
            return self.refuse(DeadLetterCode::AmbiguousIdentity, reason, ids);
        }
        let others = self.other_agents(host.id);
        if self.home.is_some() && !others.is_empty() {
            let reason = format!("{} is another machine's, and {} has an agent of its own: enrol this one anew", self.reporter, host.id);
            return self.refuse(DeadLetterCode::DuplicateIdentity, reason, ids);
        }
        if ids.len() > 1 {
            self.doubt(
                ids.iter().copied(),
                format!("several records match identifier entry {}; the oldest active one was taken", entry.number),
            );
            self.duplicates = ids[1..].to_vec();
        }
        self.judge_other_agents(host, known, others);
        Some(host.id)
    }

    /// Another agent reported as this host before: the machine was installed anew, or two agents run on it.
    fn judge_other_agents(&mut self, host: &Ci, known: &Fingerprint, others: Vec<AgentId>) {
        let Some(first) = others.first().filter(|_| self.reporter.agent().is_some()) else { return };
        if self.found.other_system(known) {
            let reason =
                format!("{} was installed anew: same hardware, new machine id, and {} in place of {first}", host.id, self.reporter);
            self.explained = Some(Explained { explanation: Explanation::Reimaged, reason, other: host.id, agents: others });
            return;
        }
        let reason =
            format!("{first} and {} report as this one host: revoke the one that is out of use, or tell them apart", self.reporter);
        self.doubt([host.id], reason);
    }

    /// Entries 100 and 110: a name adopts a record that was written down before the machine came, and nothing else.
    fn by_name(&mut self, mut attempt: Attempt, holders: &[(&'a Ci, Fingerprint)]) -> Option<CiId> {
        attempt.candidates = holders.iter().map(|(host, _)| host.id).collect();
        let (waiting, taken): (Vec<_>, Vec<_>) = holders.iter().partition(|(host, known)| self.may_adopt(host, known));
        let adopted = if let ([(host, _)], []) = (&waiting[..], &taken[..]) { Some(host.id) } else { None };
        if adopted.is_some() {
            attempt.result = AttemptResult::Matched;
            attempt.note = Some("a record that was registered before its machine reported".into());
        } else if !holders.is_empty() {
            attempt.note = Some("a name identifies no machine of which something better is known".into());
            if holders.len() < TOO_MANY_CANDIDATES {
                self.doubt(attempt.candidates.clone(), "these records have one name: rename one of them, or merge them".into());
            }
        }
        self.attempts.push(attempt);
        adopted
    }

    /// Whether a record waits for a machine of this name: nothing is known that only one machine has, and nobody speaks for it.
    fn may_adopt(&self, host: &Ci, known: &Fingerprint) -> bool {
        let fits = self.found.class.is_none_or(|class| class.is_a(host.class) || host.class.is_a(class));
        let named_by_us = self.reporter.feed().is_some_and(|feed| host.feeds.contains_key(feed));
        let is_spoken_for = self.world.cmdb.reporters.contains_key(&host.id) || !host.sections.is_empty() || named_by_us;
        fits && !is_spoken_for && !known.has_hardware() && known.machine_id.is_none()
    }

    fn fingerprint(&self, host: &Ci) -> Fingerprint {
        Fingerprint::of_host(host)
            .with_host(&self.world.cmdb, host)
            .with_parts(&self.world.cmdb, host.id)
            .without_junk(&self.world.cmdb.policy.identification)
    }

    /// Records that agree with what was found, each once, by id; how many have the fact when they are too many to look at.
    fn holders(&self, entry: &Entry) -> Result<Vec<(&'a Ci, Fingerprint)>, usize> {
        let cmdb = &self.world.cmdb;
        if (entry.identifiers)(&self.found).is_err() {
            return Ok(Vec::new());
        }
        let facts = (entry.facts)(&self.found);
        let known: BTreeSet<CiId> = facts.iter().filter_map(|fact| cmdb.facts.get(fact)).flatten().take(HOLDERS * 4).copied().collect();
        let most = facts.iter().filter_map(|fact| cmdb.facts.get(fact)).map(Vec::len).max().unwrap_or(0);
        if known.len().max(most) > HOLDERS {
            return Err(known.len().max(most));
        }
        let mut found: BTreeMap<CiId, (&Ci, Fingerprint)> = BTreeMap::new();
        for host in known.into_iter().filter_map(|id| cmdb.cis.get(&id)) {
            let Some(main) = cmdb.record(host.id) else { continue };
            if !found.contains_key(&main.id) && entry.agrees(&self.found, &self.fingerprint(host)) {
                found.insert(main.id, (main, self.fingerprint(main)));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Why this machine is not that host, though the entry's identifiers are equal.
    fn veto_of(&self, entry: &Entry, host: &Ci, known: &Fingerprint) -> Option<Veto> {
        let facts = self.found.contradiction(known).or_else(|| self.found.other_kind(known));
        let other_boot = entry.number == BY_CONTAINER && self.found.boot.contradicts(&known.boot);
        let facts = facts.or_else(|| other_boot.then(|| "its host runs another kernel".to_owned()));
        let disputed = || self.other_key(host, known).or_else(|| self.dispute_with(entry, host, known));
        facts.map(Veto::Contradicts).or_else(|| disputed().map(Veto::Disputed))
    }

    /// A feed that knows the host already, under another key and another name, means another machine, as far as anybody can
    /// tell: one that was installed anew is told in the same way.
    fn other_key(&self, host: &Ci, known: &Fingerprint) -> Option<String> {
        let feed = self.reporter.feed().filter(|&feed| host.feeds.contains_key(feed) && self.found.other_name(known))?;
        Some(format!("{feed} has it under another key and another host name"))
    }

    /// Another agent speaks for this host. It is the same machine installed anew when its hardware is; it is another machine
    /// when both live, or when nothing but one number agrees.
    fn dispute_with(&self, entry: &Entry, host: &Ci, known: &Fingerprint) -> Option<String> {
        let reporter = self.reporter.agent()?;
        let others = self.other_agents(host.id);
        let first = *others.first()?;
        let (other_system, other_name) = (self.found.other_system(known), self.found.other_name(known));
        if let Some(alive) = others.iter().find(|&&other| self.is_alive(other))
            && (other_system || (other_name && self.found.other_macs(known)))
        {
            return Some(format!("{alive} reports from it at the same time as {reporter}, and is another system"));
        }
        if !other_system {
            return None;
        }
        let parts = SharedParts::of(&self.found, known);
        // Containers have no parts: one that was made anew under its name has another system, and is the same item.
        if parts.is_none() && !matches!(self.found.kind, Some("vm" | "container")) {
            return Some(format!("{first} reported other disks, memory modules and network adapters than {reporter}"));
        }
        let is_weak = entry.number > LAST_OF_MACHINE && other_name && parts.shared == 0;
        is_weak.then(|| format!("{first} reported another host name and machine id than {reporter}, and nothing else agrees"))
    }

    /// Whether two records cannot be one machine: their facts contradict, or both are alive as different systems.
    fn are_apart(&self, (one, mine): &(&Ci, Fingerprint), (other, theirs): &(&Ci, Fingerprint)) -> bool {
        let lives = |host: &Ci| self.other_agents(host.id).into_iter().any(|agent| self.is_alive(agent));
        mine.contradiction(theirs).is_some()
            || mine.other_kind(theirs).is_some()
            || (mine.other_system(theirs) && lives(one) && lives(other))
    }

    /// Other agents that may speak for this host: the one that was last identified as it, and the one that spoke last.
    fn other_agents(&self, host: CiId) -> Vec<AgentId> {
        let known = self.world.cmdb.reporters.get(&host).copied().into_iter().chain(self.world.telemetry.speaker(host));
        let speaks = |agent: &AgentId| {
            let agent = self.world.trust.agents.get(agent);
            agent.is_some_and(|agent| agent.ci == Some(host) && agent.status == AgentStatus::Approved)
        };
        let others: BTreeSet<AgentId> = known.filter(|&agent| Some(agent) != self.reporter.agent()).filter(speaks).collect();
        others.into_iter().collect()
    }

    fn is_alive(&self, agent: AgentId) -> bool {
        let patience = Duration::from_millis(self.world.trust.patience_ms(agent, ALIVE_MS));
        self.world.telemetry.spoke_within(agent, patience, self.now)
    }

    /// A few disputes are a task each; when it becomes clear that the identifier is nobody's, one task says so.
    fn dispute(&mut self, identifiers: &Identifiers, disputes: &[(CiId, String)]) {
        if disputes.len() < TOO_MANY_CANDIDATES {
            for (host, veto) in disputes {
                self.doubt([*host], format!("two machines have the same identifiers: {veto}"));
            }
        } else {
            let some = disputes.iter().map(|(host, _)| *host).take(TOO_MANY_CANDIDATES);
            self.doubt_once(some, shared_by_many(identifiers));
        }
    }

    /// A doubt of which one task is enough, whichever machine it comes up with.
    fn doubt_once(&mut self, cis: impl IntoIterator<Item = CiId>, reason: String) {
        if !self.world.cmdb.reviews.values().any(|task| task.reason == reason) {
            self.doubt(cis, reason);
        }
    }

    fn refuse(&mut self, code: DeadLetterCode, reason: String, candidates: &[CiId]) -> Option<CiId> {
        let candidates = candidates.iter().copied().take(TOO_MANY_CANDIDATES).collect();
        self.refused = Some(Refusal { code, reason, candidates });
        None
    }

    fn doubt(&mut self, cis: impl IntoIterator<Item = CiId>, reason: String) {
        let doubt = Doubt { cis: cis.into_iter().collect(), reason };
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }

    /// The class that the host has now: what was found, unless more is known already.
    pub(super) fn class(&self, known: Option<&Ci>) -> Class {
        // What kind of machine it is, its own agent knows better than anybody else's.
        let settled = known.filter(|known| self.reporter.feed().is_some() && known.sections.contains_key(&SectionName::System));
        if let Some(settled) = settled {
            return settled.class;
        }
        match (self.found.class, known) {
            (Some(found), Some(known)) if known.class.is_a(found) => known.class,
            (Some(found), _) => found,
            (None, known) => known.map_or(Class::Host, |known| known.class),
        }
    }
}

fn shared_by_many(identifiers: &Identifiers) -> String {
    let shared: Vec<String> = identifiers.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("many machines have {}: list it as a placeholder in the policy", shared.join(", "))
}

fn is_inactive(host: &Ci) -> bool {
    matches!(host.status, Lifecycle::Retired | Lifecycle::Disposed)
}

fn result(matches: usize) -> AttemptResult {
    match matches {
        0 => AttemptResult::NoMatch,
        1 => AttemptResult::Matched,
        _ => AttemptResult::MultiMatch,
    }
}
