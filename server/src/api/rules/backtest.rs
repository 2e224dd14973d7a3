//! Back-tests: what a rule would have done to stored samples.
//!
//! Hosts are shared out over the blocking pool and each host's samples are streamed, a quarter of a day at a time, through the code that
//! judges live; what is held is a window's memory and the answer.

use super::super::Api;
use super::super::extract::Body;
use super::super::samples::moment;
use super::super::view::Time;
use super::super::view::rule::RuleInput;
use super::find;
use crate::answer::{self, ApiError};
use crate::engine::SectionCache;
use crate::store::Store;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::alert::replay::{Episode, Replay};
use rollcall_domain::ci::Ci;
use rollcall_domain::id::{CiId, RuleId};
use rollcall_domain::rule::select::{Variant, check_groups, settled, variant};
use rollcall_domain::rule::{Rule, Severity, validate};
use rollcall_shared::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// Read at once.
const CHUNK: Duration = Duration::from_secs(6 * 3600);

const SPAN: Duration = Duration::from_secs(31 * 86_400);

/// Incidents told one by one; all are counted.
const TOLD: usize = 1_000;

/// What clears sooner is noise.
const SHORT: Duration = Duration::from_secs(600);

/// What is to be replayed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestInput {
    /// A rule that is there.
    #[schema(example = "cpu_utilization")]
    id: Option<String>,
    /// A rule as it might be, in place of `id`.
    rule: Option<RuleInput>,
    /// Begin: RFC 3339, or relative to now such as `-30d`. Samples before it fill no window.
    #[schema(example = "-14d")]
    from: String,
    /// End; now unless given.
    to: Option<String>,
    /// Only these hosts.
    hosts: Option<Vec<String>>,
}

/// What a rule would have done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Backtest {
    /// Begin.
    from: Time,
    /// End.
    to: Time,
    /// Hosts that it applies to.
    hosts: usize,
    /// Hosts with samples in the span that it judges. None at all usually means a metric or an attribute that nobody reports.
    hosts_judged: usize,
    /// Moments replayed.
    sample_sets: u64,
    /// Incidents that it would have opened.
    incidents: usize,
    /// On how many hosts.
    hosts_with_incidents: usize,
    /// Of these, cleared within ten minutes.
    cleared_within_10_minutes: usize,
    /// In one sentence.
    summary: String,
    /// The first thousand, oldest first.
    items: Vec<BacktestIncident>,
    /// How long it took, ms.
    took_ms: u64,
}

/// An incident that would have been opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct BacktestIncident {
    /// Host.
    ci: Option<String>,
    /// Attributes of the series.
    attributes: BTreeMap<String, String>,
    /// When it would have been opened.
    opened_at: Time,
    /// When its alert would have resolved; null when it had not by the end.
    resolved_at: Option<Time>,
    /// The worst level.
    #[schema(value_type = super::super::view::word::Severity)]
    severity: Severity,
    /// The value that opened it.
    value: f64,
}

struct Share {
    /// Each with how the rule counts for it: selectors look at more than the host, and here is nothing else.
    hosts: Vec<(Ci, Variant, Vec<AgentId>)>,
    rule: Arc<Rule>,
    span: (Timestamp, Timestamp),
    store: Arc<dyn Store>,
    content: SectionCache,
}

#[derive(Default)]
struct Outcome {
    episodes: Vec<Episode>,
    sets: u64,
    judged: usize,
}

/// Replays a rule over stored samples: which incidents it would have opened, and how many of them would have cleared at once.
#[utoipa::path(post, path = "/api/v1/rules/backtest", tag = "rules", request_body = BacktestInput,
    responses((status = 200, description = "What it would have done.", body = Backtest)))]
pub async fn backtest_rule(State(api): State<Api>, Body(input): Body<BacktestInput>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    let from = moment("from", &input.from, now)?;
    let to = input.to.as_deref().map_or(Ok(now), |to| moment("to", to, now))?;
    if from >= to || to.since(from) > SPAN {
        return Err(ApiError::invalid("to", "must be after from, by at most 31 days"));
    }
    let hosts = input.hosts.as_deref().map(ids).transpose()?;
    let rule = Arc::new(rule(&api, input.id, input.rule)?);
    let shares = shares(&api, &rule, hosts.as_ref(), (from, to));
    let mut host_count = 0;
    let mut tasks = Vec::with_capacity(shares.len());
    for share in shares {
        host_count += share.hosts.len();
        tasks.push(tokio::task::spawn_blocking(move || share.replay()));
    }
    let mut whole = Outcome::default();
    for task in tasks {
        let part = task.await.map_err(|error| ApiError::internal(format!("a back-test ended early: {error}")))??;
        whole.episodes.extend(part.episodes);
        whole.sets += part.sets;
        whole.judged += part.judged;
    }
    Ok(answer::json(&whole.told(host_count, (from, to), api.engine.now().since(now))))
}

fn rule(api: &Api, id: Option<String>, input: Option<RuleInput>) -> Result<Rule, ApiError> {
    let rule = match (id, input) {
        (Some(id), None) => {
            let id: RuleId = id.parse().map_err(|_| ApiError::not_found("rule", &id))?;
            api.engine.read(|world| find(world, &id).map(|known| known.rule.clone()))?
        }
        (None, Some(input)) => {
            let id = input.name()?.ok_or_else(|| ApiError::invalid("rule.id", "is needed"))?;
            let rule = *input.into_domain(id);
            validate::rule(&rule)?;
            api.engine.read(|world| check_groups(world, &rule))?;
            rule
        }
        _ => return Err(ApiError::invalid("id", "or rule is needed, and not both")),
    };
    if !rule.condition.is_of_samples() {
        return Err(ApiError::invalid("rule.condition.kind", "is not judged by samples: there is nothing to replay it over"));
    }
    Ok(rule)
}

fn ids(texts: &[String]) -> Result<BTreeSet<CiId>, ApiError> {
    let id = |(position, text): (usize, &String)| {
        text.parse().map_err(|_| ApiError::invalid(format!("hosts[{position}]"), "must be the id of a configuration item"))
    };
    texts.iter().enumerate().map(id).collect()
}

/// The hosts that the rule applies to, shared out evenly.
fn shares(api: &Api, rule: &Arc<Rule>, wanted: Option<&BTreeSet<CiId>>, span: (Timestamp, Timestamp)) -> Vec<Share> {
    let enabled = Rule { enabled: true, ..(**rule).clone() };
    let hosts: BTreeMap<CiId, (Ci, Variant, Vec<AgentId>)> = api.engine.read(|world| {
        let mut hosts: BTreeMap<CiId, (Ci, Variant, Vec<AgentId>)> = BTreeMap::new();
        for agent in world.trust.agents.values() {
            let Some(ci) = agent.ci.filter(|ci| wanted.is_none_or(|wanted| wanted.contains(ci))) else { continue };
            let Some(ci) = world.cmdb.cis.get(&ci) else { continue };
            let Some(variant) = variant(&enabled, world, Some(ci)) else { continue };
            hosts.entry(ci.id).or_insert_with(|| (ci.clone(), variant, Vec::new())).2.push(agent.id);
        }
        hosts
    });
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (store, content) = api.engine.history();
    let share = || Share { hosts: Vec::new(), rule: Arc::clone(rule), span, store: Arc::clone(&store), content: content.clone() };
    let mut shares: Vec<Share> = (0..workers).map(|_| share()).collect();
    for (number, host) in hosts.into_values().enumerate() {
        shares[number % workers].hosts.push(host);
    }
    shares
}

impl Share {
    fn replay(self) -> Result<Outcome, ApiError> {
        let mut outcome = Outcome::default();
        for (ci, variant, agents) in &self.hosts {
            let mut replay = Replay::new(&settled(&self.rule, *variant), Some(ci));
            for agent in agents {
                let mut begin = self.span.0;
                while begin < self.span.1 {
                    let end = begin.plus(CHUNK).min(self.span.1);
                    let sets = self.store.samples(*agent, begin, end).map_err(|error| ApiError::internal(error.to_string()))?;
                    sets.iter().for_each(|set| replay.take(set, &self.content));
                    begin = end;
                }
            }
            outcome.sets += replay.sets();
            outcome.judged += usize::from(replay.judged());
            outcome.episodes.extend(replay.episodes());
        }
        Ok(outcome)
    }
}

impl Outcome {
    fn told(mut self, hosts: usize, (from, to): (Timestamp, Timestamp), took: Duration) -> Backtest {
        self.episodes.sort_by_key(|episode| (episode.opened_at, episode.ci));
        let affected: BTreeSet<Option<CiId>> = self.episodes.iter().map(|episode| episode.ci).collect();
        let short = |episode: &&Episode| episode.resolved_at.is_some_and(|resolved| resolved.since(episode.opened_at) <= SHORT);
        let cleared = self.episodes.iter().filter(short).count();
        let incidents = self.episodes.len();
        let span = rollcall_domain::alert::wording::span(u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX));
        let summary =
            format!("would have opened {incidents} incidents in {span} on {} hosts; {cleared} cleared within 10 minutes", affected.len());
        Backtest {
            from: Time(from),
            to: Time(to),
            hosts,
            hosts_judged: self.judged,
            sample_sets: self.sets,
            incidents,
            hosts_with_incidents: affected.len(),
            cleared_within_10_minutes: cleared,
            summary,
            items: self.episodes.into_iter().take(TOLD).map(BacktestIncident::from).collect(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl From<Episode> for BacktestIncident {
    fn from(episode: Episode) -> Self {
        Self {
            ci: episode.ci.map(|ci| ci.to_string()),
            attributes: episode.attributes,
            opened_at: Time(episode.opened_at),
            resolved_at: episode.resolved_at.map(Time),
            severity: episode.severity,
            value: episode.value,
        }
    }
}
