//! The form of conditions, levels, selectors and overrides, for the API's description. What is read and written is the domain's; a test holds
//! the two together.
#![allow(dead_code, reason = "these types are described, never made")]

use crate::api::view::Time;
use crate::api::view::word::{AlertState, Asks, Category, Class, Comparison, Reduce, Severity, Side, Tier};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A metric, which of its series, and what its window is reduced to.
#[derive(ToSchema)]
pub struct Term {
    /// Metric name.
    pub metric: String,
    /// Only series that have all of these attributes; an empty value means that the series does not have the attribute.
    #[schema(required = false)]
    pub attributes: BTreeMap<String, String>,
    /// How the window is reduced.
    pub reduce: Reduce,
    /// Length of the window, ms; 0 with `last` for the newest value alone.
    #[schema(required = false)]
    pub window_ms: u64,
}

/// When a rule is breached. Each alert is of one series of the metric that is named first; other metrics are read from the series with
/// the same attributes, or with fewer of them. In `attributes` an empty value means that the series does not have the attribute.
#[derive(ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Condition {
    /// A reduced metric against each level's thresholds.
    Threshold {
        /// Metric name.
        #[schema(example = "system.filesystem.utilization")]
        metric: String,
        /// Only series that have all of these attributes.
        #[schema(required = false)]
        attributes: BTreeMap<String, String>,
        /// How the window is reduced.
        reduce: Reduce,
        /// Length of the window, ms; 0 with `last` for the newest value alone.
        #[schema(required = false)]
        window_ms: u64,
        /// Which side is bad.
        side: Side,
    },
    /// Arithmetic over reduced metrics.
    Expression {
        /// `+ - * /`, parentheses, numbers, `metric{name="value"}`, and the functions last, min, max, avg, sum, increase, rate (metric, span),
        /// `time_to(metric, span, target, above|below)`, `baseline(metric)`, `ratio(part, whole, floor)` and `abs(expression)`.
        #[schema(example = "avg(system.network.errors, 1h) / avg(system.network.packets, 1h)")]
        value: String,
        /// Which side is bad.
        side: Side,
    },
    /// One metric as a share of another.
    Ratio {
        /// What is counted.
        part: Term,
        /// What it is a part of.
        whole: Term,
        /// Below this `whole` is too little to speak of and the ratio counts as zero.
        #[schema(required = false)]
        floor: f64,
        /// Which side is bad.
        side: Side,
    },
    /// Seconds until a metric reaches a target if it goes on as it did over a window; less is worse.
    Forecast {
        /// Metric name.
        metric: String,
        /// Only series that have all of these attributes.
        #[schema(required = false)]
        attributes: BTreeMap<String, String>,
        /// Length of the window, ms.
        window_ms: u64,
        /// What must not be reached.
        target: f64,
        /// Which side of the target is bad.
        side: Side,
    },
    /// No value of any matching series has come for a time while the host reports.
    Absent {
        /// Metric name.
        metric: String,
        /// Only series that have all of these attributes.
        #[schema(required = false)]
        attributes: BTreeMap<String, String>,
        /// ms of the agent's samples.
        after_ms: u64,
    },
    /// How far a metric is on the bad side of what is usual at this hour of this weekday (UTC), in median absolute deviations of the last five
    /// weeks. The levels are such distances, and more is worse.
    Baseline {
        /// Metric name.
        metric: String,
        /// Only series that have all of these attributes.
        #[schema(required = false)]
        attributes: BTreeMap<String, String>,
        /// Which side of the usual is bad.
        side: Side,
    },
    /// The result of a check (a Nagios plugin). UNKNOWN leaves the alert as it is.
    Check {
        /// Name of one check; all of them unless given.
        check: Option<String>,
    },
    /// The result of checks about this item that agents of others run, as good as the best of them says. UNKNOWN says nothing.
    TargetCheck {
        /// What they ask of it.
        asks: Asks,
        /// Name of one check; all of them unless given.
        check: Option<String>,
    },
    /// Something known of the configuration item itself.
    Inventory {
        /// What.
        predicate: Predicate,
    },
    /// The agent has said nothing for a time, or has said goodbye.
    AgentSilent {
        /// ms of the server's clock, for an agent that pushes every 60 s. Up to ten minutes are counted in pushes of one that pushes less
        /// often: 180,000 are three pushes.
        after_ms: u64,
    },
    /// Nothing at all has come from the host for a time, and its agent did not say goodbye.
    HostSilent {
        /// ms of the server's clock, for an agent that pushes every 60 s. Up to ten minutes are counted in pushes of one that pushes less
        /// often: 600,000 are ten pushes.
        after_ms: u64,
    },
    /// A feed of other people's collectors that used to tell of the item has told nothing of it for a time.
    CollectorSilent {
        /// ms of the server's clock. A feed that told of the item for as long is waited for; up to 15 minutes, without such a pause.
        after_ms: u64,
        /// One feed; each of them unless given.
        feed: Option<String>,
    },
}

/// A question to the inventory. `days_left` and `days_since` give days to the levels, `drift` the number of changes, `removed` the number of rows,
/// `licences` the number of hosts, the others 1 when they hold and 0 when not.
#[derive(ToSchema)]
#[serde(tag = "test", rename_all = "snake_case")]
pub enum Predicate {
    /// An attribute compared with a value.
    Attribute {
        /// Name.
        name: String,
        /// How it is compared.
        operator: Comparison,
        /// With what; not with `present` and `absent`.
        value: Option<serde_json::Value>,
    },
    /// Days from now to the day or moment in an attribute; less is worse.
    DaysLeft {
        /// Name.
        attribute: String,
    },
    /// Days from the day or moment in an attribute to now; more is worse.
    DaysSince {
        /// Name.
        attribute: String,
    },
    /// A package is installed in a version below another, in the order of its package manager.
    PackageBelow {
        /// Name of the package.
        package: String,
        /// The least version that is right.
        version: String,
    },
    /// Changes of these sections within a span.
    Drift {
        /// Names of sections.
        names: Vec<String>,
        /// How long a change counts, ms.
        within_ms: u64,
    },
    /// Rows of these sections that were there a span ago and are there no more, such as disks; what can be unplugged does not count.
    Removed {
        /// Names of sections.
        names: Vec<String>,
        /// How long it counts that they went, ms.
        within_ms: u64,
    },
    /// Software of this category is installed, by the rulings and rules of the catalogue.
    Software {
        /// Which.
        category: Category,
    },
    /// Hosts that have this software product beyond those that are licensed (`licensed_installations`); nothing of one of which nobody recorded that.
    Licences {},
}

/// A second metric that must be bad too.
#[derive(ToSchema)]
pub struct Guard {
    /// Metric name.
    pub metric: String,
    /// Which side is bad.
    pub side: Side,
    /// The line.
    pub value: f64,
}

/// One level: `raise` begins it, `clear` ends it.
#[derive(ToSchema)]
pub struct Level {
    /// Breached beyond this.
    pub raise: f64,
    /// Clear only when back beyond this, on the good side of `raise` or equal to it.
    pub clear: f64,
    /// A second condition that must hold too to raise.
    pub and: Option<Guard>,
    /// How long a breach of this level must last, ms; `for_ms` of the rule unless given.
    pub for_ms: Option<u64>,
}

/// The levels; at least one.
#[derive(ToSchema)]
pub struct Levels {
    /// Begins earlier.
    pub warning: Option<Level>,
    /// Must be looked at.
    pub critical: Option<Level>,
}

/// When an alert counts as flapping: the weighed share of changes among its last 21 states, in percent.
#[derive(ToSchema)]
pub struct Flapping {
    /// Above this it begins; 30 unless given.
    pub start_percent: f64,
    /// At or below this it ends; 25 unless given.
    pub stop_percent: f64,
}

/// Which configuration items are meant: those that fulfil all that is given.
#[derive(ToSchema)]
pub struct Selector {
    /// Of one of these classes, descendants included.
    #[schema(required = false)]
    pub classes: Vec<Class>,
    /// With all of these tags.
    #[schema(required = false)]
    pub tags: Vec<String>,
    /// With these values of attributes.
    #[schema(required = false)]
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// One of these.
    #[schema(required = false)]
    pub cis: Vec<String>,
    /// That fulfil this, in the query language, such as `class:server tag:prod package:openssl<3.0.13`. It must not ask for what the passing
    /// of time or alerts change: ages, `last_seen`, `agent` and `incident`.
    #[schema(required = false)]
    pub query: Option<String>,
}

/// What is different for some configuration items. The first that fits counts alone.
#[derive(ToSchema)]
pub struct Override {
    /// For which.
    pub selector: Selector,
    /// Why.
    pub reason: String,
    /// Other levels.
    pub levels: Option<Levels>,
    /// Another time that the breach must last, ms.
    pub for_ms: Option<u64>,
    /// Another loudness at both levels.
    pub tier: Option<Tier>,
    /// Not for these at all.
    #[schema(required = false)]
    pub disabled: bool,
    /// Who set it; written by the server.
    #[schema(read_only)]
    pub set_by: Option<String>,
    /// When it was set; written by the server.
    #[schema(read_only, value_type = Option<Time>)]
    pub set_at: Option<String>,
}

/// A test: given these samples, then these states at these times.
#[derive(ToSchema)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// Time from one sample to the next, ms.
    pub interval_ms: u64,
    /// What is measured.
    pub series: Vec<Track>,
    /// What follows.
    pub expect: Vec<Expectation>,
}

/// The values of one series, one a sample.
#[derive(ToSchema)]
pub struct Track {
    /// Metric name.
    pub metric: String,
    /// Attributes.
    #[schema(required = false)]
    pub attributes: BTreeMap<String, String>,
    /// Values with blanks between: `0.9`, `0.9x30` (thirty times), `0.5+0.01x30` (thirty steps up), `_` (missing).
    #[schema(example = "0.5x10 0.96x60")]
    pub values: String,
}

/// Where an alert is to be.
#[derive(ToSchema)]
pub struct Expectation {
    /// After the last sample up to this moment, ms from the first sample.
    pub at_ms: u64,
    /// Of which series; the one without attributes unless given.
    #[schema(required = false)]
    pub attributes: BTreeMap<String, String>,
    /// Where.
    pub state: AlertState,
    /// How bad; not looked at unless given.
    pub severity: Option<Severity>,
}
