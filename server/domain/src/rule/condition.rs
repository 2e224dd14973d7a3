//! Conditions: what is measured or known, and how it becomes one number that the levels are held against.

use super::{expression, plan};
use crate::catalogue::Category;
use crate::ci::AttributeValue;
use rollcall_shared::message::Side;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// What a window of samples is reduced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// The newest value.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Avg,
    /// The sum, for series that count events since the previous sample.
    Sum,
    /// The newest value minus the smallest: how much it has grown.
    Increase,
    /// Growth a second of a counter that only ever grows; one that went back started again from zero.
    Rate,
}

/// A metric, which of its series, and what its window is reduced to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Metric name.
    pub metric: String,
    /// Only series that have all of these attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How the window is reduced.
    pub reduce: Reduce,
    /// Length of the window, ms; 0 with `last` for the newest value alone.
    #[serde(default)]
    pub window_ms: u64,
}

/// When a rule is breached. Each alert is of one series of the first metric that is named; other metrics of a condition are
/// read from the series with the same attributes, or with fewer of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// A reduced metric against each level's thresholds.
    Threshold {
        /// Metric name.
        metric: String,
        /// Only series that have all of these attributes; an empty value means that the series does not have the attribute.
        #[serde(default)]
        attributes: BTreeMap<String, String>,
        /// How the window is reduced.
        reduce: Reduce,
        /// Length of the window, ms; 0 with `last` for the newest value alone.
        #[serde(default)]
        window_ms: u64,
        /// Which side is bad.
        side: Side,
    },
    /// Arithmetic over reduced metrics, as text: see [`super::expression`].
    Expression {
        /// Such as `avg(system.network.errors, 1h) / avg(system.network.packets, 1h)`.
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
        #[serde(default)]
        floor: f64,
        /// Which side is bad.
        side: Side,
    },
    /// Seconds until a metric reaches a target if it goes on as it did over a window (a fitted line). The levels are in seconds, and less
    /// is worse. A metric that goes the other way has ten years.
    Forecast {
        /// Metric name.
        metric: String,
        /// Only series that have all of these attributes; an empty value means that the series does not have the attribute.
        #[serde(default)]
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
        /// Only series that have all of these attributes; the alert is named after them.
        #[serde(default)]
        attributes: BTreeMap<String, String>,
        /// ms of the agent's samples.
        after_ms: u64,
    },
    /// How far a metric is on the bad side of what is usual at this hour of this weekday (UTC), in median absolute deviations of the last five
    /// weeks; less than zero on the other. The levels are such distances, and more is worse.
    /// Says nothing before three weeks are known. See [`super::baseline`].
    Baseline {
        /// Metric name.
        metric: String,
        /// Only series that have all of these attributes; an empty value means that the series does not have the attribute.
        #[serde(default)]
        attributes: BTreeMap<String, String>,
        /// Which side of the usual is bad.
        side: Side,
    },
    /// The result of a check (a Nagios plugin): `WARNING` is the warning level, `CRITICAL` the critical one (the warning level when
    /// there is no critical one). `UNKNOWN` says nothing: the alert stays as it is.
    Check {
        /// Name of one check; all of them unless given.
        #[serde(default)]
        check: Option<String>,
    },
    /// The result of checks about this item that agents of others run: see [`crate::alert::target`]. It is as good as the best of them
    /// says. `UNKNOWN` says nothing.
    TargetCheck {
        /// What they ask of it.
        asks: Asks,
        /// Name of one check; all of them unless given.
        #[serde(default)]
        check: Option<String>,
    },
    /// Something known of the configuration item itself.
    Inventory {
        /// What.
        #[serde(deserialize_with = "within_predicate")]
        predicate: Predicate,
    },
    /// The agent has said nothing for a time, or has said goodbye.
    AgentSilent {
        /// ms of the server's clock, for an agent that pushes every 60 s. Up to ten minutes are counted in pushes of one that pushes less
        /// often.
        after_ms: u64,
    },
    /// Nothing at all has come from the host for a time, and its agent did not say goodbye.
    HostSilent {
        /// ms of the server's clock, for an agent that pushes every 60 s. Up to ten minutes are counted in pushes of one that pushes less
        /// often.
        after_ms: u64,
    },
    /// A feed of other people's collectors that used to tell of the item has told nothing of it for a time.
    CollectorSilent {
        /// ms of the server's clock. A feed that told of the item for as long is waited for; up to 15 minutes, without such a pause.
        after_ms: u64,
        /// One feed; each of them unless given.
        #[serde(default)]
        feed: Option<String>,
    },
}

/// What a check about another item asks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// Whether it can be reached, as Nagios' host checks do: `CRITICAL` is no, `OK` and `WARNING` are yes.
    Up,
    /// How something about it is, as Nagios' service checks do.
    State,
}

impl Asks {
    /// The word of the agents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::State => "state",
        }
    }
}

/// A question to the inventory. `days_left` and `days_since` give days to the levels, `drift` the number of changes, `removed` the number of rows,
/// `licences` the number of hosts, the others 1 when they hold and 0 when not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "test", rename_all = "snake_case", deny_unknown_fields)]
pub enum Predicate {
    /// An attribute compared with a value. An attribute that is not known fulfils nothing but `absent`.
    Attribute {
        /// Name.
        name: String,
        /// How it is compared.
        operator: Comparison,
        /// With what; not with `present` and `absent`.
        #[serde(default, deserialize_with = "within_value")]
        value: Option<AttributeValue>,
    },
    /// Days from now to the day or moment in an attribute; less is worse. Below zero when it has passed.
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
    /// Changes of these attributes or sections within a span.
    Drift {
        /// Names of attributes and sections.
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
    /// Hosts that have this software product beyond those that are licensed; nothing of one of which nobody recorded that.
    Licences {},
}

/// How an attribute is compared. Order is that of numbers, and of text for texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The same.
    Equal,
    /// Known and not the same.
    NotEqual,
    /// Less.
    Less,
    /// Less or the same.
    LessOrEqual,
    /// More.
    Greater,
    /// More or the same.
    GreaterOrEqual,
    /// A text that contains a text, or a list that has it.
    Contains,
    /// Known.
    Present,
    /// Not known.
    Absent,
}

/// What is wrong within a tagged object has no path of its own: the words `within` and a name, before the reason, tell it.
pub const WITHIN: &str = "within ";

fn within_predicate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Predicate, D::Error> {
    Predicate::deserialize(deserializer).map_err(|error| D::Error::custom(format!("{WITHIN}predicate: {error}")))
}

fn within_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AttributeValue>, D::Error> {
    Option::deserialize(deserializer).map_err(|error| D::Error::custom(format!("{WITHIN}value: {error}")))
}

impl Condition {
    /// Which side of the levels is bad.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Threshold { side, .. } | Self::Expression { side, .. } | Self::Ratio { side, .. } => *side,
            Self::Forecast { .. } | Self::Inventory { predicate: Predicate::DaysLeft { .. } } => Side::Below,
            Self::Baseline { .. } | Self::Absent { .. } | Self::Check { .. } | Self::Inventory { .. } => Side::Above,
            Self::TargetCheck { .. } | Self::AgentSilent { .. } | Self::HostSilent { .. } | Self::CollectorSilent { .. } => Side::Above,
        }
    }

    /// The metric that is named first.
    #[must_use]
    pub fn metric(&self) -> Option<String> {
        match self {
            Self::Threshold { metric, .. }
            | Self::Forecast { metric, .. }
            | Self::Absent { metric, .. }
            | Self::Baseline { metric, .. } => Some(metric.clone()),
            Self::TargetCheck { .. } => Some(plan::TARGET_STATE.to_owned()),
            _ => expression::of(self)?.reads().first().map(|read| read.metric.clone()),
        }
    }

    /// Whether it is judged with every sample.
    #[must_use]
    pub fn is_of_samples(&self) -> bool {
        !matches!(self, Self::TargetCheck { .. } | Self::Inventory { .. }) && !self.is_of_silence()
    }

    /// Whether it yields a number that the levels' lines are held against.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        let is_lined = |condition: &Self| !matches!(condition, Self::Absent { .. } | Self::Check { .. } | Self::TargetCheck { .. });
        is_lined(self) && !self.is_of_silence()
    }

    /// Whether it is that nothing comes from an agent, a host or a feed.
    fn is_of_silence(&self) -> bool {
        matches!(self, Self::AgentSilent { .. } | Self::HostSilent { .. } | Self::CollectorSilent { .. })
    }
}
