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
    /// Native histograms, which are counted and not read.
    #[prost(message, repeated, tag = "4")]
    pub histograms: Vec<Histogram>,
}

/// `prometheus.Histogram`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Histogram {}
