//! Back-tests over the API: the question and the answer. What is between them is in [`crate::backtest`].

use super::super::Api;
use super::super::extract::Body;
use super::super::samples::moment;
use super::super::view::Time;
use super::super::view::rule::RuleInput;
use crate::answer::{self, ApiError};
use crate::backtest::{self, Aims, Evidence, Feeds, Question, Report, Resolution};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::alert::replay::{Episode, Inquiry};
use rollcall_domain::alert::target::past::Look;
use rollcall_domain::id::{CiId, RuleId};
use rollcall_domain::rule::select::variant;
use rollcall_domain::rule::{Condition, Predicate, Rule, Severity, validate};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

mod subjects;
mod warnings;

/// Longest span: as long as rows of five minutes are usually kept.
const SPAN: Duration = Duration::from_secs(92 * 86_400);

/// What rules on the inventory are judged by.
const CHANGES: &str = "changes";

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
    /// Only these hosts; for a rule on the inventory these items of any kind. Licences of a product are held against all hosts that had it,
    /// whatever is named.
    hosts: Option<Vec<String>>,
    /// Which samples it is judged by, when it is judged by samples.
    #[serde(default)]
    resolution: BacktestResolution,
}

/// What a back-test is judged by.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
enum BacktestResolution {
    /// Every sample as far back as samples are kept and can be read in seconds, five minutes at a time before.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Every sample. What is not kept any more is not judged.
    #[serde(rename = "raw")]
    Raw,
    /// Five minutes at a time.
    #[serde(rename = "5m")]
    FiveMinutes,
}

impl From<BacktestResolution> for Resolution {
    fn from(wanted: BacktestResolution) -> Self {
        match wanted {
            BacktestResolution::Auto => Self::Auto,
            BacktestResolution::Raw => Self::Raw,
            BacktestResolution::FiveMinutes => Self::FiveMinutes,
        }
    }
}

/// What a rule would have done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Backtest {
    /// Begin.
    from: Time,
    /// End.
    to: Time,
    /// Hosts that it applies to; for a rule on the inventory items.
    hosts: usize,
    /// Hosts with samples in the span that it judges, and items of which the inventory said what it asks. None at all usually means a metric
    /// or an attribute that nobody reports.
    hosts_judged: usize,
    /// Whether all hosts were judged. When not, there was no time for the rest: ask for fewer hosts or a shorter span.
    complete: bool,
    /// Hosts that were not judged for want of time.
    hosts_not_reached: usize,
    /// By what it was judged when, oldest first.
    judged_by: Vec<JudgedBy>,
    /// Moments looked at: sample sets, samples of silent hosts, changes of items.
    sample_sets: u64,
    /// Hours of hosts that were left out because their extremes prove that nothing was raised in them.
    hours_excluded: u64,
    /// Incidents that it would have opened.
    incidents: usize,
    /// On how many hosts.
    hosts_with_incidents: usize,
    /// Of these, cleared within ten minutes.
    cleared_within_10_minutes: usize,
    /// In one sentence.
    summary: String,
    /// What people should know about the rule, such as that it reads a metric that no host sends, and about the answer: what it cannot tell
    /// of the past.
    warnings: Vec<String>,
    /// The first thousand, oldest first.
    items: Vec<BacktestIncident>,
    /// How long it took, ms.
    took_ms: u64,
}

/// By what a part of the span was judged.
#[derive(Debug, Serialize, ToSchema)]
pub struct JudgedBy {
    /// `raw` for every sample, `5m` for five minutes at a time: their mean, or their extreme, sum or last value where the rule asks for that;
    /// `changes` for every change that the log has, for rules on the inventory.
    resolution: &'static str,
    /// Begin.
    from: Time,
    /// End.
    to: Time,
}

/// An incident that would have been opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct BacktestIncident {
    /// Host, or item.
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
    /// The value that opened it; for a silence how long it had lasted, in seconds.
    value: f64,
    /// The worst value while it was open.
    peak: f64,
}

/// Replays a rule over what is stored: which incidents it would have opened, and how many of them would have cleared at once. Rules on
/// samples, silence and checks are judged by stored samples, rules on the inventory by every change that the log has of an item, those on
/// licences by those of all hosts as well.
#[utoipa::path(post, path = "/api/v1/rules/backtest", tag = "rules", request_body = BacktestInput,
    responses((status = 200, description = "What it would have done.", body = Backtest)))]
pub async fn backtest_rule(State(api): State<Api>, Body(input): Body<BacktestInput>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    let from = moment("from", &input.from, now)?;
    let to = input.to.as_deref().map_or(Ok(now), |to| moment("to", to, now))?;
    if from >= to || to.since(from) > SPAN {
        return Err(ApiError::invalid("to", "must be after from, by at most 92 days"));
    }
    let wanted = input.hosts.as_deref().map(|texts| ids(&api, texts)).transpose()?;
    let rule = rule(&api, input.id, input.rule)?;
    let hosts = subjects::of(&api, &rule, wanted.as_ref());
    let count = hosts.len();
    let evidence = evidence(&api, &rule, from, wanted);
    let mut warnings = warnings::of(&api, &rule, &hosts);
    let began = api.engine.monotonic();
    let is_of_samples = !matches!(evidence, Evidence::Log(_) | Evidence::Licences(_));
    let is_of_targets = matches!(evidence, Evidence::Targets(_));
    warnings.extend(warnings::begun(&rule, to.since(from)));
    let question = Question { rule: rule.clone(), span: (from, to), resolution: input.resolution.into(), evidence, hosts };
    let report = backtest::run(&api.engine, question).await.map_err(|error| ApiError::internal(error.to_string()))?;
    // Who looks is no matter: it applies to what is looked at.
    let count = if is_of_targets { report.judged } else { count };
    warnings.extend(warnings::forgotten(report.forgotten));
    warnings.extend(warnings::counted(&report));
    warnings.extend(warnings::flapped(&rule, &report));
    let judged_by = judged_by(is_of_samples, (report.since, report.raw_since, to));
    let took = api.engine.monotonic().saturating_sub(began);
    Ok(answer::json(&told(report, (count, judged_by, warnings), (from, to), took)))
}

/// What a rule is judged by.
fn evidence(api: &Api, rule: &Rule, from: Timestamp, wanted: Option<BTreeSet<CiId>>) -> Evidence {
    match rule.condition {
        Condition::Inventory { predicate: Predicate::Licences {} } => Evidence::Licences(subjects::counted(api, from).into()),
        Condition::CollectorSilent { .. } => Evidence::Feeds(Arc::new(api.engine.read(|world| Feeds::of(world, rule)))),
        Condition::TargetCheck { .. } => Evidence::Targets(aims(api, rule, wanted)),
        _ => {
            let inquiry = api.engine.read(|world| Inquiry::of(world, rule));
            inquiry.map_or(Evidence::Samples, |inquiry| Evidence::Log(Arc::new(inquiry)))
        }
    }
}

/// Which of the wanted items a check of a host is about.
fn aims(api: &Api, rule: &Rule, wanted: Option<BTreeSet<CiId>>) -> Aims {
    let (engine, rule) = (api.engine.clone(), Rule { enabled: true, ..rule.clone() });
    Aims(Arc::new(move |look: &Look, host: CiId| {
        engine.read(|world| {
            let aim = look.aim(world, host, engine.now())?;
            let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(&aim.ci));
            let variant = variant(&rule, world, world.cmdb.cis.get(&aim.ci)).filter(|_| is_wanted)?;
            Some((aim, variant))
        })
    }))
}

fn rule(api: &Api, id: Option<String>, input: Option<RuleInput>) -> Result<Rule, ApiError> {
    let rule = match (id, input) {
        (Some(id), None) => {
            let unknown = || ApiError::invalid("id", format!("there is no rule {}", id.chars().take(64).collect::<String>()));
            let id: RuleId = id.parse().map_err(|_| unknown())?;
            api.engine.read(|world| world.rules.rules.get(&id).map(|known| known.rule.clone())).ok_or_else(unknown)?
        }
        (None, Some(input)) => {
            let id = input.name()?.ok_or_else(|| ApiError::invalid("rule.id", "is needed"))?;
            let rule = *input.into_domain(id);
            validate::rule(&rule)?;
            rule
        }
        _ => return Err(ApiError::invalid("id", "or rule is needed, and not both")),
    };
    Ok(rule)
}

fn ids(api: &Api, texts: &[String]) -> Result<BTreeSet<CiId>, ApiError> {
    let id = |(position, text): (usize, &String)| {
        let id = text.parse().map_err(|_| "must be the id of a configuration item");
        let known = id.and_then(|id| if is_known(api, id) { Ok(id) } else { Err("is no configuration item that is there") });
        known.map_err(|reason| ApiError::invalid(format!("hosts[{position}]"), reason))
    };
    texts.iter().enumerate().map(id).collect()
}

fn is_known(api: &Api, id: CiId) -> bool {
    api.engine.read(|world| world.cmdb.cis.contains_key(&id))
}

fn judged_by(is_of_samples: bool, (from, raw_since, to): (Timestamp, Timestamp, Timestamp)) -> Vec<JudgedBy> {
    let parts = if is_of_samples { vec![("5m", from, raw_since), ("raw", raw_since, to)] } else { vec![(CHANGES, from, to)] };
    let parts = parts.into_iter().filter(|(_, from, to)| from < to);
    parts.map(|(resolution, from, to)| JudgedBy { resolution, from: Time(from), to: Time(to) }).collect()
}

fn told(
    report: Report,
    (hosts, judged_by, warnings): (usize, Vec<JudgedBy>, Vec<String>),
    (from, to): (Timestamp, Timestamp),
    took: Duration,
) -> Backtest {
    let (incidents, affected, cleared) = (report.incidents, report.affected, report.cleared_soon);
    let span = rollcall_domain::alert::wording::span(u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX));
    let noun = if judged_by.iter().any(|part| part.resolution == CHANGES) { "items" } else { "hosts" };
    let mut summary =
        format!("would have opened {incidents} incidents in {span} on {affected} {noun}; {cleared} cleared within 10 minutes");
    if report.unreached > 0 {
        // Writing to a string cannot fail.
        let _ = write!(summary, "; {} of {hosts} {noun} were not reached in time", report.unreached);
    }
    Backtest {
        from: Time(from),
        to: Time(to),
        hosts,
        hosts_judged: report.judged,
        complete: report.unreached == 0,
        hosts_not_reached: report.unreached,
        judged_by,
        sample_sets: report.sets,
        hours_excluded: report.excluded_hours,
        incidents,
        hosts_with_incidents: affected,
        cleared_within_10_minutes: cleared,
        summary,
        warnings,
        items: report.episodes.into_iter().map(BacktestIncident::from).collect(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
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
            peak: episode.peak,
        }
    }
}
