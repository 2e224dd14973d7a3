//! The id databases of PCI and USB: one pass over the file that keeps what is asked for only.
//!
//! Lines are `vvvv  vendor`, below it `<tab>dddd  device`, and `C cc  class` with `<tab>ss  subclass`; everything deeper, and every
//! other list in the file, is passed over.

use super::super::Scope;
use super::super::text::tidy;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that are read; the PCI database, the larger one, has 1.4 MB.
const FILE_BYTES: usize = 16 << 20;

/// Which names are asked for.
#[derive(Debug, Default)]
pub(in super::super) struct Wanted {
    devices: BTreeSet<(u16, u16)>,
    vendors: BTreeSet<u16>,
    /// Class in the upper, subclass in the lower byte.
    classes: BTreeSet<u16>,
}

impl Wanted {
    /// One device, as far as its numbers are known.
    pub(in super::super) fn add(&mut self, vendor: Option<u16>, device: Option<u16>, class: Option<u16>) {
        self.vendors.extend(vendor);
        self.devices.extend(vendor.zip(device));
        self.classes.extend(class);
    }

    fn has_class(&self, class: u16) -> bool {
        self.classes.range(class << 8..=class << 8 | 0xff).next().is_some()
    }
}

/// The names that were found.
#[derive(Debug, Default)]
pub(in super::super) struct Names {
    vendors: BTreeMap<u16, String>,
    devices: BTreeMap<(u16, u16), String>,
    classes: BTreeMap<u16, String>,
    subclasses: BTreeMap<u16, String>,
    within: Option<Within>,
}

/// Below which line the reading stands.
#[derive(Clone, Copy, Debug)]
enum Within {
    Vendor(u16),
    Class(u16),
}

impl Names {
    /// Reads the first of these files that exists; none of them existing is no problem.
    pub(in super::super) fn read(scope: &Scope<'_>, files: &[&str], wanted: &Wanted) -> Self {
        let mut names = Self::default();
        if wanted.vendors.is_empty() && wanted.classes.is_empty() {
            return names;
        }
        for file in files {
            let mut bytes = 0;
            let take = |_: usize, line: &str| {
                names.line(line, wanted);
                bytes += line.len() + 1;
                Ok(bytes < FILE_BYTES)
            };
            match scope.lines(file, take) {
                Ok(true) => {
                    if bytes >= FILE_BYTES {
                        scope.problem(format_args!("{file}: larger than {FILE_BYTES} bytes, the rest was left out"));
                    }
                    break;
                }
                Ok(false) => {}
                Err(error) => scope.problem(error),
            }
        }
        names
    }

    pub(in super::super) fn vendor(&self, vendor: u16) -> Option<String> {
        self.vendors.get(&vendor).cloned()
    }

    pub(in super::super) fn product(&self, vendor: u16, device: u16) -> Option<String> {
        self.devices.get(&(vendor, device)).cloned()
    }

    /// The subclass says more than the class.
    pub(in super::super) fn class(&self, class: u16) -> Option<String> {
        self.subclasses.get(&class).or_else(|| self.classes.get(&(class >> 8))).cloned()
    }

    fn line(&mut self, line: &str, wanted: &Wanted) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let Some(inner) = line.strip_prefix('\t') else {
            self.within = self.heading(line, wanted);
            return;
        };
        // Nearly all lines stand below a vendor that this machine has nothing of.
        let Some(within) = self.within else { return };
        let Some((id, name)) = entry(inner) else { return };
        match within {
            Within::Vendor(vendor) if id.len() == 4 => {
                let device = u16::from_str_radix(id, 16).ok().filter(|&device| wanted.devices.contains(&(vendor, device)));
                self.devices.extend(device.and_then(|device| Some(((vendor, device), tidy(name)?))));
            }
            Within::Class(class) if id.len() == 2 => {
                let subclass = u16::from_str_radix(id, 16).ok().map(|subclass| class << 8 | subclass);
                self.subclasses.extend(subclass.filter(|subclass| wanted.classes.contains(subclass)).and_then(|code| Some((code, tidy(name)?))));
            }
            _ => {}
        }
    }

    /// What a line at the margin opens, when anything below it is asked for.
    fn heading(&mut self, line: &str, wanted: &Wanted) -> Option<Within> {
        let of_class = line.strip_prefix("C ");
        let (id, name) = entry(of_class.unwrap_or(line))?;
        let number = u16::from_str_radix(id, 16).ok()?;
        match (of_class, id.len()) {
            (Some(_), 2) if wanted.has_class(number) => {
                self.classes.insert(number, tidy(name)?);
                Some(Within::Class(number))
            }
            (None, 4) if wanted.vendors.contains(&number) => {
                self.vendors.insert(number, tidy(name)?);
                Some(Within::Vendor(number))
            }
            _ => None,
        }
    }
}

fn entry(text: &str) -> Option<(&str, &str)> {
    text.split_once("  ").filter(|(id, _)| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted() -> Wanted {
        let mut wanted = Wanted::default();
        wanted.add(Some(0x8086), Some(0x1e03), Some(0x0106));
        wanted.add(Some(0x1af4), Some(0xffff), Some(0x01ff));
        wanted
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let mut names = Names::default();
        let text = "# comment\n0001  Other\n\t1e03  Not this\n1af4  Red Hat, Inc.\n\t1000  Virtio\n8086  Intel\n\t1e03  SATA\n\t\t17aa 21fa  Sub\nC 01  Storage\n\t06  SATA controller\n\t\t01  AHCI\nC 02  Network\n\t00  Ethernet\nHID 21  x\n\t06  Wrong";
        for line in text.lines() {
            names.line(line, &wanted());
        }
        assert_eq!(names.vendor(0x1af4).as_deref(), Some("Red Hat, Inc."));
        assert_eq!((names.product(0x8086, 0x1e03).as_deref(), names.product(0x1af4, 0xffff)), (Some("SATA"), None));
        assert_eq!((names.class(0x0106).as_deref(), names.class(0x01ff).as_deref()), (Some("SATA controller"), Some("Storage")));
        assert_eq!((names.vendors.len(), names.devices.len(), names.classes.len(), names.subclasses.len()), (2, 1, 1, 1));
    }

    proptest! {
        #[test]
        fn no_file_panics(lines in proptest::collection::vec("(C |\t|\t\t)?[0-9a-f]{0,5} {0,3}.{0,6}", 0..12)) {
            let mut names = Names::default();
            for line in &lines {
                names.line(line, &wanted());
            }
        }
    }
}
