//! Samples as remote write 1.0 wants them: a protobuf message, compressed with Snappy's block format.

use prost::Message;
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// Series of one request, as Prometheus itself sends them.
pub const SERIES: usize = 2_000;

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
    /// Sorted by name, `__name__` among them.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// Oldest first.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
}

/// `prometheus.Label`.
#[derive(Clone, PartialEq, Message)]
pub struct Label {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `prometheus.Sample`.
#[derive(Clone, PartialEq, Message)]
pub struct Sample {
    /// Value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// Series for some requests.
#[derive(Default)]
pub struct Batch(Vec<TimeSeries>);

impl Batch {
    /// Takes a sample in. Labels without a value are none, says the specification.
    pub fn add(&mut self, name: &str, labels: &BTreeMap<String, &str>, value: f64, at: Timestamp) {
        let label = |(name, value): (&str, &str)| Label { name: name.to_owned(), value: value.to_owned() };
        let own = labels.iter().map(|(name, value)| (name.as_str(), *value)).filter(|(_, value)| !value.is_empty());
        let mut labels: Vec<Label> = own.chain([("__name__", name)]).map(label).collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        self.0.push(TimeSeries { labels, samples: vec![Sample { value, timestamp: at.0 }] });
    }

    /// The bodies of the requests, each with its samples.
    pub fn into_bodies(self) -> Vec<(Vec<u8>, u64)> {
        let body = |some: &[TimeSeries]| {
            let request = WriteRequest { timeseries: some.to_vec() };
            let packed = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
            // The only failure is a message of 4 GiB.
            (packed.unwrap_or_default(), some.len() as u64)
        };
        self.0.chunks(SERIES).map(body).collect()
    }
}
