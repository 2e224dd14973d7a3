//! OTLP over HTTP, metrics: what OpenTelemetry's collector and libraries send.
//!
//! Gauges and cumulative sums are taken as they are, of distributions what [`distribution`] says. Differences are not, and are counted in
//! the answer's partial success, as everything is that is not taken: a sender writes that in its own log. Answers and refusals are in the
//! words of the protocol: a message in the form in which the request came. What is refused with 429 or 503 is sent again, anything else is
//! not.

mod distribution;
mod message;

use super::access::Credential;
use super::body::Packing;
use super::collect::{Measured, Message, Outcome};
use super::{ForeignService, wire};
use crate::answer::{self, ApiError, Code};
use crate::listener::ClientAddress;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use message::{ExportRequest, ExportResponse, KeyValue, Metric, NumberDataPoint, PartialSuccess, Status};
use prost::Message as _;
use rollcall_domain::collect::{Refusal, Resource};
use rollcall_domain::trust::feed::FeedKind;
use rollcall_shared::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;

/// Where metrics are sent to, when `/api/v1/otlp` is the endpoint.
pub const PATH: &str = "/api/v1/otlp/v1/metrics";

/// Bytes that a body may expand to: what 100,000 values take.
const EXPANDED_BYTES: usize = 16 << 20;

/// `NO_RECORDED_VALUE`: the series has ended.
const NO_VALUE: u32 = 1;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: i32 = 2;

/// Characters of a complaint.
const COMPLAINT: usize = 2_000;

/// The form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    fn of(headers: &HeaderMap) -> Option<Self> {
        let declared = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        [Self::Protobuf, Self::Json].into_iter().find(|form| form.media_type() == essence)
    }
}

/// Takes a message in.
pub async fn take(State(service): State<ForeignService>, request: Request) -> Response {
    let form = Form::of(request.headers());
    match service.measurements(request, form).await {
        Ok(outcome) => accepted(&outcome, form.unwrap_or(Form::Protobuf)),
        Err(error) => {
            service.count_refusal(error.code());
            refused(error, form.unwrap_or(Form::Protobuf))
        }
    }
}

impl ForeignService {
    async fn measurements(&self, request: Request, form: Option<Form>) -> Result<Outcome, ApiError> {
        let address = request.extensions().get::<ClientAddress>().map(|address| address.0.ip());
        let Some(credential) = Credential::of(request.headers()) else {
            return Err(ApiError::new(Code::Unauthenticated, "this needs a feed's name and secret").asking_for_basic());
        };
        let speaker = self.admit_collector(&credential, address, request.headers(), PATH).await?;
        speaker.must(speaker.kind == FeedKind::Otlp, "measurements by OTLP")?;
        let form = form
            .ok_or_else(|| ApiError::new(Code::UnsupportedMediaType, "content-type must be application/x-protobuf or application/json"))?;
        check_encoding(request.headers())?;
        let now = self.engine.now();
        let message = self.collect.intake.read_bytes(request, move |bytes| decode(bytes, form, now)).await?;
        self.collect.take(&self.engine, &speaker, message).await
    }
}

fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    match encoding.as_deref() {
        None | Some("" | "identity" | "gzip" | "deflate") => Ok(()),
        Some(_) => Err(ApiError::new(Code::UnsupportedMediaType, "content-encoding must be gzip, deflate or none")),
    }
}

fn decode(bytes: &[u8], form: Form, now: Timestamp) -> Result<Message, ApiError> {
    let expanded = Packing::of(bytes).unpack(bytes, EXPANDED_BYTES)?;
    let request = match form {
        Form::Protobuf => {
            wire::check(&expanded, &message::SHAPE)?;
            ExportRequest::decode(expanded.as_slice())
                .map_err(|error| wire::malformed(format!("the body is no metrics of OTLP: {error}")))?
        }
        Form::Json => {
            // Each message within one begins with a brace, or with a bracket where somebody wants to be clever.
            if expanded.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > wire::MESSAGES {
                return Err(wire::too_many());
            }
            serde_json::from_slice(&expanded).map_err(|error| {
                let text: String = error.to_string().chars().take(300).collect();
                ApiError::new(Code::MalformedJson, format!("the body is no metrics of OTLP: {text}"))
            })?
        }
    };
    Ok(read(request, now))
}

fn read(request: ExportRequest, now: Timestamp) -> Message {
    let mut message = Message::default();
    for one in request.resource_metrics {
        let attributes = one.resource.unwrap_or_default().attributes;
        let texts: Vec<(&str, String)> = attributes.iter().filter_map(|one| Some((one.key.as_str(), one.text()?))).collect();
        let resource = Resource::of(texts.iter().map(|(name, value)| (*name, value.as_str())));
        for metric in one.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            read_metric(&mut message, &resource, metric, now);
        }
    }
    message
}

fn read_metric(message: &mut Message, resource: &Resource, metric: Metric, now: Timestamp) {
    // Quantiles have the metric's own name; how many values there were has no unit.
    message.measured_in(&metric.name, &metric.unit);
    if metric.histogram.is_some() || metric.exponential_histogram.is_some() || metric.summary.is_some() {
        message.measured_in(&format!("{}.sum", metric.name), &metric.unit);
    }
    let sum = metric.sum.unwrap_or_default();
    let numbers =
        metric.gauge.unwrap_or_default().data_points.into_iter().chain(cumulative(message, sum.aggregation_temporality, sum.data_points));
    for point in numbers {
        let (attributes, at) = (&point.attributes, moment(point.time_unix_nano, now));
        keep(message, resource, (attributes, at), [(metric.name.clone(), None, value(&point))]);
    }
    for distribution in distribution::of(message, metric.histogram, metric.exponential_histogram, metric.summary) {
        let (attributes, at) = (&distribution.attributes, moment(distribution.time_unix_nano, now));
        keep(message, resource, (attributes, at), distribution.values(&metric.name));
    }
}

/// Data points that count from a begin; others are refused.
fn cumulative<P>(message: &mut Message, temporality: i32, points: Vec<P>) -> Vec<P> {
    if temporality == CUMULATIVE {
        return points;
    }
    message.refuse(Refusal::Delta, points.len());
    Vec::new()
}

/// A value of a data point: metric, an attribute beside the point's own, and the number, or `None` when the series has ended.
type Value = (String, Option<(String, String)>, Result<Option<f64>, Refusal>);

fn keep(message: &mut Message, resource: &Resource, of: (&[KeyValue], Timestamp), values: impl IntoIterator<Item = Value>) {
    let attribute = |one: &KeyValue| Some((one.key.clone(), one.text()?));
    let attributes: Option<BTreeMap<String, String>> = of.0.iter().map(attribute).collect();
    for (metric, beside, value) in values {
        match (attributes.clone(), value) {
            (Some(mut attributes), Ok(value)) => {
                attributes.extend(beside);
                message.take(resource, Measured { metric, attributes, values: vec![(of.1, value)] });
            }
            (None, _) => message.refuse(Refusal::Malformed, 1),
            (_, Err(reason)) => message.refuse(reason, 1),
        }
    }
}

/// Zero stands for an unknown time.
fn moment(time_unix_nano: u64, now: Timestamp) -> Timestamp {
    match time_unix_nano {
        0 => now,
        told => Timestamp(i64::try_from(told / 1_000_000).unwrap_or(i64::MAX)),
    }
}

fn value(point: &NumberDataPoint) -> Result<Option<f64>, Refusal> {
    #[expect(clippy::cast_precision_loss, reason = "samples are floating-point numbers: counters above 2^53 lose their last digits")]
    let value = match (point.as_double, point.as_int) {
        _ if point.flags & NO_VALUE != 0 => return Ok(None),
        (Some(value), _) => value,
        (None, Some(value)) => value as f64,
        (None, None) => f64::NAN,
    };
    finite(value)
}

fn finite(value: f64) -> Result<Option<f64>, Refusal> {
    if value.is_finite() { Ok(Some(value)) } else { Err(Refusal::NotFinite) }
}

fn accepted(outcome: &Outcome, form: Form) -> Response {
    let complaint = outcome.complaint().map(|(count, text)| (count, text.chars().take(COMPLAINT).collect::<String>()));
    match form {
        Form::Protobuf => {
            let partial_success = complaint.map(|(count, error_message)| PartialSuccess {
                rejected_data_points: i64::try_from(count).unwrap_or(i64::MAX),
                error_message,
            });
            answer::body(form.media_type(), ExportResponse { partial_success }.encode_to_vec())
        }
        Form::Json => answer::json(&complaint.map_or_else(
            || json!({}),
            |(count, text)| json!({"partialSuccess": {"rejectedDataPoints": count.to_string(), "errorMessage": text}}),
        )),
    }
}

/// A refusal as `google.rpc.Status`; its status and headers are those of every refusal.
fn refused(error: ApiError, form: Form) -> Response {
    let (code, message) = (error.code(), format!("{}: {}", error.code().as_str(), error.detail()));
    if code.status().is_server_error() {
        tracing::error!(code = code.as_str(), ?error, "measurements could not be taken");
    }
    let (mut parts, _) = error.into_response().into_parts();
    let body = match form {
        Form::Protobuf => Status { code: 0, message }.encode_to_vec(),
        Form::Json => json!({ "message": message }).to_string().into_bytes(),
    };
    parts.extensions = axum::http::Extensions::new();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    parts.headers.remove(header::CONTENT_LENGTH);
    answer::in_their_words(Response::from_parts(parts, body.into()), code)
}

#[cfg(test)]
mod tests;
