//! What the kernel's generic netlink families tell of adapters: speed and duplex (`ethtool`), running firmware (`devlink`). Both answer
//! without privileges, for all adapters at once.

use super::{Found, LINKS, Scope, Subsystem, netlink};
use netlink::{attribute, attributes, u16_at, u32_at};
use std::collections::BTreeMap;

/// How an adapter talks to its peer; none of it while there is no link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mode {
    /// Mbit/s.
    pub(super) speed_mbps: Option<u32>,
    /// `full` or `half`.
    pub(super) duplex: Option<String>,
}

/// What was told of all of them.
#[derive(Default)]
pub(super) struct Adapters {
    /// By interface index; none where the kernel has no such family.
    modes: Option<BTreeMap<u32, Mode>>,
    /// By bus address.
    firmware: BTreeMap<String, String>,
}

/// `struct genlmsghdr`: command, version, reserved.
const GENERIC_HEADER_BYTES: usize = 4;

impl Adapters {
    /// Asks; what the kernel does not have is left to sysfs.
    pub(super) fn read(scope: &Scope<'_>) -> Self {
        let families = families();
        let ask = |name: &str, body: &[u8], each: &mut dyn FnMut(&[u8])| {
            let Some(&family) = families.get(name) else {
                scope.asked(name, Found::Absent);
                return false;
            };
            let mut count = 0;
            let answer = netlink::dump::<()>(Subsystem::Generic, (family, body), LINKS, |kind, payload| {
                let list = payload.get(GENERIC_HEADER_BYTES..).filter(|_| kind == family)?;
                count += 1;
                each(list);
                None
            });
            scope.asked(name, answer.as_ref().map_or_else(|error| Found::Failed(error.to_string()), |_| Found::Read(count)));
            answer.is_ok()
        };
        let (mut modes, mut firmware) = (BTreeMap::new(), BTreeMap::new());
        let is_told = ask("ethtool", &modes_request(), &mut |list| modes.extend(mode(list)));
        ask("devlink", &firmware_request(), &mut |list| firmware.extend(running_firmware(list)));
        Self { modes: is_told.then_some(modes), firmware }
    }

    /// How an adapter talks; none when sysfs has to be asked.
    pub(super) fn mode(&self, index: u32) -> Option<Mode> {
        self.modes.as_ref().map(|modes| modes.get(&index).cloned().unwrap_or_default())
    }

    /// The firmware of the device with a bus address.
    pub(super) fn firmware(&self, device: &str) -> Option<&str> {
        self.firmware.get(device).map(String::as_str)
    }
}

/// The numbers of the families, by name, from the one that has a fixed number.
fn families() -> BTreeMap<String, u16> {
    const CONTROL: u16 = 16;
    const GET_FAMILY: u8 = 3;
    /// Kernels know some dozens.
    const FAMILIES: usize = 1024;
    let answer = netlink::dump(Subsystem::Generic, (CONTROL, &[GET_FAMILY, 1, 0, 0]), FAMILIES, |_, payload| family(payload.get(GENERIC_HEADER_BYTES..)?));
    answer.unwrap_or_default().into_iter().collect()
}

fn family(list: &[u8]) -> Option<(String, u16)> {
    Some((netlink::text(attribute(list, 2)?)?, u16_at(attribute(list, 1)?, 0)?))
}

/// `ETHTOOL_MSG_LINKMODES_GET`, with compact bit sets: the lists of modes are most of an answer.
fn modes_request() -> Vec<u8> {
    const GET_LINK_MODES: u8 = 4;
    const NESTED: u16 = 0x8000;
    const FLAGS: u16 = 3;
    const COMPACT: u32 = 1;
    let flags = netlink::attribute_bytes(FLAGS, &COMPACT.to_ne_bytes());
    [&[GET_LINK_MODES, 1, 0, 0][..], &netlink::attribute_bytes(NESTED | 1, &flags)].concat()
}

fn mode(list: &[u8]) -> Option<(u32, Mode)> {
    let index = u32_at(attribute(attribute(list, 1)?, 1)?, 0)?;
    // The kernel says -1 while there is no link.
    let speed_mbps = attribute(list, 5).and_then(|speed| u32_at(speed, 0)).filter(|&speed| speed > 0 && speed < u32::MAX);
    let duplex = attribute(list, 6).and_then(|duplex| match duplex.first()? { 0 => Some("half"), 1 => Some("full"), _ => None });
    Some((index, Mode { speed_mbps, duplex: duplex.map(str::to_owned) }))
}

/// `DEVLINK_CMD_INFO_GET`.
fn firmware_request() -> [u8; 4] {
    [51, 1, 0, 0]
}

/// The version that runs: vendors call it `fw`, or name its parts `fw.mgmt` and the like.
fn running_firmware(list: &[u8]) -> Option<(String, String)> {
    const DEVICE: u16 = 2;
    const RUNNING: u16 = 101;
    const NAME: u16 = 103;
    const VALUE: u16 = 104;
    let device = netlink::text(attribute(list, DEVICE)?)?;
    let versions = attributes(list).filter(|(kind, _)| *kind == RUNNING).filter_map(|(_, version)| {
        Some((netlink::text(attribute(version, NAME)?)?, netlink::text(attribute(version, VALUE)?)?))
    });
    let of_firmware = versions.filter(|(name, _)| name == "fw" || name.starts_with("fw."));
    let (_, version) = of_firmware.min_by_key(|(name, _)| match name.as_str() { "fw" => 0, "fw.version" => 1, "fw.mgmt" => 2, _ => 3 })?;
    Some((device, version))
}

/// One list of attributes as the answer of each family.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn fuzz(bytes: &[u8]) -> usize {
    usize::from(family(bytes).is_some()) + usize::from(mode(bytes).is_some()) + usize::from(running_firmware(bytes).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink::attribute_bytes;
    use proptest::prelude::*;

    #[test]
    fn speed_and_duplex_are_read() {
        let header = attribute_bytes(1, &attribute_bytes(1, &4_u32.to_ne_bytes()));
        let list = |speed: u32, duplex: u8| [header.clone(), attribute_bytes(5, &speed.to_ne_bytes()), attribute_bytes(6, &[duplex])].concat();
        assert_eq!(mode(&list(10_000, 1)), Some((4, Mode { speed_mbps: Some(10_000), duplex: Some("full".to_owned()) })));
        assert_eq!(mode(&list(u32::MAX, 255)), Some((4, Mode::default())));
    }

    #[test]
    fn the_running_firmware_is_told_from_stored_and_parts() {
        let version = |kind: u16, name: &str, value: &str| attribute_bytes(kind, &[attribute_bytes(103, name.as_bytes()), attribute_bytes(104, value.as_bytes())].concat());
        let device = attribute_bytes(2, b"0000:3b:00.0\0");
        let list = [device, version(101, "fw.undi", "1"), version(102, "fw", "9"), version(101, "fw.mgmt", "7.2"), version(101, "asic.id", "5")].concat();
        assert_eq!(running_firmware(&list), Some(("0000:3b:00.0".to_owned(), "7.2".to_owned())));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (mode(&bytes), running_firmware(&bytes), family(&bytes));
        }
    }
}
