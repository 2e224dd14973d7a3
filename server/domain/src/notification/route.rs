//! Routes: which incidents are told to whom, together with which others, and when.
//!
//! Routes are a list, looked at from the lowest position on. The first that fits takes the incident; with `continues` those after it are
//! looked at as well. Without a route that fits nothing is sent.
//!
//! # When a group is told
//! Unless a route says how long to wait (`group_wait_ms`), a page that comes alone is told at once. It waits [`STORM_WAIT`]
//! for the others when it does not come alone: when the inputs that were decided together opened several incidents of the group, or a storm
//! that is still growing, or when other hosts are about to breach the same rule (their alerts are pending). Whatever joins a group that
//! has been told waits until `group_interval_ms` after that. While something is due to be told, the server decides what it is reading
//! already together with it, for fifty milliseconds at most. So ten thousand hosts that breach at once are one notification, or two when the
//! first of them was told before anything else was known: the first host at once, and the storm after `group_interval_ms`.

mod words;

use super::weekly::{WeeklyHours, zone};
use crate::alert::external::ExternalAlert;
use crate::ci::Ci;
use crate::id::{ChannelId, CiId, PolicyId, RouteId, RuleId};
use crate::incident::{self, Alarm, Incident};
use crate::query::{Query, Scope};
use crate::rule::{Selector, Severity, Tier, validate};
use crate::{Rejection, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Routes at most: each is held against every incident that opens.
pub const ROUTES: usize = 200;

/// How long a group waits for others that are on their way: hosts report every ten seconds.
pub const STORM_WAIT: Duration = Duration::from_secs(10);

/// How long a group of tickets waits, as Alertmanager does: nobody is woken by it.
pub const TICKET_WAIT: Duration = Duration::from_secs(30);

/// Between two messages about what changed in a group.
pub const GROUP_INTERVAL_MS: u64 = 60_000;

/// Between two messages that say the same, as Alertmanager does.
pub const REPEAT_INTERVAL_MS: u64 = 4 * 3_600_000;

/// Channels of one route.
const CHANNELS: usize = 20;

/// Words of one condition.
const WORDS: usize = 100;

/// Quiet hours of one route.
const QUIET: usize = 20;

/// Bytes of a label: as long as one of an alert may be.
const LABEL_BYTES: usize = 1_024;

/// What an incident that is told by itself has in its group's key, in place of what others share.
pub(super) const ALONE: &str = "incident";

const DAY_MS: u64 = 86_400_000;

/// Which incidents a route is for: those that fulfil all that is given. A condition without words asks for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// This loud; only pages unless said.
    #[serde(default = "pages")]
    pub tiers: BTreeSet<Tier>,
    /// This bad.
    #[serde(default)]
    pub severities: BTreeSet<Severity>,
    /// With these priorities, 1 to 5.
    #[serde(default)]
    pub priorities: BTreeSet<u8>,
    /// Opened by these rules.
    #[serde(default)]
    pub rules: BTreeSet<RuleId>,
    /// Of these categories.
    #[serde(default)]
    pub categories: BTreeSet<String>,
    /// Of these support groups.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Whose item serves one of these, or of which one of these business services suffers.
    #[serde(default)]
    pub services: BTreeSet<String>,
    /// Which came this way.
    #[serde(default)]
    pub origins: BTreeSet<incident::Channel>,
    /// Told by one of these feeds.
    #[serde(default)]
    pub sources: BTreeSet<String>,
    /// With all of these labels of another system's alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whose item is one of these.
    #[serde(default)]
    pub selector: Selector,
    /// Whose item this query finds.
    #[serde(default)]
    pub query: Option<Query>,
}

fn pages() -> BTreeSet<Tier> {
    BTreeSet::from([Tier::Page])
}

impl Default for When {
    fn default() -> Self {
        Self {
            tiers: pages(),
            severities: BTreeSet::new(),
            priorities: BTreeSet::new(),
            rules: BTreeSet::new(),
            categories: BTreeSet::new(),
            groups: BTreeSet::new(),
            services: BTreeSet::new(),
            origins: BTreeSet::new(),
            sources: BTreeSet::new(),
            labels: BTreeMap::new(),
            selector: Selector::default(),
            query: None,
        }
    }
}

/// What incidents must share to be told together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Their rule, or category where no rule opened them.
    Rule,
    /// Their item.
    Ci,
    /// Their item's class.
    Class,
    /// What their item serves.
    Service,
    /// Where their item is.
    Location,
    /// Who works on them.
    Group,
}

/// When nothing is told that can wait. What was held is told as one message at the end, if it is still open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// IANA name.
    pub time_zone: String,
    /// When.
    pub hours: Vec<WeeklyHours>,
    /// Whether pages are held too; they pass unless said.
    #[serde(default)]
    pub hold_pages: bool,
}

/// Which incidents are told to whom, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Its id for ever.
    pub id: RouteId,
    /// What people call it.
    pub name: String,
    /// Lower ones are looked at first.
    pub position: u32,
    /// Whether it takes incidents. Groups that it has begun are told to their end.
    pub enabled: bool,
    /// For which incidents.
    pub when: When,
    /// Whether those after it are looked at as well.
    pub continues: bool,
    /// Where it is told.
    pub channels: BTreeSet<ChannelId>,
    /// Who is told, and who next when nobody takes notice.
    pub escalation: Option<PolicyId>,
    /// What incidents must share to be told together; all of the route together when empty.
    pub group_by: BTreeSet<GroupBy>,
    /// How long a new group waits for others, ms; see the module for what holds without.
    pub group_wait_ms: Option<u64>,
    /// Between two messages about what changed in a group, ms.
    pub group_interval_ms: u64,
    /// When the same is told again as nobody took notice, ms; never when absent.
    pub repeat_interval_ms: Option<u64>,
    /// When nothing is told that can wait.
    pub quiet_hours: Option<QuietHours>,
    /// Whether it is told that all of a group have ended.
    pub tell_resolved: bool,
    /// Whether it is told that somebody took notice.
    pub tell_acknowledged: bool,
    /// Template of the title.
    pub title: Option<String>,
    /// Template of the text.
    pub text: Option<String>,
}

/// A route with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownRoute {
    /// As it is.
    pub route: Route,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// What routes look at: an incident, or one that might be.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Its item.
    pub ci: Option<&'a Ci>,
    /// The rule that opened it.
    pub rule: Option<RuleId>,
    /// How loud.
    pub tier: Tier,
    /// How bad.
    pub severity: Option<Severity>,
    /// 1 to 5.
    pub priority: u8,
    /// Its category.
    pub category: Option<String>,
    /// Who works on it.
    pub group: Option<String>,
    /// The business service that suffers, by its name.
    pub service: Option<&'a str>,
    /// How it came.
    pub origin: incident::Channel,
    /// The feed that tells of it.
    pub source: Option<String>,
    /// The labels of another system's alert.
    pub alert_labels: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Subject<'a> {
    /// What routes see of an incident.
    #[must_use]
    pub fn of(world: &'a World, incident: &Incident) -> Self {
        let external = world.alerts.external.of(incident);
        Self {
            ci: incident.primary_ci.and_then(|id| world.cmdb.cis.get(&id)),
            rule: incident.rule().cloned(),
            tier: tier(world, incident),
            severity: severity(world, incident),
            priority: incident.priority,
            category: incident.category.clone(),
            group: incident.group.as_ref().map(|group| world.contacts.called(group)),
            service: incident.service.and_then(|id| world.cmdb.cis.get(&id)).map(|ci| ci.name.as_str()),
            origin: incident.channel,
            source: external.map(|alert| alert.source.clone()).or_else(|| source_of(incident)),
            alert_labels: external.map(|alert| &alert.labels),
        }
    }

    fn fact(&self, name: &str) -> Option<&'a str> {
        use crate::ci::AttributeValue;
        match self.ci?.attributes.get(name)?.value() {
            AttributeValue::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// Its labels: `rule`, `category`, `class`, `location`, `service`, `group`, as far as they are known.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        let cut = |text: &str| incident::compose::cut(text, 100);
        let labels = [
            ("rule", self.rule.as_ref().map(ToString::to_string)),
            ("category", self.category.as_deref().map(cut)),
            ("class", self.ci.map(|ci| ci.class.as_str().to_owned())),
            ("location", self.fact("location").map(cut)),
            ("service", self.fact("service").map(cut)),
            ("group", self.group.as_deref().map(cut)),
        ];
        labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// How bad an incident is by what opened it; `None` when people did.
#[must_use]
pub fn severity(world: &World, incident: &Incident) -> Option<Severity> {
    let breach = incident.breach.as_ref().map(|breach| breach.severity);
    breach.or_else(|| world.alerts.external.of(incident)?.severity)
}

/// The feed whose alerts made a storm.
fn source_of(incident: &Incident) -> Option<String> {
    match &incident.storm.as_ref()?.alarm {
        Alarm::External { source, .. } => Some(source.clone()),
        Alarm::Rule { .. } => None,
    }
}

/// How loud an incident is: as its breach or the alert of another system, or the loudest alert that it tells of. One that people opened is a page at the highest
/// priority, and a ticket otherwise.
#[must_use]
pub fn tier(world: &World, incident: &Incident) -> Tier {
    let of_rule = |rule: &RuleId, ci: Option<CiId>, severity: Severity| {
        let Some(known) = world.rules.rules.get(rule) else { return Tier::Page };
        let effective = crate::rule::select::effective(&known.rule, world, ci.and_then(|ci| world.cmdb.cis.get(&ci)));
        incident::react::tier(effective.as_deref().unwrap_or(&known.rule), severity)
    };
    let own = match (&incident.breach, &incident.storm) {
        (Some(breach), _) => of_rule(&breach.key.rule, Some(breach.key.ci), breach.severity),
        (None, Some(storm)) => {
            let parts = incident.children.iter().take(LOOKED_AT).filter_map(|id| world.incidents.incidents.get(id));
            let of_alarm = || storm.alarm.rule().map_or(Tier::Ticket, |rule| of_rule(rule, None, Severity::Warning));
            parts.map(|part| tier(world, part)).max().unwrap_or_else(of_alarm)
        }
        (None, None) if world.alerts.external.of(incident).is_some() => {
            world.alerts.external.of(incident).map_or(Tier::Ticket, ExternalAlert::tier)
        }
        (None, None) if incident.priority == 1 => Tier::Page,
        (None, None) => Tier::Ticket,
    };
    let others = incident.alerts.iter().take(LOOKED_AT).filter_map(|id| world.alerts.external.by_id(*id));
    let own = others.filter(|alert| alert.told_by == Some(incident.id) && alert.fires()).map(ExternalAlert::tier).fold(own, Tier::max);
    let told = incident.alerts.iter().take(LOOKED_AT).filter_map(|id| world.alerts.alerts.get(id));
    let told = told.filter(|alert| alert.told_by == Some(incident.id) || Some(alert.key.ci) == incident.primary_ci);
    told.filter_map(|alert| Some(of_rule(&alert.key.rule, Some(alert.key.ci), alert.severity?))).fold(own, Tier::max)
}

/// Alerts of one incident that are asked how loud they are: those of a switch's hosts are alike.
const LOOKED_AT: usize = 100;

impl When {
    /// The first condition that an incident does not fulfil, in words; `None` when it fulfils all.
    #[must_use]
    pub fn mismatch(&self, subject: &Subject<'_>, scope: &Scope<'_>) -> Option<String> {
        fn lacks<T: Ord>(words: &BTreeSet<T>, word: Option<&T>) -> bool {
            !words.is_empty() && word.is_none_or(|word| !words.contains(word))
        }
        let words = [
            ("tier", lacks(&self.tiers, Some(&subject.tier))),
            ("severity", lacks(&self.severities, subject.severity.as_ref())),
            ("priority", lacks(&self.priorities, Some(&subject.priority))),
            ("rule", lacks(&self.rules, subject.rule.as_ref())),
            ("category", lacks(&self.categories, subject.category.as_ref())),
            ("support group", self.lacks_group(scope.world, subject)),
            ("service", self.lacks_service(subject)),
            ("origin", lacks(&self.origins, Some(&subject.origin))),
            ("source", lacks(&self.sources, subject.source.as_ref())),
        ];
        if let Some((word, _)) = words.iter().find(|(_, lacks)| *lacks) {
            return Some(format!("its {word} is another"));
        }
        let has = |(name, value): (&String, &String)| subject.alert_labels.is_some_and(|labels| labels.get(name) == Some(value));
        if let Some((name, _)) = self.labels.iter().find(|label| !has(*label)) {
            return Some(format!("its label {name} is another, or it has none"));
        }
        if !self.selector.means(scope.world, subject.ci) {
            return Some("the selector does not mean its item".into());
        }
        let query = self.query.as_ref()?;
        let found = subject.ci.is_some_and(|ci| scope.matches(query, ci));
        (!found).then(|| "the query does not find its item".to_owned())
    }

    fn check(&self, world: &World, now: Timestamp) -> Result<(), Rejection> {
        let too_many = |field: &str, count: usize| {
            if count > WORDS { Err(Rejection::invalid(format!("when.{field}"), format!("must be at most {WORDS}"))) } else { Ok(()) }
        };
        if self.tiers.contains(&Tier::RecordOnly) {
            return Err(Rejection::invalid("when.tiers", "must be of page, ticket: record_only opens no incidents"));
        }
        if !self.priorities.iter().all(|priority| (1..=5).contains(priority)) {
            return Err(Rejection::invalid("when.priorities", "must be of 1 to 5"));
        }
        too_many("rules", self.rules.len())?;
        if let Some(absent) = self.rules.iter().find(|id| !world.rules.rules.contains_key(id)) {
            return Err(Rejection::invalid("when.rules", format!("{absent} is no rule")));
        }
        let words = [("categories", &self.categories), ("groups", &self.groups), ("services", &self.services), ("sources", &self.sources)];
        for (field, words) in words {
            too_many(field, words.len())?;
            words.iter().try_for_each(|word| super::decide::named(&format!("when.{field}"), word).map(drop))?;
        }
        too_many("labels", self.labels.len())?;
        if self.labels.iter().any(|(name, value)| name.len() > LABEL_BYTES || value.len() > LABEL_BYTES) {
            return Err(Rejection::invalid("when.labels", format!("must be names and values of at most {LABEL_BYTES} bytes")));
        }
        validate::selector("when.selector", &self.selector)?;
        let Some(query) = &self.query else { return Ok(()) };
        let scope = Scope { world, groups: &world.groups, now };
        scope.check(query).map_err(|error| Rejection::invalid("when.query", error.to_string()))
    }
}

impl Route {
    /// Until when what is this loud is held; `None` when it may be told now.
    #[must_use]
    pub fn quiet_until(&self, tier: Tier, now: Timestamp) -> Option<Timestamp> {
        let quiet = self.quiet_hours.as_ref()?;
        if tier == Tier::Page && !quiet.hold_pages {
            return None;
        }
        let zone = zone("time_zone", &quiet.time_zone).ok()?;
        // One may begin where another ends: with as many looks as there are hours, the end of all of them.
        let mut until = None;
        for _ in 0..=quiet.hours.len() {
            let at = until.unwrap_or(now);
            match quiet.hours.iter().filter_map(|hours| hours.span(at, &zone)).map(|span| span.to).max() {
                Some(to) => until = Some(to),
                None => break,
            }
        }
        until
    }

    /// What an incident shares with those that are told together with it.
    #[must_use]
    pub fn key(&self, subject: &Subject<'_>, incident: &str) -> BTreeMap<String, String> {
        let labels = subject.labels();
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let alone = || (ALONE, incident.to_owned());
        let pair = |by: &GroupBy| match by {
            GroupBy::Rule => match &subject.rule {
                Some(rule) => ("rule", rule.to_string()),
                // What people open has nothing in common with what others open.
                None => subject.category.clone().map_or_else(alone, |category| ("category", category)),
            },
            GroupBy::Ci => subject.ci.map_or_else(alone, |ci| ("ci", ci.id.to_string())),
            GroupBy::Class => ("class", label("class")),
            GroupBy::Service => ("service", label("service")),
            GroupBy::Location => ("location", label("location")),
            GroupBy::Group => ("group", label("group")),
        };
        self.group_by.iter().map(pair).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Refuses what is no route.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn check(&self, world: &World, now: Timestamp) -> Result<(), Rejection> {
        self.when.check(world, now)?;
        if self.channels.len() > CHANNELS {
            return Err(Rejection::invalid("channels", format!("must be at most {CHANNELS}")));
        }
        if let Some(absent) = self.channels.iter().find(|id| !world.delivery.channels.contains_key(id)) {
            return Err(Rejection::invalid("channels", format!("{absent} is no channel; POST /api/v1/channels makes one")));
        }
        if let Some(absent) = self.escalation.filter(|id| !world.notifications.policies.contains_key(id)) {
            return Err(Rejection::invalid("escalation", format!("{absent} is no escalation policy")));
        }
        if self.channels.is_empty() && self.escalation.is_none() {
            return Err(Rejection::invalid("channels", "name at least one channel or an escalation policy: nobody would be told"));
        }
        let within = |field: &str, value: u64, least: u64| {
            let fits = (least..=7 * DAY_MS).contains(&value);
            if fits { Ok(()) } else { Err(Rejection::invalid(field, format!("must be {least} ms to seven days"))) }
        };
        within("group_wait_ms", self.group_wait_ms.unwrap_or(0), 0)?;
        within("group_interval_ms", self.group_interval_ms, 1_000)?;
        within("repeat_interval_ms", self.repeat_interval_ms.unwrap_or(REPEAT_INTERVAL_MS), 60_000)?;
        if let Some(quiet) = &self.quiet_hours {
            zone("quiet_hours.time_zone", &quiet.time_zone)?;
            if !(1..=QUIET).contains(&quiet.hours.len()) {
                return Err(Rejection::invalid("quiet_hours.hours", format!("must be 1 to {QUIET}")));
            }
            let mut hours = quiet.hours.iter().enumerate();
            hours.try_for_each(|(position, hours)| hours.check(&format!("quiet_hours.hours[{position}]")))?;
        }
        super::template::check("title", self.title.as_deref())?;
        super::template::check("text", self.text.as_deref())
    }
}

/// Enabled routes that take an incident, in their order.
#[must_use]
pub fn matching<'a>(world: &'a World, subject: &Subject<'_>, now: Timestamp) -> Vec<&'a Route> {
    let scope = Scope { world, groups: &world.groups, now };
    let mut taken = Vec::new();
    for route in world.notifications.in_order().filter(|route| route.enabled) {
        if route.when.mismatch(subject, &scope).is_none() {
            taken.push(route);
            if !route.continues {
                break;
            }
        }
    }
    taken
}
