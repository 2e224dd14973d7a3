//! Hosts that exist only as numbers: the same number is the same machine in every run.
//!
//! A fleet is installed from a few images, so most content is shared and only what is a machine's own differs: that is what
//! content addressing is for, and what a generator that gave every host its own packages would hide.

mod catalogue;

use anyhow::Result;
use catalogue::Image;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::section::{Disk, InterfaceAddress, NetworkInterface, System, Virtualisation};
use rollcall_shared::{ContentHash, Outcome, Section, SectionName, Timestamp};
use std::sync::Arc;

/// Series that every simulated host has.
pub const SERIES: usize = 60;

/// Canonical bytes under their name.
#[derive(Clone, Debug)]
pub struct Content {
    /// Which section.
    pub name: SectionName,
    /// Name of the bytes.
    pub hash: ContentHash,
    /// The bytes.
    pub bytes: Arc<Vec<u8>>,
}

/// A simulated machine.
#[derive(Clone, Debug)]
pub struct Host {
    number: u64,
    /// What it calls itself.
    pub hostname: String,
    contents: Vec<Content>,
    series: ContentHash,
    random: Random,
}

/// A stream of numbers from a seed (SplitMix64): the same everywhere and for ever.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound.max(1)
    }

    /// A number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Host {
    /// Machine `number` of the fleet with this seed.
    ///
    /// # Errors
    /// When its inventory has no canonical form, which is a bug here.
    pub fn new(seed: u64, number: u64) -> Result<Self> {
        let mut random = Random::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let image = Image::of(number);
        let hostname = format!("{}-{number:05}", image.role);
        let mut contents = image.contents()?;
        contents.push(encode(system(&mut random, &hostname))?);
        contents.push(encode(disks(&mut random))?);
        contents.push(encode(network_interfaces(&mut random, number))?);
        contents.sort_by_key(|content| content.name);
        let series = contents.iter().find(|content| content.name == SectionName::Series).map(|content| content.hash);
        let series = series.unwrap_or_else(|| ContentHash::of(b""));
        Ok(Self { number, hostname, contents, series, random })
    }

    /// Its position in the fleet.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// All of its inventory.
    #[must_use]
    pub fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// How many packages it has.
    #[must_use]
    pub fn packages(&self) -> usize {
        Image::of(self.number).packages
    }

    /// Puts another content in place of the section of the same name.
    ///
    /// # Errors
    /// When it has no canonical form.
    pub fn replace(&mut self, section: Section) -> Result<()> {
        let content = encode(section)?;
        self.contents.retain(|known| known.name != content.name);
        if content.name == SectionName::Series {
            self.series = content.hash;
        }
        self.contents.push(content);
        self.contents.sort_by_key(|content| content.name);
        Ok(())
    }

    /// Its inventory as a report.
    #[must_use]
    pub fn report(&self, collected_at: Timestamp) -> Report {
        let entry = |content: &Content| SectionEntry {
            name: content.name,
            outcome: Outcome::Complete,
            hash: Some(content.hash),
            reason: None,
            duration_us: 1_500,
            bytes_read: content.bytes.len() as u64 * 8,
        };
        let sections: Vec<SectionEntry> = self.contents.iter().map(entry).collect();
        Report { collected_at, root: root_hash(&sections), sections }
    }

    /// One moment of a healthy machine: below every stock threshold.
    pub fn sample(&mut self, at: Timestamp) -> SampleSet {
        let values = (0..SERIES).map(|place| Some(catalogue::value(place, &mut self.random))).collect();
        SampleSet { table: self.series, at, values }
    }

    /// One moment with a chosen value in one place of the table.
    ///
    /// # Panics
    /// When the place is not in the table.
    pub fn sample_with(&mut self, at: Timestamp, metric: &str, value: f64) -> SampleSet {
        let mut set = self.sample(at);
        let place = series().iter().position(|series| series.metric == metric).expect("the metric is one of the table");
        set.values[place] = Some(value);
        set
    }
}

/// The series of every simulated host, in canonical order.
#[must_use]
pub fn series() -> Vec<Series> {
    catalogue::series()
}

/// Canonical bytes of a section, with their name.
///
/// # Errors
/// When it has no canonical form.
pub fn encode(section: Section) -> Result<Content> {
    let name = section.name();
    let (hash, bytes) = section.canonical()?;
    Ok(Content { name, hash, bytes: Arc::new(bytes) })
}

fn system(random: &mut Random, hostname: &str) -> Section {
    let (high, low) = (random.bits(), random.bits());
    let uuid = format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    );
    Section::System(vec![System {
        manufacturer: Some("Dell Inc.".into()),
        product: Some("PowerEdge R640".into()),
        serial: Some(format!("{:07X}", random.below(36_u64.pow(6)) + 0x100_0000)),
        uuid: Some(uuid),
        chassis_type: Some("rack_mount_chassis".into()),
        bios_vendor: Some("Dell Inc.".into()),
        bios_version: Some("2.21.2".into()),
        bios_date: Some("02/19/2024".into()),
        virtualisation: Some(Virtualisation::Physical),
        machine_id: Some(format!("{:016x}{:016x}", random.bits(), random.bits())),
        hostname: Some(hostname.to_owned()),
        fqdn: Some(format!("{hostname}.example.net")),
        domain: Some("example.net".into()),
        memory_bytes: Some(64 << 30),
        ..System::default()
    }])
}

fn disks(random: &mut Random) -> Section {
    let mut disk = |name: &str, size_bytes: u64| Disk {
        name: name.into(),
        model: Some("SAMSUNG MZ7LH960HAJR-00005".into()),
        vendor: Some("ATA".into()),
        serial: Some(format!("S45NNA0M{:06}", random.below(1_000_000))),
        wwn: Some(format!("0x5002538e{:08x}", random.below(1 << 32))),
        firmware: Some("HXT7404Q".into()),
        size_bytes: Some(size_bytes),
        interface: Some("sata".into()),
        rotational: Some(false),
        removable: Some(false),
        ..Disk::default()
    };
    Section::Disks(vec![disk("sda", 960_197_124_096), disk("sdb", 960_197_124_096)])
}

fn network_interfaces(random: &mut Random, number: u64) -> Section {
    let octets = [10, 20, u8::try_from(number / 250 % 250).unwrap_or(0), u8::try_from(number % 250).unwrap_or(0) + 2];
    let mut interface = |name: &str, slot: u8, up: bool| {
        let low = random.below(1 << 24);
        let mac = format!("e4:43:4b:{:02x}:{:02x}:{:02x}", low >> 16, low >> 8 & 0xff, low & 0xff);
        NetworkInterface {
            name: name.into(),
            mac: Some(mac.clone()),
            permanent_mac: Some(mac),
            kind: "ethernet".into(),
            is_virtual: Some(false),
            bus_path: Some(format!("0000:18:00.{slot}")),
            driver: Some("i40e".into()),
            speed_mbps: up.then_some(10_000),
            duplex: up.then(|| "full".to_owned()),
            mtu: Some(1500),
            state: Some(if up { "up" } else { "down" }.into()),
            addresses: if up { vec![InterfaceAddress { address: octets.into(), prefix: 24, scope: "global".into() }] } else { Vec::new() },
            ..NetworkInterface::default()
        }
    };
    Section::NetworkInterfaces(vec![interface("eno1", 0, true), interface("eno2", 1, false)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_is_the_same_machine() {
        let (one, again, other) = (Host::new(7, 3).unwrap(), Host::new(7, 3).unwrap(), Host::new(7, 4).unwrap());
        assert_eq!(one.report(Timestamp(1)), again.report(Timestamp(1)));
        assert_ne!(one.report(Timestamp(1)).root, other.report(Timestamp(1)).root);
    }

    #[test]
    fn machines_of_one_image_share_what_the_image_installed() {
        let (one, other) = (Host::new(7, 0).unwrap(), Host::new(7, 4).unwrap());
        let shared = one.contents().iter().filter(|content| other.contents().iter().any(|known| known.hash == content.hash)).count();
        assert_eq!(one.contents().len() - shared, 3, "system, disks and network interfaces are a machine's own");
    }

    #[test]
    fn every_content_is_canonical_and_a_sample_fits_its_table() {
        let mut host = Host::new(7, 1).unwrap();
        for content in host.contents() {
            assert_eq!(Section::decode(&content.bytes).unwrap().name(), content.name);
        }
        assert_eq!(series().len(), SERIES);
        assert_eq!(host.sample(Timestamp(1)).values.len(), SERIES);
        assert!((1_000..=2_000).contains(&host.packages()));
    }
}
