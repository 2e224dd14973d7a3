//! What people and programs ask for through the edges.

use crate::advisory::AdvisoryCommand;
use crate::alert::decide::AlertCommand;
use crate::attribute::AttributeCommand;
use crate::catalogue::CatalogueCommand;
use crate::ci::CiCommand;
use crate::contact::ContactCommand;
use crate::delivery::DeliveryCommand;
use crate::group::GroupCommand;
use crate::import::ImportCommand;
use crate::incident::IncidentCommand;
use crate::notification::NotificationCommand;
use crate::problem::ProblemCommand;
use crate::rule::RuleCommand;
use crate::trust::decide::TrustCommand;

/// An input that wants something. Samples and reports are not commands: see [`crate::World`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// On agents and tokens.
    Trust(TrustCommand),
    /// On configuration items.
    Ci(CiCommand),
    /// On definitions of attributes.
    Attribute(AttributeCommand),
    /// On people and teams.
    Contact(ContactCommand),
    /// On groups.
    Group(GroupCommand),
    /// On files that people load.
    Import(ImportCommand),
    /// On rules.
    Rule(RuleCommand),
    /// On alerts, maintenance windows and silences.
    Alert(AlertCommand),
    /// On incidents.
    Incident(IncidentCommand),
    /// On problems.
    Problem(ProblemCommand),
    /// On the software catalogue.
    Catalogue(CatalogueCommand),
    /// On advisories.
    Advisory(AdvisoryCommand),
    /// On channels and what they deliver.
    Delivery(DeliveryCommand),
    /// On who is told of what.
    Notification(NotificationCommand),
}
