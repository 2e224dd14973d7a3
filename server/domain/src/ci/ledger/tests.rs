//! What the ledger knows follows from the items; that it is the same after a rebuild is checked with every test of the fleet.

use crate::ci::testing::*;
use crate::ci::{AttributeValue, CiCommand, Source};
use rollcall_shared::Section;

fn source(text: &str) -> Source {
    text.parse().unwrap()
}

#[test]
fn each_source_is_counted_with_its_items_and_words() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), Section::Disks(vec![disk("sda", "PHAX0001")]), packages(&[("vim", "9")])]);
    fleet.deliver("glpi", "k1", [system(server(1)), packages(&[("vim", "9")])]).unwrap();
    fleet.deliver("ocs", "k2", [packages(&[("vim", "9")])]).unwrap();
    let attributes = [("owner".to_owned(), Some(AttributeValue::Text("web".into())))].into();
    fleet.command("ada", CiCommand::AssertAttributes { ci: fleet.id_of(1), attributes, expected: None }).unwrap();
    let ledger = &fleet.world.cmdb.ledger;
    let told: Vec<_> = ledger.sources(..).map(|source| (source.to_string(), ledger.ci_count(source))).collect();
    let agent = "agent_00000000000000000000000001".to_owned();
    assert_eq!(told, [("person:ada".into(), 1), (agent.clone(), 2), ("feed:glpi".into(), 1), ("feed:ocs".into(), 1)]);
    assert_eq!(ledger.proposals_of(&source("feed:ocs")), 0);
    let of_host = fleet.host_of(1).attributes.values().filter(|attribute| attribute.proposal_of(&source("feed:glpi")).is_some()).count();
    assert_eq!(ledger.proposals_of(&source("feed:glpi")), of_host as u64);
    assert_eq!(ledger.contested().iter().copied().collect::<Vec<_>>(), [fleet.id_of(1)]);
    fleet.check();
}
