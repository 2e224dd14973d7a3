//! The part of `prometheus.WriteRequest` that is read.

use super::super::wire::{LEAF, Shape};
use crate::remote_write::encode::{Label, Sample};
use prost::Message;

/// Which messages are within which.
pub static SHAPE: Shape = Shape(&[(1, &TIME_SERIES)]);
static TIME_SERIES: Shape = Shape(&[(1, &LEAF), (2, &LEAF), (4, &LEAF)]);

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// Series.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// Its labels, `__name__` among them.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// Its values.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Native histograms.
    #[prost(message, repeated, tag = "4")]
    pub histograms: Vec<Histogram>,
}

/// `prometheus.Histogram`, without its buckets.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Histogram {
    /// How many were measured, or
    #[prost(uint64, optional, tag = "1")]
    pub count_int: Option<u64>,
    /// how many.
    #[prost(double, optional, tag = "2")]
    pub count_float: Option<f64>,
    /// What they add up to.
    #[prost(double, tag = "3")]
    pub sum: f64,
    /// When, in ms since 1970.
    #[prost(int64, tag = "15")]
    pub timestamp: i64,
}
