//! Rows of sections for tests, and what holds for every item that discovery makes.

use super::{Fleet, Section};
use crate::ci::class::model::Kind;
use crate::ci::{AttributeValue, Ci, Class, Relation, RelationKind};
use crate::id::CiId;
use rollcall_shared::section::{
    Certificate, Connection, Container, InterfaceAddress, Listener, Neighbour, NetworkInterface, VirtualMachine,
};

/// `tcp/0.0.0.0:443 nginx.service nginx`: where, unit and process (`-` for none).
pub fn listeners(rows: &[&str]) -> Section {
    Section::Listeners(rows.iter().map(|text| listener(text)).collect())
}

pub fn listener(text: &str) -> Listener {
    let mut words = text.split(' ');
    let (protocol, place) = words.next().unwrap().split_once('/').unwrap();
    let (address, port) = place.rsplit_once(':').unwrap();
    let mut word = || words.next().filter(|word| *word != "-").map(str::to_owned);
    let (unit, process) = (word(), word());
    Listener { protocol: protocol.into(), address: address.into(), port: port.parse().unwrap(), unit, process, ..Listener::default() }
}

/// `tcp/10.0.0.2:5432 app.service java`: to where, from which unit and process.
pub fn connections(rows: &[&str]) -> Section {
    let row = |text: &&str| {
        let Listener { protocol, address, port, unit, process, .. } = listener(text);
        let direction = "outbound".into();
        Connection { direction, protocol, remote_address: address, remote_port: Some(port), unit, process, count: 1, local_port: None }
    };
    Section::Connections(rows.iter().map(row).collect())
}

/// One adapter with these addresses.
pub fn addresses(mac: &str, addresses: &[&str]) -> Section {
    let address = |text: &&str| InterfaceAddress { address: text.parse().unwrap(), prefix: 24, scope: "global".into() };
    let addresses = addresses.iter().map(address).collect();
    Section::NetworkInterfaces(vec![NetworkInterface { addresses, ..super::adapter("eth0", mac) }])
}

/// `uuid name mac,mac`.
pub fn guests(rows: &[&str]) -> Section {
    let row = |text: &&str| {
        let mut words = text.split(' ');
        let id = words.next().unwrap().to_owned();
        let name = words.next().map(str::to_owned);
        let macs = words.next().into_iter().flat_map(|macs| macs.split(',')).map(str::to_owned).collect();
        let (runtime, state) = ("libvirt".into(), Some("running".into()));
        VirtualMachine { runtime, id, name, state, vcpus: Some(2), memory_bytes: Some(1 << 32), macs, ..VirtualMachine::default() }
    };
    Section::VirtualMachines(rows.iter().map(row).collect())
}

/// `name state`.
pub fn containers(rows: &[&str]) -> Section {
    let row = |text: &&str| {
        let (name, state) = text.split_once(' ').unwrap();
        let id = format!("{name:0>64}");
        let (name, image) = (Some(name.to_owned()), Some("registry/app:1".to_owned()));
        Container { runtime: "docker".into(), id, name, image, state: Some(state.into()), ..Container::default() }
    };
    Section::Containers(rows.iter().map(row).collect())
}

/// Certificates by the digit that their fingerprint repeats.
pub fn certificates(digits: &str) -> Section {
    let row = |digit: char| Certificate {
        fingerprint: digit.to_string().repeat(64),
        subject: Some(format!("O=Example,CN=www{digit}.example")),
        sans: vec![format!("www{digit}.example")],
        ..Certificate::default()
    };
    Section::Certificates(digits.chars().map(row).collect())
}

/// `chassis name capability`.
pub fn neighbours(rows: &[&str]) -> Section {
    let row = |text: &&str| {
        let words: Vec<&str> = text.split(' ').collect();
        let word = |i: usize| words.get(i).map(|word| (*word).to_owned());
        Neighbour {
            protocol: "lldp".into(),
            interface: "eno1".into(),
            chassis_id: word(0),
            port_id: Some("1".into()),
            system_name: word(1),
            capabilities: word(2).into_iter().collect(),
            ..Neighbour::default()
        }
    };
    Section::Neighbours(rows.iter().map(row).collect())
}

impl Fleet {
    /// Items of exactly a class, by name.
    pub fn of_class(&self, class: Class) -> Vec<&Ci> {
        let mut found: Vec<&Ci> = self.world.cmdb.cis.values().filter(|ci| ci.class == class).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// The one item with this name.
    #[track_caller]
    pub fn named(&self, name: &str) -> &Ci {
        let found: Vec<&Ci> = self.world.cmdb.cis.values().filter(|ci| ci.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        found[0]
    }

    /// Stored relations of a kind as `name -> name`, in order of their texts.
    pub fn links(&self, kind: RelationKind) -> Vec<String> {
        self.texts(self.world.cmdb.links.iter().filter(|relation| relation.kind == kind))
    }

    pub fn texts<'a>(&self, relations: impl Iterator<Item = &'a Relation>) -> Vec<String> {
        let name = |id: CiId| self.world.cmdb.cis.get(&id).map_or("?", |ci| ci.name.as_str());
        let mut texts: Vec<String> = relations.map(|relation| format!("{} -> {}", name(relation.from), name(relation.to))).collect();
        texts.sort();
        texts
    }

    /// Every attribute that nobody asserted is one that its class has, with its type.
    #[track_caller]
    pub fn check_model(&self) {
        for ci in self.world.cmdb.cis.values() {
            let expected = ci.class.expected();
            for (name, attribute) in ci.attributes.iter().filter(|(_, attribute)| !attribute.source().is_person()) {
                let kind = match attribute.value() {
                    AttributeValue::Boolean(_) => Kind::Boolean,
                    AttributeValue::Integer(_) => Kind::Integer,
                    AttributeValue::Number(_) => panic!("{name} of {:?}: discovery writes no fractions", ci.class),
                    AttributeValue::Text(_) => Kind::Text,
                    AttributeValue::List(_) => Kind::List,
                };
                let known = expected.iter().find(|(_, one)| one.name == name);
                assert_eq!(known.map(|(_, one)| one.kind), Some(kind), "{name} of {:?}", ci.class);
            }
        }
    }
}
