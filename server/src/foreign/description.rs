//! What the API's description says of the doors for other systems' alerts and measurements. They take a feed's secret, no API token.

use super::{alertmanager, otlp, prometheus};
use crate::answer::PROBLEM_TYPE;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Required, ResponseBuilder};

/// The security scheme's name in the description.
const FEED: &str = "feed";

/// A place where other systems deliver.
pub struct Door {
    /// Path of its only operation, a POST.
    pub path: &'static str,
    name: &'static str,
    summary: &'static str,
    about: &'static str,
    /// Media types that are taken.
    takes: &'static [&'static str],
    success: (&'static str, &'static str),
}

/// All of them.
pub const DOORS: [Door; 3] = [
    Door {
        path: alertmanager::PATH,
        name: "take_alertmanager_alerts",
        summary: "Takes alerts as Prometheus Alertmanager's webhook sends them (version 4).",
        about: "What became of each alert is in the answer. For a feed of the kind `alertmanager`.",
        takes: &["application/json"],
        success: ("200", "What became of the message and of each alert in it."),
    },
    Door {
        path: otlp::PATH,
        name: "take_otlp_metrics",
        summary: "Takes metrics as OTLP/HTTP sends them (ExportMetricsServiceRequest).",
        about: "What was refused is counted and told in `partialSuccess`. For a feed of the kind `otlp`.",
        takes: &["application/x-protobuf", "application/json"],
        success: ("200", "An ExportMetricsServiceResponse in the form of the request."),
    },
    Door {
        path: prometheus::PATH,
        name: "take_prometheus_samples",
        summary: "Takes samples as Prometheus remote write 1.0 sends them (snappy).",
        about: "For a feed of the kind `prometheus`.",
        takes: &["application/x-protobuf"],
        success: ("204", "Taken in, and on disk."),
    },
];

/// Adds them to the description.
pub fn describe(document: &mut OpenApi) {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Name and secret (`rcf_…`) of a feed; the secret alone is also taken as a bearer token."))
        .build();
    document.components.get_or_insert_default().add_security_scheme(FEED, SecurityScheme::Http(scheme));
    for door in &DOORS {
        let body = door.takes.iter().fold(RequestBodyBuilder::new().required(Some(Required::True)), |body, media_type| {
            body.content(*media_type, Content::default())
        });
        let refusal = |about: &str| ResponseBuilder::new().description(about).content(PROBLEM_TYPE, Content::default()).build();
        let operation = OperationBuilder::new()
            .operation_id(Some(door.name))
            .tag("feeds")
            .summary(Some(door.summary))
            .description(Some(door.about))
            .security(SecurityRequirement::new(FEED, [""; 0]))
            .request_body(Some(body.build()))
            .response(door.success.0, ResponseBuilder::new().description(door.success.1).build())
            .response("400", refusal("The message cannot be read."))
            .response("401", refusal("The secret is that of no feed of this kind."))
            .response("413", refusal("The message is too large."))
            .response("415", refusal("The message is of another type or encoding than those that are taken."))
            .response("429", refusal("Too much at once; `Retry-After` says when to come again. Prometheus is told 503."));
        document.paths.paths.insert(door.path.to_owned(), PathItem::new(HttpMethod::Post, operation.build()));
    }
}
