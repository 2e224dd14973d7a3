//! Rules as code: files of rules with their tests, in TOML.

use super::super::Api;
use super::super::caller::{BodyHash, Caller};
use super::super::extract::Parameters;
use super::super::format::Format;
use super::super::view::rule::RuleInput;
use crate::answer::{self, ApiError, Code};
use axum::extract::{FromRequest, Request, State};
use axum::http::header;
use axum::response::Response;
use rollcall_domain::context::{CountingIds, NoContent};
use rollcall_domain::rule::case::{self, Tested};
use rollcall_domain::rule::decide::{Imported, examine, in_file};
use rollcall_domain::rule::{Rule, RuleCommand, known};
use rollcall_domain::{Actor, Command, Context, Rejection};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The largest file: a thousand rules of a kilobyte.
const FILE_BYTES: usize = 1 << 20;

/// A file of rules: `[[rule]]` for each.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    rule: Vec<RuleInput>,
}

/// A TOML body.
pub struct Toml(String);

/// How an import is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// What an import did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleImportReport {
    /// Whether the rules were written.
    applied: bool,
    /// Rules that are refused; none when they were written.
    refused: usize,
    /// Each rule, in the file's order.
    rules: Vec<ImportedRule>,
}

/// What an import does with one rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedRule {
    /// Its name.
    id: String,
    /// `created`, `updated`, `unchanged` or `refused`.
    outcome: &'static str,
    /// Tests that it carries.
    tests: usize,
    /// The wrong field, when it is refused.
    field: Option<String>,
    /// What is wrong, when it is refused; a failing test tells what was expected and found at which time.
    reason: Option<String>,
    /// What people should know about it, such as that it reads a metric that no host sends.
    warnings: Vec<String>,
}

impl FromRequest<Api> for Toml {
    type Rejection = ApiError;

    async fn from_request(request: Request, _api: &Api) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/toml") {
            return Err(ApiError::new(Code::UnsupportedMediaType, "the body must be TOML (Content-Type: application/toml)"));
        }
        let too_large = || ApiError::new(Code::PayloadTooLarge, format!("the file is larger than {FILE_BYTES} bytes"));
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, FILE_BYTES).await.map_err(|_| too_large())?;
        BodyHash::note(&parts.extensions, &bytes);
        String::from_utf8(bytes.into()).map(Self).map_err(|_| ApiError::invalid("body", "must be UTF-8"))
    }
}

/// Writes all rules as one TOML file, in order of their names; the import takes it back. Its entity tag is that of all rules.
#[utoipa::path(get, path = "/api/v1/rules/export", tag = "rules",
    params(("if-none-match" = Option<String>, Header, description = "304 when the rules still have this entity tag.")),
    responses((status = 200, description = "`[[rule]]` for each.", body = String, content_type = "text/plain"),
        (status = 304, description = "The rules still have the entity tag that was sent.")))]
pub async fn export_rules(State(api): State<Api>, _format: Format) -> Result<Response, ApiError> {
    let (rule, revision) =
        api.engine.read(|world| (world.rules.rules.values().map(|known| RuleInput::new(world, known)).collect(), world.rules.revision));
    let text = toml::to_string(&RuleFile { rule }).map_err(|error| ApiError::internal(format!("rules as TOML: {error}")))?;
    Ok(answer::tagged(answer::body("text/plain; charset=utf-8", text), revision))
}

/// Makes or replaces all rules of a TOML file, or none of them: one that is wrong or whose tests fail refuses the file. `dry_run` tells for
/// each rule what would happen. Rules that the file does not name stay. `If-Match` is the entity tag of the export.
#[utoipa::path(post, path = "/api/v1/rules/import", tag = "rules", params(ImportQuery), request_body(content = String, content_type = "application/toml"),
    responses((status = 200, description = "What happened to each rule.", body = RuleImportReport)))]
pub async fn import_rules(
    State(api): State<Api>,
    Parameters(query): Parameters<ImportQuery>,
    caller: Caller,
    file: Toml,
) -> Result<Response, ApiError> {
    let rules = read(&file)?;
    let tested = tested(&rules).await?;
    let mut report = report(&api, &rules, &tested);
    if query.dry_run {
        if let Some(expected) = caller.expected.filter(|expected| *expected != api.engine.read(|world| world.rules.revision)) {
            let current = api.engine.read(|world| world.rules.revision);
            return Err(Rejection::Stale { subject: "the rules".into(), current, expected }.into());
        }
        return Ok(answer::json(&report));
    }
    let passed = tested.into_iter().enumerate().map(|(position, one)| one.map_err(|refused| in_file(position, refused)));
    let rules = passed.collect::<Result<Vec<Tested>, Rejection>>()?;
    caller.execute(&api.engine, Command::Rule(RuleCommand::Import { rules, expected: caller.expected })).await?;
    report.applied = true;
    Ok(answer::json(&report))
}

/// Runs the tests of the rules in a TOML file and judges the rules; writes nothing.
#[utoipa::path(post, path = "/api/v1/rules/test", tag = "rules", request_body(content = String, content_type = "application/toml"),
    responses((status = 200, description = "What would happen to each rule.", body = RuleImportReport)))]
pub async fn test_rules(State(api): State<Api>, file: Toml) -> Result<Response, ApiError> {
    let rules = read(&file)?;
    let tested = tested(&rules).await?;
    Ok(answer::json(&report(&api, &rules, &tested)))
}

fn read(file: &Toml) -> Result<Vec<Rule>, ApiError> {
    let file: RuleFile = toml::from_str(&file.0).map_err(|error| {
        let text: String = error.to_string().chars().take(500).collect();
        ApiError::invalid("body", text)
    })?;
    let rule = |(position, input): (usize, RuleInput)| {
        let wrong = |reason: &str| ApiError::invalid(format!("rule[{position}].id"), reason);
        let id = input.name().map_err(|_| wrong("must be 1 to 64 lower-case letters, digits and underscores"))?;
        Ok(*input.into_domain(id.ok_or_else(|| wrong("is needed"))?))
    };
    file.rule.into_iter().enumerate().map(rule).collect()
}

/// Runs the tests of all rules, away from whoever decides, and refuses a file with more of them than there is time for.
async fn tested(rules: &[Rule]) -> Result<Vec<Result<Tested, Rejection>>, ApiError> {
    let mut values = 0;
    for (position, rule) in rules.iter().enumerate() {
        values += case::values_of(rule);
        if values > case::VALUES {
            let reason = format!("the tests of the file up to here have more than {} values", case::VALUES);
            return Err(ApiError::invalid(format!("rule[{position}].tests"), reason));
        }
    }
    let rules = rules.to_vec();
    let ran = tokio::task::spawn_blocking(move || rules.into_iter().map(Tested::of).collect()).await;
    ran.map_err(|error| ApiError::internal(format!("tests of rules ended early: {error}")))
}

fn report(api: &Api, rules: &[Rule], tested: &[Result<Tested, Rejection>]) -> RuleImportReport {
    let mut ids = CountingIds::default();
    let context = Context { now: api.engine.now(), actor: Actor::System, ids: &mut ids, content: &NoContent };
    let examined = api.engine.read(|world| {
        let warnings = rules.iter().map(|rule| known::warnings(world, rule));
        examine(world, rules, &context).into_iter().zip(warnings).collect::<Vec<_>>()
    });
    let told = rules.iter().zip(tested).zip(examined).map(|((rule, tested), (examined, warnings))| {
        let outcome = examined.and_then(|outcome| tested.as_ref().map(|_| outcome).map_err(Rejection::clone));
        imported(rule, outcome.map_err(ApiError::from), warnings)
    });
    let rules: Vec<ImportedRule> = told.collect();
    let refused = rules.iter().filter(|rule| rule.outcome == "refused").count();
    RuleImportReport { applied: false, refused, rules }
}

fn imported(rule: &Rule, examined: Result<Imported, ApiError>, warnings: Vec<String>) -> ImportedRule {
    let (outcome, field, reason) = match examined {
        Ok(Imported::Created) => ("created", None, None),
        Ok(Imported::Updated) => ("updated", None, None),
        Ok(Imported::Unchanged) => ("unchanged", None, None),
        Err(error) => ("refused", error.field().map(str::to_owned), Some(error.detail().to_owned())),
    };
    ImportedRule { id: rule.id.to_string(), outcome, tests: rule.tests.len(), field, reason, warnings }
}
