//! Prometheus' remote write, version 1.0: what a Prometheus, its agent mode, and many that speak as they do send.
//!
//! Values are taken by the labels that they come with; the name of a metric stays as it is. What is answered with 4xx is never sent again,
//! what is answered with 5xx is: so a request is refused with 400 only when it cannot be read, and with 503 when it comes too soon, for a
//! Prometheus drops what is refused with 429 unless it is told otherwise. Values that are not taken are counted; this protocol's answers
//! cannot say more.

mod message;

use super::access::Credential;
use super::collect::{Measured, Message};
use super::{ForeignService, wire};
use crate::answer::{self, ApiError, Code};
use crate::listener::ClientAddress;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use message::{Histogram, SHAPE, TimeSeries, WriteRequest};
use prost::Message as _;
use rollcall_domain::collect::{Refusal, Resource};
use rollcall_domain::trust::feed::FeedKind;
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// Where a Prometheus writes to.
pub const PATH: &str = "/api/v1/prometheus/write";

/// Bytes that a body may expand to: thirty times a usual request.
const EXPANDED_BYTES: usize = 16 << 20;

/// The label that is the metric's name.
const NAME: &str = "__name__";

/// The one NaN that says that a series has ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// The message of version 2.
const SECOND_VERSION: &str = "io.prometheus.write.v2.request";

/// Takes a message in.
pub async fn take(State(service): State<ForeignService>, request: Request) -> Response {
    match service.samples(request).await {
        Ok(()) => answer::done(),
        Err(error) => {
            service.count_refusal(error.code());
            let error = if error.code() == Code::TooManyRequests { error.recoded(Code::Unavailable) } else { error };
            error.into_response()
        }
    }
}

impl ForeignService {
    async fn samples(&self, request: Request) -> Result<(), ApiError> {
        let address = request.extensions().get::<ClientAddress>().map(|address| address.0.ip());
        let Some(credential) = Credential::of(request.headers()) else {
            return Err(ApiError::new(Code::Unauthenticated, "this needs a feed's name and secret").asking_for_basic());
        };
        let speaker = self.admit_collector(&credential, address, request.headers(), PATH).await?;
        speaker.must(speaker.kind == FeedKind::Prometheus, "samples by remote write")?;
        check_type(request.headers())?;
        let message = self.collect.intake.read_bytes(request, decode).await?;
        self.collect.take(&self.engine, &speaker, message).await.map(drop)
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let of = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    let unsupported = |detail: &str| Err(ApiError::new(Code::UnsupportedMediaType, detail));
    let declared = of(header::CONTENT_TYPE).unwrap_or_default();
    let (essence, parameters) = declared.split_once(';').unwrap_or((&declared, ""));
    if essence.trim() != "application/x-protobuf" {
        return unsupported("content-type must be application/x-protobuf");
    }
    if parameters.contains(SECOND_VERSION) {
        return unsupported("version 2 of remote write is not spoken here; version 1 is, with the message prometheus.WriteRequest");
    }
    match of(header::CONTENT_ENCODING).as_deref() {
        None | Some("snappy") => Ok(()),
        Some(_) => unsupported("content-encoding must be snappy"),
    }
}

fn decode(bytes: &[u8]) -> Result<Message, ApiError> {
    let length = snap::raw::decompress_len(bytes).map_err(|_| wire::malformed("the body is not compressed with Snappy's block format"))?;
    if length > EXPANDED_BYTES {
        return Err(ApiError::new(Code::PayloadTooLarge, format!("the body expands to more than {EXPANDED_BYTES} bytes")));
    }
    let expanded = snap::raw::Decoder::new().decompress_vec(bytes);
    let expanded = expanded.map_err(|_| wire::malformed("the body is damaged: it cannot be decompressed"))?;
    wire::check(&expanded, &SHAPE)?;
    let request = WriteRequest::decode(expanded.as_slice())
        .map_err(|error| wire::malformed(format!("the body is no prometheus.WriteRequest: {error}")))?;
    let mut message = Message::default();
    request.timeseries.into_iter().for_each(|series| read(&mut message, series));
    Ok(message)
}

fn read(message: &mut Message, series: TimeSeries) {
    let mut attributes: BTreeMap<String, String> = series.labels.into_iter().map(|label| (label.name, label.value)).collect();
    let metric = attributes.remove(NAME).unwrap_or_default();
    let resource = Resource::of(attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if !metric.is_empty() && !series.histograms.is_empty() {
        // Named as Prometheus does where buckets have bounds. Without their buckets, which would be series each.
        let counts = series.histograms.iter().map(|one| (one.timestamp, one.counted()));
        keep(message, &resource, (format!("{metric}_count"), attributes.clone()), counts);
        let sums = series.histograms.iter().map(|one| (one.timestamp, one.sum));
        keep(message, &resource, (format!("{metric}_sum"), attributes.clone()), sums);
    }
    let samples = series.samples.iter().map(|sample| (sample.timestamp, sample.value));
    keep(message, &resource, (metric, attributes), samples);
}

fn keep(
    message: &mut Message,
    resource: &Resource,
    (metric, attributes): (String, BTreeMap<String, String>),
    samples: impl Iterator<Item = (i64, f64)>,
) {
    let mut values = Vec::new();
    for (at, value) in samples {
        match value {
            value if value.is_finite() => values.push((Timestamp(at), Some(value))),
            value if value.to_bits() == STALE => values.push((Timestamp(at), None)),
            _ => message.refuse(Refusal::NotFinite, 1),
        }
    }
    if !values.is_empty() {
        message.take(resource, Measured { metric, attributes, values });
    }
}

impl Histogram {
    /// How many were measured. That the series has ended stands in the sum alone.
    #[expect(clippy::cast_precision_loss, reason = "samples are floating-point numbers: counters above 2^53 lose their last digits")]
    fn counted(&self) -> f64 {
        let count = || self.count_float.unwrap_or(self.count_int.unwrap_or_default() as f64);
        if self.sum.to_bits() == STALE { self.sum } else { count() }
    }
}

#[cfg(test)]
mod tests;
