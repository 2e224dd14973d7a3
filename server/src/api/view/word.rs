//! Closed sets of words: the domain's enumerations with their names in JSON, queries and the API's description.

use crate::bill::Form;
use rollcall_domain::{advisory, alert, catalogue, ci, contact, delivery, import, incident, notification, problem, rule, trust};
use rollcall_shared::{enrol, message, metric, section};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($($name:ident($domain:ty) $about:literal = [$($word:literal)+];)*) => {
        $(
            #[doc = $about]
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub $domain);

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([$($word),+])).description(Some($about)).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }

            impl From<$domain> for $name {
                fn from(domain: $domain) -> Self {
                    Self(domain)
                }
            }
        )*

        #[cfg(test)]
        #[test]
        fn every_documented_word_is_a_word_of_the_domain() {
            $($(
                let read: $name = serde_json::from_str(concat!("\"", $word, "\"")).unwrap();
                assert_eq!(serde_json::to_string(&read).unwrap(), concat!("\"", $word, "\""));
            )+)*
        }
    };
}

words! {
    Class(ci::Class) "Class of a configuration item; server, workstation, virtual_machine and container inherit from host, hypervisor and container_host from server, database_instance and web_server from application_service."
        = ["host" "server" "workstation" "virtual_machine" "container" "disk" "memory_module" "network_adapter" "software_product"
           "network_device" "printer" "storage_device" "hypervisor" "container_host" "gpu" "power_supply" "monitor" "battery"
           "database_instance" "web_server" "application_service" "cluster" "certificate" "business_service" "location" "network"];
    Lifecycle(ci::Lifecycle) "Where a configuration item is in its life."
        = ["planned" "in_stock" "operational" "maintenance" "stale" "missing" "retired" "disposed"];
    Stage(ci::lifecycle::Stage) "How fresh the word of a source is: stale after two intervals and a grace, then missing, then a candidate for retirement."
        = ["fresh" "stale" "warning" "candidate"];
    RelationKind(ci::RelationKind) "How two configuration items belong together, read from `from` to `to`."
        = ["contains" "installed_on" "runs_on" "hosted_on" "depends_on" "connects_to" "member_of" "managed_by"];
    AttemptResult(ci::AttemptResult) "What came of one try to identify a machine."
        = ["MATCHED" "MULTI_MATCH" "NO_MATCH" "SKIPPED"];
    Operation(ci::Operation) "What identification led to."
        = ["INSERT" "UPDATE" "NO_CHANGE" "UPDATE_WITH_RECLASSIFICATION"];
    HealthMetric(ci::health::Metric) "What is measured of how good the CMDB is."
        = ["completeness" "correctness" "staleness" "duplicates" "orphans"];
    HealthReason(ci::health::ReasonCode) "Why a configuration item counts against a metric of health."
        = ["lacks_required" "lacks_recommended" "drifts" "wrong_type" "junk_identifier" "contradicted" "open_review" "not_seen" "absent"
           "may_be_duplicate" "is_duplicate" "no_host" "host_out_of_use" "not_installed" "related_to_out_of_use" "unrelated"
           "nobody_responsible"];
    DeadLetterCode(ci::DeadLetterCode) "Why an input was refused and set aside."
        = ["too_many_candidates" "ambiguous_identity" "duplicate_identity" "report_refused" "malformed_inventory" "forbidden"];
    Outcome(section::Outcome) "How a collection went. Only complete ones make something disappear."
        = ["complete" "partial" "failed" "skipped"];
    SectionName(section::SectionName) "A part of an inventory."
        = ["system" "os" "cpus" "memory_modules" "disks" "filesystems" "network_interfaces" "packages" "services" "users"
           "processes" "listeners" "containers" "series" "firmware" "volumes" "routes" "dns" "neighbours" "pci_devices"
           "usb_devices" "gpus" "monitors" "batteries" "power_supplies" "connections" "virtual_machines" "images" "databases"
           "web_servers" "groups" "ssh_keys" "sudoers" "logins" "scheduled_tasks" "kernel_modules" "sysctls" "mount_options"
           "firewall" "certificates" "security" "custom" "checks"];
    RowChange(ci::compare::RowChange) "How a row of a section differs, seen from the left; of `bookkeeping` only what is noted about it does, such as when a package was installed."
        = ["upgraded" "downgraded" "added" "removed" "changed" "bookkeeping"];
    Direction(ci::impact::Direction) "Which way to walk along relations: up to what a failure affects, down to what something needs."
        = ["up" "down"];
    ContactKind(contact::ContactKind) "What a contact is."
        = ["person" "team"];
    RowOutcome(import::Outcome) "What came of a row of a file; missing is a record that is not in the file any more."
        = ["inserted" "updated" "unchanged" "refused" "missing"];
    ImportState(import::State) "Where a file is that is taken in."
        = ["running" "finished" "interrupted"];
    AgentStatus(enrol::AgentStatus) "Whether the server takes data from an agent."
        = ["pending" "approved" "revoked" "suspended"];
    Side(message::Side) "Which side of a line is bad."
        = ["above" "below"];
    Tier(rule::Tier) "How loud a rule is: page notifies at once, ticket opens an incident quietly, record_only is kept for correlation."
        = ["record_only" "ticket" "page"];
    Severity(rule::Severity) "How bad it is."
        = ["warning" "critical"];
    Grade(rule::Grade) "The scale of impact and urgency."
        = ["low" "medium" "high"];
    Reduce(rule::Reduce) "What a window of samples is reduced to."
        = ["last" "min" "max" "avg" "sum" "increase" "rate"];
    Comparison(rule::Comparison) "How an attribute is compared. Order is that of numbers, and of text for texts."
        = ["equal" "not_equal" "less" "less_or_equal" "greater" "greater_or_equal" "contains" "present" "absent"];
    MetricKind(metric::Kind) "How the values of a metric come about: what holds at the moment, what was counted a second or since the sample before, a number that stands for a state."
        = ["gauge" "rate" "growth" "state"];
    Asks(rule::Asks) "What a check about another item asks of it: whether it can be reached, or how something about it is."
        = ["up" "state"];
    NoData(rule::NoData) "What happens to an alert when its series stops coming. It never resolves."
        = ["unknown" "keep"];
    AlertState(alert::AlertState) "Where an alert is."
        = ["inactive" "pending" "firing" "recovering" "resolved" "unknown"];
    ExternalState(alert::external::ExternalState) "What another system said of its alert last."
        = ["firing" "resolved"];
    IncidentState(incident::IncidentState) "Where an incident is."
        = ["new" "assigned" "in_progress" "on_hold" "resolved" "closed" "cancelled"];
    HoldReason(incident::HoldReason) "What an incident waits for."
        = ["caller" "vendor" "change" "problem" "parts"];
    IncidentChannel(incident::Channel) "How an incident came."
        = ["monitoring" "api" "portal" "mail"];
    SlaMeasure(incident::clock::Measure) "What a service-level clock measures: until somebody takes notice, or until it is over."
        = ["response" "resolution"];
    SlaState(incident::clock::ClockState) "How a service-level clock stands."
        = ["running" "paused" "stopped" "cancelled"];
    SlaTick(incident::clock::Tick) "What happened to a service-level clock."
        = ["started" "paused" "resumed" "stopped" "cancelled"];
    ProblemState(problem::ProblemState) "Where a problem is."
        = ["new" "assess" "root_cause_analysis" "fix_in_progress" "resolved" "closed" "cancelled"];
    Verdict(problem::Verdict) "How a suspected cause is judged. A machine only suspects."
        = ["suspected" "confirmed" "refuted"];
    InsertRight(ci::policy::InsertRight) "What becomes of an item that a source brings and nobody knows."
        = ["allow" "park" "refuse"];
    FeedKind(trust::feed::FeedKind) "Whose agents deliver by a feed."
        = ["glpi" "ocs" "fusioninventory" "alertmanager" "otlp" "prometheus"];
    Category(catalogue::Category) "Whether a software product may be used."
        = ["approved" "denied" "unclassified"];
    Rating(advisory::Rating) "How bad an advisory is."
        = ["none" "low" "medium" "high" "critical"];
    BillForm(Form) "A form of software bill of materials: CycloneDX 1.6 or SPDX 2.3."
        = ["cyclonedx" "spdx"];
    DeliveryState(delivery::DeliveryState) "Where a delivery is: on its way, confirmed by its receiver, given up, or not sent since something newer of its group was."
        = ["waiting" "delivered" "dead" "superseded"];
    Follows(delivery::Follows) "What a webhook is told of: records of the log, notifications, or both."
        = ["feed" "notifications" "both"];
    Security(delivery::Security) "How the connection to a mail server is protected."
        = ["starttls" "tls" "none"];
    MessageStatus(delivery::MessageStatus) "How a group of incidents stands: nobody has taken notice, somebody has of all, or all are over."
        = ["firing" "acknowledged" "resolved"];
    GroupBy(notification::route::GroupBy) "What incidents must share to be told together."
        = ["rule" "ci" "class" "service" "location" "group"];
    NotificationCause(notification::Cause) "Why something was told."
        = ["opened" "changed" "repeated" "escalated" "acknowledged" "resolved"];
    ToldAs(notification::ToldAs) "As what somebody is told: what a route's own channels reach, whom a step of escalation reaches, who watches the incident."
        = ["route" "escalation" "watcher"];
    OnCallUnit(notification::schedule::Unit) "What a turn is counted in."
        = ["hour" "day" "week"];
    Role(rollcall_domain::actor::Role) "What a principal may do."
        = ["viewer" "operator" "asset_manager" "auditor" "admin"];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that the description of a set has.
    #[track_caller]
    fn check<T: PartialSchema>(expected: impl Iterator<Item = &'static str>) {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let words: Vec<&str> = schema["enum"].as_array().unwrap().iter().filter_map(serde_json::Value::as_str).collect();
        assert_eq!(words, expected.collect::<Vec<_>>());
    }

    #[test]
    fn every_word_of_the_model_is_documented() {
        check::<SectionName>(section::SectionName::ALL.iter().map(|name| name.as_str()));
        check::<Class>(ci::Class::ALL.iter().map(|class| class.as_str()));
        check::<RelationKind>(ci::RelationKind::ALL.iter().map(|kind| kind.as_str()));
    }
}
