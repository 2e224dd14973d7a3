//! The part of OTLP's metrics that is read, in both of its forms, and the answers.
//!
//! Field numbers and names are those of `opentelemetry/proto/metrics/v1` and `collector/metrics/v1`. A choice of which one field is set is
//! written as fields of their own: on the wire that is the same.

use super::super::wire::{LEAF, Shape};
use prost::Message;
use serde::{Deserialize, Deserializer, de};
use std::str::FromStr;

/// Which messages are within which.
pub static SHAPE: Shape = Shape(&[(1, &RESOURCE_METRICS)]);
static RESOURCE_METRICS: Shape = Shape(&[(1, &RESOURCE), (2, &SCOPE_METRICS)]);
static RESOURCE: Shape = Shape(&[(1, &KEY_VALUE)]);
static SCOPE_METRICS: Shape = Shape(&[(2, &METRIC)]);
static METRIC: Shape = Shape(&[(5, &NUMBERS), (7, &NUMBERS), (9, &HISTOGRAMS), (10, &EXPONENTIALS), (11, &SUMMARIES)]);
static NUMBERS: Shape = Shape(&[(1, &NUMBER)]);
static NUMBER: Shape = Shape(&[(7, &KEY_VALUE)]);
static HISTOGRAMS: Shape = Shape(&[(1, &HISTOGRAM)]);
static HISTOGRAM: Shape = Shape(&[(9, &KEY_VALUE)]);
static EXPONENTIALS: Shape = Shape(&[(1, &EXPONENTIAL)]);
static EXPONENTIAL: Shape = Shape(&[(1, &KEY_VALUE)]);
static SUMMARIES: Shape = Shape(&[(1, &SUMMARY)]);
static SUMMARY: Shape = Shape(&[(6, &LEAF), (7, &KEY_VALUE)]);
static KEY_VALUE: Shape = Shape(&[(2, &LEAF)]);

/// `ExportMetricsServiceRequest`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExportRequest {
    /// By resource.
    #[prost(message, repeated, tag = "1")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// `ResourceMetrics`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ResourceMetrics {
    /// What was measured.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<ResourceInfo>,
    /// By instrumentation.
    #[prost(message, repeated, tag = "2")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// `Resource`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ResourceInfo {
    /// What is known of it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// `ScopeMetrics`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ScopeMetrics {
    /// Metrics.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// `Metric`; one of its kinds is set.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metric {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its unit, in UCUM notation; empty when it is not told.
    #[prost(string, tag = "3")]
    pub unit: String,
    /// Values as they are.
    #[prost(message, optional, tag = "5")]
    pub gauge: Option<Gauge>,
    /// Values that add up.
    #[prost(message, optional, tag = "7")]
    pub sum: Option<Sum>,
    /// Distributions.
    #[prost(message, optional, tag = "9")]
    pub histogram: Option<Histogram>,
    /// Distributions in exponential buckets.
    #[prost(message, optional, tag = "10")]
    pub exponential_histogram: Option<ExponentialHistogram>,
    /// Quantiles.
    #[prost(message, optional, tag = "11")]
    pub summary: Option<Summary>,
}

/// `Gauge`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Gauge {
    /// Values.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberDataPoint>,
}

/// `Sum`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Sum {
    /// Values.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberDataPoint>,
    /// Whether they are differences or count from a begin.
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "temporality")]
    pub aggregation_temporality: i32,
}

/// `Histogram`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Histogram {
    /// Distributions.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<HistogramDataPoint>,
    /// Whether they are differences or count from a begin.
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "temporality")]
    pub aggregation_temporality: i32,
}

/// `HistogramDataPoint`, without its buckets.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HistogramDataPoint {
    /// When it was measured; 0 for unknown.
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub time_unix_nano: u64,
    /// How many were measured.
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "number")]
    pub count: u64,
    /// What they add up to.
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "some_number")]
    pub sum: Option<f64>,
    /// What tells it from others of the metric.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// Bits.
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "number")]
    pub flags: u32,
}

/// `ExponentialHistogram`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExponentialHistogram {
    /// Distributions.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<ExponentialHistogramDataPoint>,
    /// Whether they are differences or count from a begin.
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "temporality")]
    pub aggregation_temporality: i32,
}

/// `ExponentialHistogramDataPoint`, without its buckets.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExponentialHistogramDataPoint {
    /// What tells it from others of the metric.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
    /// When it was measured; 0 for unknown.
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub time_unix_nano: u64,
    /// How many were measured.
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "number")]
    pub count: u64,
    /// What they add up to.
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "some_number")]
    pub sum: Option<f64>,
    /// Bits.
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "number")]
    pub flags: u32,
}

/// `Summary`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Summary {
    /// Distributions.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<SummaryDataPoint>,
}

/// `SummaryDataPoint`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SummaryDataPoint {
    /// When it was measured; 0 for unknown.
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub time_unix_nano: u64,
    /// How many were measured since the begin.
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "number")]
    pub count: u64,
    /// What they add up to.
    #[prost(double, tag = "5")]
    #[serde(deserialize_with = "number")]
    pub sum: f64,
    /// What shares of them stay below.
    #[prost(message, repeated, tag = "6")]
    pub quantile_values: Vec<ValueAtQuantile>,
    /// What tells it from others of the metric.
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<KeyValue>,
    /// Bits.
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "number")]
    pub flags: u32,
}

/// `ValueAtQuantile`.
#[derive(Clone, Copy, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ValueAtQuantile {
    /// The share, 0 to 1.
    #[prost(double, tag = "1")]
    #[serde(deserialize_with = "number")]
    pub quantile: f64,
    /// What it stays below.
    #[prost(double, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub value: f64,
}

/// `NumberDataPoint`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NumberDataPoint {
    /// When it was measured; 0 for unknown.
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub time_unix_nano: u64,
    /// The value, or
    #[prost(double, optional, tag = "4")]
    #[serde(deserialize_with = "some_number")]
    pub as_double: Option<f64>,
    /// the value.
    #[prost(sfixed64, optional, tag = "6")]
    #[serde(deserialize_with = "some_number")]
    pub as_int: Option<i64>,
    /// What tells it from others of the metric.
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<KeyValue>,
    /// Bits.
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "number")]
    pub flags: u32,
}

/// `KeyValue`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KeyValue {
    /// Name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// `AnyValue`, as far as it is one value. Lists, maps and bytes leave all of it empty.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AnyValue {
    /// A text.
    #[prost(string, optional, tag = "1")]
    pub string_value: Option<String>,
    /// A truth value.
    #[prost(bool, optional, tag = "2")]
    pub bool_value: Option<bool>,
    /// A whole number.
    #[prost(int64, optional, tag = "3")]
    #[serde(deserialize_with = "some_number")]
    pub int_value: Option<i64>,
    /// A number.
    #[prost(double, optional, tag = "4")]
    #[serde(deserialize_with = "some_number")]
    pub double_value: Option<f64>,
}

impl KeyValue {
    /// The value as a text; `None` for what is not one value.
    pub fn text(&self) -> Option<String> {
        let value = self.value.as_ref()?;
        let number = || value.int_value.map(|value| value.to_string()).or_else(|| value.double_value.map(|value| value.to_string()));
        value.string_value.clone().or_else(|| value.bool_value.map(|value| value.to_string())).or_else(number)
    }
}

/// `ExportMetricsServiceResponse`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ExportResponse {
    /// What was not taken; absent when all was.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

/// `ExportMetricsPartialSuccess`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PartialSuccess {
    /// How many values.
    #[prost(int64, tag = "1")]
    pub rejected_data_points: i64,
    /// Why, for people.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Status {
    /// Not used by OTLP over HTTP.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// What is wrong.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// A number as JSON has it, or as a text: 64 bits do not fit into every reader's numbers, and there are no infinite ones in JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(serde_json::Number),
    Text(String),
}

impl Loose {
    fn read<T: FromStr, E: de::Error>(&self) -> Result<T, E> {
        let text = match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        };
        let known = match text.as_str() {
            "Infinity" => "inf",
            "-Infinity" => "-inf",
            other => other,
        };
        known.parse().map_err(|_| E::custom(format!("{:?} is no number that fits here", text.chars().take(40).collect::<String>())))
    }
}

fn number<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    Loose::deserialize(deserializer)?.read()
}

fn some_number<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<Loose>::deserialize(deserializer)?.map(|loose| loose.read()).transpose()
}

/// Numbers are what the protocol says; names are what some senders write.
fn temporality<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    match Loose::deserialize(deserializer)? {
        Loose::Text(text) if text == "AGGREGATION_TEMPORALITY_CUMULATIVE" => Ok(super::CUMULATIVE),
        Loose::Text(text) if text.starts_with("AGGREGATION_TEMPORALITY_") => Ok(0),
        loose => loose.read(),
    }
}
