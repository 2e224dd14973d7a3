//! The route list: every method and path with the shape of its answer and who may use it.
//!
//! A handler that is not in this list is not reachable, and a route in it cannot be without an access rule.

use super::{
    Api, advisories, agents, alerts, assignment_rules, attachments, attributes, audit, bills, changes, channels, cis, classes, cmdb_health,
    collectors, contacts, dead_letters, deliveries, erasure, escalation, events, export, external_alerts, feeds, gate, groups, history,
    identity, imports, incidents, inventory, locks, manual, metric_catalogue, metrics, mutes, notification_routes, notifications, on_call,
    parked, policy, probes, problems, queries, record_history, relate, relations, retirement, reviews, rules, samples, sections, services,
    software, software_rules, sources, tokens,
};
use rollcall_domain::actor::Role;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

/// What a route answers, which decides the media types it serves and the headers it heeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{items, next_cursor}` as JSON, CSV or NDJSON.
    List,
    /// One resource as JSON.
    One,
    /// Answers a question that needs a body, as JSON; changes nothing.
    Ask,
    /// Makes a resource: heeds `Idempotency-Key`.
    Create,
    /// Works on a resource: heeds `Idempotency-Key` and `If-Match`.
    Act,
    /// Changes a resource: heeds `If-Match`.
    Update,
    /// Withdraws a resource: heeds `If-Match`.
    Delete,
    /// Withdraws what has no revision.
    Withdraw,
    /// Server-sent events, or a list.
    Stream,
    /// Plain text, whatever is accepted.
    Text,
    /// A file as it was given, whatever is accepted.
    File,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Public,
    /// Every role.
    Read,
    /// Who works on incidents and problems.
    Operate,
    /// Who edits configuration items.
    Edit,
    /// Who reads the audit log.
    Audit,
    /// Administrators.
    Administer,
}

impl Access {
    /// The roles that are let in; the first is the least of them.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Public | Self::Read => &Role::ALL,
            Self::Operate => &[Role::Operator, Role::Admin],
            Self::Edit => &[Role::AssetManager, Role::Admin],
            Self::Audit => &[Role::Auditor, Role::Admin],
            Self::Administer => &[Role::Admin],
        }
    }

    /// Whether a role is let in.
    pub fn allows(self, role: Role) -> bool {
        self.roles().contains(&role)
    }
}

/// A line of the list.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// HTTP method, upper case.
    pub method: &'static str,
    /// Path template.
    pub path: &'static str,
    /// Of its answer.
    pub shape: Shape,
    /// Who may use it.
    pub access: Access,
}

/// Makes the handler of one route.
type Handler = fn() -> UtoipaMethodRouter<Api>;

macro_rules! route_list {
    ($($method:ident $path:literal $shape:ident $access:ident $($handler:ident)::+;)*) => {
        /// The list as data.
        pub const ROUTES: &[Route] = &[
            $(Route { method: stringify!($method), path: $path, shape: Shape::$shape, access: Access::$access },)*
        ];

        /// The lines with their handlers, each with what it says of itself and the schemas that it names.
        pub fn handlers() -> impl Iterator<Item = (&'static Route, UtoipaMethodRouter<Api>)> {
            // One function a route: in one for all of them, what each leaves on the stack adds up to more than a thread has.
            let each: &'static [Handler] = &[$(|| routes!($($handler)::+),)*];
            ROUTES.iter().zip(each).map(|(line, handler)| (line, handler()))
        }
    };
}

/// The routes with their gates.
pub fn mount(api: &Api) -> OpenApiRouter<Api> {
    handlers().fold(OpenApiRouter::new(), |router, (line, handler)| router.routes(gate::mount(api, line, handler)))
}

route_list! {
    GET    "/api/v1/cis"                           List   Read       cis::list_cis;
    GET    "/api/v1/cis/compare"                   One    Read       changes::compare_cis;
    GET    "/api/v1/changes"                       List   Read       changes::list_changes;
    POST   "/api/v1/cis"                           Create Edit       manual::create_ci;
    GET    "/api/v1/cis/{id}"                      One    Read       cis::get_ci;
    PATCH  "/api/v1/cis/{id}"                      Update Edit       cis::patch_ci;
    GET    "/api/v1/cis/{id}/sections"             List   Read       sections::list_sections;
    GET    "/api/v1/cis/{id}/sections/{name}"      List   Read       sections::get_section;
    GET    "/api/v1/cis/{id}/inventory"            One    Read       inventory::get_inventory;
    GET    "/api/v1/cis/{id}/history"              List   Read       history::list_ci_history;
    GET    "/api/v1/cis/{id}/differences"          List   Read       changes::list_ci_differences;
    GET    "/api/v1/cis/{id}/relations"            List   Read       relations::list_ci_relations;
    GET    "/api/v1/cis/{id}/impact"               One    Read       relations::get_ci_impact;
    GET    "/api/v1/cis/{id}/identification"       One    Read       cis::get_ci_identification;
    GET    "/api/v1/cis/{id}/explain"              One    Read       identity::explain_ci;
    POST   "/api/v1/cis/{id}/merge"                Act    Edit       identity::merge_cis;
    POST   "/api/v1/cis/{id}/erase"                Act    Administer erasure::erase_ci;
    POST   "/api/v1/cis/{id}/unmerge"              Act    Edit       identity::unmerge_ci;
    POST   "/api/v1/identify"                      Ask    Read       identity::identify_machine;
    GET    "/api/v1/reviews"                       List   Read       reviews::list_reviews;
    GET    "/api/v1/reviews/{id}"                  One    Read       reviews::get_review;
    POST   "/api/v1/reviews/{id}/resolve"          Act    Edit       reviews::resolve_review;
    GET    "/api/v1/retirement_candidates"         List   Read       retirement::list_retirement_candidates;
    POST   "/api/v1/retirement_candidates/retire"  Act    Edit       retirement::retire_candidates;
    GET    "/api/v1/cis/{id}/rules"                List   Read       rules::of_item::list_ci_rules;
    GET    "/api/v1/cis/{id}/samples"              List   Read       samples::list_samples;
    GET    "/api/v1/samples"                       List   Read       samples::fleet::list_fleet_samples;
    GET    "/api/v1/samples/top"                   List   Read       samples::fleet::list_top_samples;
    GET    "/api/v1/classes"                       List   Read       classes::list_classes;
    GET    "/api/v1/classes/{name}"                One    Read       classes::get_class;
    GET    "/api/v1/relations"                     List   Read       relations::list_relations;
    POST   "/api/v1/cis/{id}/tags"                 Act    Edit       manual::tag_ci;
    GET    "/api/v1/tags"                          List   Read       manual::list_tags;
    POST   "/api/v1/tags"                          Act    Edit       manual::tag_cis;
    POST   "/api/v1/relations"                     Create Edit       relate::create_relation;
    DELETE "/api/v1/relations"                     Withdraw Edit     relate::delete_relation;
    GET    "/api/v1/services"                      List   Read       services::list_services;
    GET    "/api/v1/locations"                     List   Read       services::list_locations;
    GET    "/api/v1/attributes"                    List   Read       attributes::list_attributes;
    POST   "/api/v1/attributes"                    Create Edit       attributes::create_attribute;
    GET    "/api/v1/attributes/{id}"               One    Read       attributes::get_attribute;
    PATCH  "/api/v1/attributes/{id}"               Update Edit       attributes::patch_attribute;
    DELETE "/api/v1/attributes/{id}"               Delete Edit       attributes::delete_attribute;
    GET    "/api/v1/contacts"                      List   Read       contacts::list_contacts;
    POST   "/api/v1/contacts"                      Create Edit       contacts::create_contact;
    GET    "/api/v1/contacts/{id}"                 One    Read       contacts::get_contact;
    PATCH  "/api/v1/contacts/{id}"                 Update Edit       contacts::patch_contact;
    DELETE "/api/v1/contacts/{id}"                 Delete Edit       contacts::delete_contact;
    GET    "/api/v1/contacts/{id}/methods"         One    Read       escalation::get_methods;
    PUT    "/api/v1/contacts/{id}/methods"         Update Administer escalation::put_methods;
    GET    "/api/v1/groups"                        List   Read       groups::list_groups;
    POST   "/api/v1/groups"                        Create Edit       groups::create_group;
    GET    "/api/v1/groups/{id}"                   One    Read       groups::get_group;
    PUT    "/api/v1/groups/{id}"                   Update Edit       groups::put_group;
    DELETE "/api/v1/groups/{id}"                   Delete Edit       groups::delete_group;
    GET    "/api/v1/groups/{id}/members"           List   Read       groups::list_group_members;
    POST   "/api/v1/groups/{id}/members"           Act    Edit       groups::change_group_members;
    GET    "/api/v1/dead_letters"                  List   Read       dead_letters::list_dead_letters;
    PUT    "/api/v1/cis/{id}/locks/{name}"         Update Edit       locks::put_lock;
    DELETE "/api/v1/cis/{id}/locks/{name}"         Delete Edit       locks::delete_lock;
    POST   "/api/v1/cis/{id}/drift/{name}/accept"  Act    Edit       locks::accept_observed;
    GET    "/api/v1/drift"                         List   Read       locks::list_drift;
    GET    "/api/v1/sources"                       List   Read       sources::list_sources;
    GET    "/api/v1/sources/{id}"                  One    Read       sources::get_source;
    POST   "/api/v1/sources/{id}/revert"           Act    Administer sources::revert_source;
    GET    "/api/v1/parked"                        List   Read       parked::list_parked;
    DELETE "/api/v1/parked/{id}"                   Withdraw Administer parked::delete_parked;
    GET    "/api/v1/cmdb_health"                   List   Read       cmdb_health::list_cmdb_health;
    GET    "/api/v1/cmdb_health/history"           List   Read       cmdb_health::list_cmdb_health_history;
    GET    "/api/v1/cmdb_health/{name}/cis"        List   Read       cmdb_health::list_cmdb_health_cis;
    GET    "/api/v1/policy"                        One    Read       policy::get_policy;
    PUT    "/api/v1/policy"                        Update Administer policy::put_policy;
    GET    "/api/v1/imports"                       List   Read       imports::list_imports;
    POST   "/api/v1/imports"                       Create Edit       imports::create_import;
    GET    "/api/v1/imports/{id}"                  One    Read       imports::get_import;
    GET    "/api/v1/imports/{id}/rows"             List   Read       imports::list_import_rows;
    GET    "/api/v1/import_mappings"               List   Read       imports::mappings::list_mappings;
    GET    "/api/v1/import_mappings/{id}"          One    Read       imports::mappings::get_mapping;
    PUT    "/api/v1/import_mappings/{id}"          Update Edit       imports::mappings::put_mapping;
    DELETE "/api/v1/import_mappings/{id}"          Delete Edit       imports::mappings::delete_mapping;
    GET    "/api/v1/cis/{id}/advisories"           List   Read       advisories::list_ci_advisories;
    GET    "/api/v1/cis/{id}/sbom"                 One    Read       bills::get_ci_bill;
    GET    "/api/v1/queries/check"                 One    Read       queries::check_query;
    GET    "/api/v1/queries/completions"           One    Read       queries::complete_query;
    GET    "/api/v1/software"                      List   Read       software::list_software;
    GET    "/api/v1/software/sbom"                 One    Read       bills::get_bill;
    GET    "/api/v1/software/rules"                List   Read       software_rules::list_software_rules;
    POST   "/api/v1/software/rules"                Create Edit       software_rules::create_software_rule;
    GET    "/api/v1/software/rules/{id}"           One    Read       software_rules::get_software_rule;
    PUT    "/api/v1/software/rules/{id}"           Update Edit       software_rules::put_software_rule;
    DELETE "/api/v1/software/rules/{id}"           Delete Edit       software_rules::delete_software_rule;
    GET    "/api/v1/software/end_of_life"          List   Read       software_rules::list_end_of_life;
    POST   "/api/v1/software/end_of_life/import"   Act    Edit       software_rules::import_end_of_life;
    GET    "/api/v1/software/{id}"                 One    Read       software::get_software;
    PATCH  "/api/v1/software/{id}"                 Update Edit       software::patch_software;
    GET    "/api/v1/software/{id}/versions"        List   Read       software::list_versions;
    GET    "/api/v1/software/{id}/installations"   List   Read       software::list_installations;
    GET    "/api/v1/advisories"                    List   Read       advisories::list_advisories;
    POST   "/api/v1/advisories/import"             Act    Edit       advisories::import_advisories;
    GET    "/api/v1/advisories/{id}"               One    Read       advisories::get_advisory;
    GET    "/api/v1/advisories/{id}/affected"      List   Read       advisories::list_affected;
    GET    "/api/v1/agents"                        List   Read       agents::list_agents;
    GET    "/api/v1/agents/{id}"                   One    Read       agents::get_agent;
    GET    "/api/v1/agents/{id}/thresholds"        One    Read       agents::get_agent_thresholds;
    POST   "/api/v1/agents/{id}/approve"           Act    Administer agents::approve_agent;
    POST   "/api/v1/agents/{id}/revoke"            Act    Administer agents::revoke_agent;
    GET    "/api/v1/rules"                         List   Read       rules::list_rules;
    POST   "/api/v1/rules"                         Create Administer rules::create_rule;
    GET    "/api/v1/rules/export"                  Text   Read       rules::file::export_rules;
    POST   "/api/v1/rules/import"                  Act    Administer rules::file::import_rules;
    POST   "/api/v1/rules/test"                    Ask    Read       rules::file::test_rules;
    POST   "/api/v1/rules/backtest"                Ask    Operate    rules::backtest::backtest_rule;
    GET    "/api/v1/rules/{id}"                    One    Read       rules::get_rule;
    GET    "/api/v1/rules/{id}/versions"           List   Read       rules::list_rule_versions;
    PUT    "/api/v1/rules/{id}"                    Update Administer rules::put_rule;
    DELETE "/api/v1/rules/{id}"                    Delete Administer rules::delete_rule;
    POST   "/api/v1/rules/{id}/reset"              Act    Administer rules::reset_rule;
    POST   "/api/v1/rules/{id}/enable"             Act    Administer rules::enable_rule;
    POST   "/api/v1/rules/{id}/disable"            Act    Administer rules::disable_rule;
    GET    "/api/v1/alerts"                        List   Read       alerts::list_alerts;
    GET    "/api/v1/alerts/{id}"                   One    Read       alerts::get_alert;
    POST   "/api/v1/alerts/{id}/acknowledge"       Act    Operate    alerts::acknowledge_alert;
    POST   "/api/v1/alerts/{id}/unacknowledge"     Act    Operate    alerts::unacknowledge_alert;
    GET    "/api/v1/external_alerts"               List   Read       external_alerts::list_external_alerts;
    GET    "/api/v1/external_alerts/{id}"          One    Read       external_alerts::get_external_alert;
    POST   "/api/v1/external_alerts/{id}/acknowledge"   Act Operate external_alerts::acknowledge_external_alert;
    POST   "/api/v1/external_alerts/{id}/unacknowledge" Act Operate external_alerts::unacknowledge_external_alert;
    GET    "/api/v1/maintenance_windows"           List   Read       mutes::list_maintenance_windows;
    POST   "/api/v1/maintenance_windows"           Create Operate    mutes::create_maintenance_window;
    GET    "/api/v1/maintenance_windows/{id}"      One    Read       mutes::get_maintenance_window;
    PUT    "/api/v1/maintenance_windows/{id}"      Update Operate    mutes::put_maintenance_window;
    DELETE "/api/v1/maintenance_windows/{id}"      Delete Operate    mutes::delete_maintenance_window;
    GET    "/api/v1/freezes"                       List   Read       mutes::list_freezes;
    POST   "/api/v1/freezes"                       Create Operate    mutes::create_freeze;
    GET    "/api/v1/freezes/{id}"                  One    Read       mutes::get_freeze;
    PUT    "/api/v1/freezes/{id}"                  Update Operate    mutes::put_freeze;
    DELETE "/api/v1/freezes/{id}"                  Delete Operate    mutes::delete_freeze;
    GET    "/api/v1/silences"                      List   Read       mutes::list_silences;
    POST   "/api/v1/silences"                      Create Operate    mutes::create_silence;
    GET    "/api/v1/silences/{id}"                 One    Read       mutes::get_silence;
    PUT    "/api/v1/silences/{id}"                 Update Operate    mutes::put_silence;
    DELETE "/api/v1/silences/{id}"                 Delete Operate    mutes::delete_silence;
    GET    "/api/v1/incidents"                     List   Read       incidents::list::list_incidents;
    POST   "/api/v1/incidents"                     Create Operate    incidents::edit::create_incident;
    POST   "/api/v1/incidents/bulk"                Act    Operate    incidents::bulk::act_on_incidents;
    GET    "/api/v1/incidents/{id}"                One    Read       incidents::get_incident;
    PATCH  "/api/v1/incidents/{id}"                Update Operate    incidents::edit::patch_incident;
    GET    "/api/v1/incidents/{id}/chart"          One    Read       incidents::chart::get_incident_chart;
    GET    "/api/v1/incidents/{id}/notifications"  List   Read       notifications::list_incident_notifications;
    GET    "/api/v1/incidents/{id}/history"        List   Read       record_history::list_incident_history;
    POST   "/api/v1/incidents/{id}/acknowledge"    Act    Operate    incidents::acknowledge_incident;
    POST   "/api/v1/incidents/{id}/assign"         Act    Operate    incidents::assign_incident;
    POST   "/api/v1/incidents/{id}/notes"          Act    Operate    incidents::note_incident;
    POST   "/api/v1/incidents/{id}/hold"           Act    Operate    incidents::hold_incident;
    POST   "/api/v1/incidents/{id}/resume"         Act    Operate    incidents::resume_incident;
    POST   "/api/v1/incidents/{id}/resolve"        Act    Operate    incidents::resolve_incident;
    POST   "/api/v1/incidents/{id}/reopen"         Act    Operate    incidents::reopen_incident;
    POST   "/api/v1/incidents/{id}/close"          Act    Operate    incidents::close_incident;
    POST   "/api/v1/incidents/{id}/cancel"         Act    Operate    incidents::cancel_incident;
    POST   "/api/v1/incidents/{id}/parent"         Act    Operate    incidents::family::set_incident_parent;
    POST   "/api/v1/incidents/{id}/merge"          Act    Operate    incidents::family::merge_incident;
    POST   "/api/v1/incidents/{id}/watch"          Act    Operate    incidents::family::watch_incident;
    POST   "/api/v1/incidents/{id}/unwatch"        Act    Operate    incidents::family::unwatch_incident;
    GET    "/api/v1/incidents/{id}/attachments"    List   Read       attachments::list_incident_attachments;
    POST   "/api/v1/incidents/{id}/attachments"    Act    Operate    attachments::attach_to_incident;
    GET    "/api/v1/incidents/{id}/attachments/{name}" File Read     attachments::get_incident_attachment;
    DELETE "/api/v1/incidents/{id}/attachments/{name}" Delete Operate attachments::delete_incident_attachment;
    GET    "/api/v1/assignment_rules"              List   Read       assignment_rules::list_assignment_rules;
    POST   "/api/v1/assignment_rules"              Create Administer assignment_rules::create_assignment_rule;
    POST   "/api/v1/assignment_rules/test"         Ask    Read       assignment_rules::test_assignment_rules;
    GET    "/api/v1/assignment_rules/{id}"         One    Read       assignment_rules::get_assignment_rule;
    PUT    "/api/v1/assignment_rules/{id}"         Update Administer assignment_rules::put_assignment_rule;
    DELETE "/api/v1/assignment_rules/{id}"         Delete Administer assignment_rules::delete_assignment_rule;
    GET    "/api/v1/problems"                      List   Read       problems::list_problems;
    POST   "/api/v1/problems"                      Create Operate    problems::create_problem;
    GET    "/api/v1/problem_precision"             List   Read       problems::list_problem_precision;
    GET    "/api/v1/problems/{id}"                 One    Read       problems::get_problem;
    PATCH  "/api/v1/problems/{id}"                 Update Operate    problems::patch_problem;
    GET    "/api/v1/problems/{id}/incidents"       List   Read       problems::list_problem_incidents;
    GET    "/api/v1/problems/{id}/evidence"        List   Read       problems::list_problem_evidence;
    GET    "/api/v1/problems/{id}/history"         List   Read       record_history::list_problem_history;
    POST   "/api/v1/problems/{id}/acknowledge"     Act    Operate    problems::acknowledge_problem;
    POST   "/api/v1/problems/{id}/assign"          Act    Operate    problems::assign_problem;
    POST   "/api/v1/problems/{id}/notes"           Act    Operate    problems::note_problem;
    POST   "/api/v1/problems/{id}/advance"         Act    Operate    problems::advance_problem;
    POST   "/api/v1/problems/{id}/describe"        Act    Operate    problems::describe_problem;
    POST   "/api/v1/problems/{id}/judge"           Act    Operate    problems::judge_problem;
    POST   "/api/v1/problems/{id}/link"            Act    Operate    problems::link_problem;
    POST   "/api/v1/problems/{id}/unlink"          Act    Operate    problems::unlink_problem;
    POST   "/api/v1/problems/{id}/duplicate"       Act    Operate    problems::duplicate_problem;
    POST   "/api/v1/problems/{id}/accept_risk"     Act    Operate    problems::accept_problem_risk;
    POST   "/api/v1/problems/{id}/resolve"         Act    Operate    problems::resolve_problem;
    POST   "/api/v1/problems/{id}/reopen"          Act    Operate    problems::reopen_problem;
    POST   "/api/v1/problems/{id}/close"           Act    Operate    problems::close_problem;
    POST   "/api/v1/problems/{id}/cancel"          Act    Operate    problems::cancel_problem;
    GET    "/api/v1/problems/{id}/attachments"     List   Read       attachments::list_problem_attachments;
    POST   "/api/v1/problems/{id}/attachments"     Act    Operate    attachments::attach_to_problem;
    GET    "/api/v1/problems/{id}/attachments/{name}" File Read      attachments::get_problem_attachment;
    DELETE "/api/v1/problems/{id}/attachments/{name}" Delete Operate attachments::delete_problem_attachment;
    GET    "/api/v1/events"                        Stream Read       events::stream_events;
    GET    "/api/v1/export/cis"                    List   Read       export::flat::export_cis;
    GET    "/api/v1/export/servicenow"             One    Read       export::servicenow::export_servicenow;
    GET    "/api/v1/export/netbox"                 One    Read       export::netbox::export_netbox;
    GET    "/api/v1/export/itop"                   One    Read       export::itop::export_itop;
    GET    "/api/v1/channels"                      List   Administer channels::list_channels;
    POST   "/api/v1/channels"                      Create Administer channels::create_channel;
    GET    "/api/v1/channels/{id}"                 One    Administer channels::get_channel;
    PUT    "/api/v1/channels/{id}"                 Update Administer channels::put_channel;
    DELETE "/api/v1/channels/{id}"                 Delete Administer channels::delete_channel;
    POST   "/api/v1/channels/{id}/test"            Act    Administer channels::test_channel;
    POST   "/api/v1/channels/{id}/secret"          Act    Administer channels::rotate_channel_secret;
    GET    "/api/v1/deliveries"                    List   Read       deliveries::list_deliveries;
    GET    "/api/v1/deliveries/{id}"               One    Read       deliveries::get_delivery;
    POST   "/api/v1/deliveries/{id}/resend"        Act    Administer deliveries::resend_delivery;
    GET    "/api/v1/notifications"                 List   Read       notifications::list_notifications;
    GET    "/api/v1/notifications/{id}"            One    Read       notifications::get_notification;
    GET    "/api/v1/notification_status"           One    Read       notifications::get_notification_status;
    GET    "/api/v1/notification_groups"           List   Read       notifications::list_notification_groups;
    GET    "/api/v1/notification_groups/{id}"      One    Read       notifications::get_notification_group;
    POST   "/api/v1/notification_groups/{id}/acknowledge" Act Operate notifications::acknowledge_notification_group;
    GET    "/api/v1/notification_routes"           List   Read       notification_routes::list_routes;
    POST   "/api/v1/notification_routes"           Create Administer notification_routes::create_route;
    POST   "/api/v1/notification_routes/test"      Ask    Read       notification_routes::test_routes;
    POST   "/api/v1/notification_routes/preview"   Ask    Read       notification_routes::preview_templates;
    GET    "/api/v1/notification_routes/{id}"      One    Read       notification_routes::get_route;
    PUT    "/api/v1/notification_routes/{id}"      Update Administer notification_routes::put_route;
    DELETE "/api/v1/notification_routes/{id}"      Delete Administer notification_routes::delete_route;
    GET    "/api/v1/escalation_policies"           List   Read       escalation::list_escalation_policies;
    POST   "/api/v1/escalation_policies"           Create Administer escalation::create_escalation_policy;
    GET    "/api/v1/escalation_policies/{id}"      One    Read       escalation::get_escalation_policy;
    PUT    "/api/v1/escalation_policies/{id}"      Update Administer escalation::put_escalation_policy;
    DELETE "/api/v1/escalation_policies/{id}"      Delete Administer escalation::delete_escalation_policy;
    GET    "/api/v1/on_call_schedules"             List   Read       on_call::list_schedules;
    POST   "/api/v1/on_call_schedules"             Create Administer on_call::create_schedule;
    GET    "/api/v1/on_call_schedules/{id}"        One    Read       on_call::get_schedule;
    PUT    "/api/v1/on_call_schedules/{id}"        Update Administer on_call::put_schedule;
    DELETE "/api/v1/on_call_schedules/{id}"        Delete Administer on_call::delete_schedule;
    POST   "/api/v1/on_call_schedules/{id}/overrides" Create Operate on_call::create_override;
    DELETE "/api/v1/on_call_schedules/{id}/overrides/{name}" Delete Operate on_call::delete_override;
    GET    "/api/v1/on_call"                       List   Read       on_call::list_on_call;
    GET    "/api/v1/on_call/{id}"                  List   Read       on_call::list_shifts;
    GET    "/api/v1/me"                            One    Read       tokens::get_me;
    GET    "/api/v1/tokens"                        List   Administer tokens::list_tokens;
    POST   "/api/v1/tokens"                        Create Administer tokens::create_token;
    DELETE "/api/v1/tokens/{id}"                   Withdraw Administer tokens::delete_token;
    GET    "/api/v1/feeds"                         List   Administer feeds::list_feeds;
    POST   "/api/v1/feeds"                         Create Administer feeds::create_feed;
    DELETE "/api/v1/feeds/{id}"                    Withdraw Administer feeds::delete_feed;
    GET    "/api/v1/collectors"                    List   Read       collectors::list_collectors;
    GET    "/api/v1/audit"                         List   Audit      audit::list_audit;
    GET    "/healthz"                              One    Public     probes::get_health;
    GET    "/readyz"                               One    Public     probes::get_readiness;
    GET    "/metrics"                              Text   Read       metrics::get_metrics;
    GET    "/api/v1/fleet_metrics"                 Text   Read       metrics::fleet::get_fleet_metrics;
    GET    "/api/v1/metric_catalogue"              List   Read       metric_catalogue::list_metrics;
}
