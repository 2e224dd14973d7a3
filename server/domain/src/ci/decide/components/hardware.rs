//! Components as the sections on hardware tell them: which number identifies each, and what is said of it.

use super::super::attributes::{integer, plain, words};
use super::{COMPONENTS_PER_HOST, Component, Parts, name};
use crate::ci::normalise::{self, Mac, folded, label};
use crate::ci::{AttributeValue, Class};
use rollcall_shared::Section;
use rollcall_shared::section::{Battery, Disk, Gpu, MemoryModule, Monitor, NetworkInterface, PowerSupply};
use std::collections::BTreeSet;

/// What makers of monitors write in place of a serial number: 0x01010101 in decimal.
const MONITOR_PLACEHOLDER: &str = "16843009";

/// The components in a section.
pub(super) fn components(parts: &Parts<'_>, section: &Section) -> Vec<Component> {
    let mut seen = BTreeSet::new();
    match section {
        Section::Disks(rows) => rows.iter().take(COMPONENTS_PER_HOST).map(|row| parts.disk(row)).collect(),
        Section::MemoryModules(rows) => {
            rows.iter().take(COMPONENTS_PER_HOST).filter_map(|row| parts.memory_module(row, &mut seen)).collect()
        }
        Section::NetworkInterfaces(rows) => rows.iter().filter_map(|row| parts.adapter(row)).take(COMPONENTS_PER_HOST).collect(),
        Section::Gpus(rows) => rows.iter().take(COMPONENTS_PER_HOST).map(|row| parts.gpu(row, &mut seen)).collect(),
        Section::Monitors(rows) => rows.iter().take(COMPONENTS_PER_HOST).map(|row| parts.monitor(row, &mut seen)).collect(),
        Section::Batteries(rows) => rows.iter().take(COMPONENTS_PER_HOST).map(|row| parts.battery(row, &mut seen)).collect(),
        Section::PowerSupplies(rows) => {
            rows.iter().take(COMPONENTS_PER_HOST).filter_map(|row| parts.power_supply(row, &mut seen)).collect()
        }
        _ => Vec::new(),
    }
}

impl Parts<'_> {
    /// A serial number, unless an administrator knows it to be shared.
    fn serial(&self, raw: &str, manufacturer: Option<&str>) -> Option<String> {
        normalise::serial(raw, manufacturer).filter(|serial| !self.cmdb.policy.identification.lists_serial(&folded(serial)))
    }

    /// The key of a part: its maker's number, when it has one that no other part of this host has, else its place.
    fn numbered(&self, number: Option<String>, place: &str, seen: &mut BTreeSet<String>) -> String {
        let number = number.filter(|_| self.physical).map(|number| folded(&number));
        number.filter(|key| seen.insert(key.clone())).unwrap_or_else(|| self.place(place))
    }

    fn disk(&self, row: &Disk) -> Component {
        let model = row.model.as_deref().and_then(label);
        let maker = row.vendor.as_deref().and_then(label).or_else(|| model.clone());
        let serial = row.serial.as_deref().and_then(|raw| self.serial(raw, maker.as_deref()));
        let wwn = row.wwn.as_deref().and_then(|raw| normalise::serial(raw, None));
        let by_number = wwn.as_ref().or(serial.as_ref()).filter(|_| self.physical);
        let key = by_number.map(|number| folded(number)).unwrap_or_else(|| self.place(&row.name));
        let attributes = vec![
            ("device", plain(&Some(row.name.clone()))),
            ("firmware", plain(&row.firmware)),
            ("interface", plain(&row.interface)),
            ("manufacturer", words(row.vendor.as_deref().and_then(label))),
            ("model", words(model.clone())),
            ("removable", row.removable.map(AttributeValue::Boolean)),
            ("rotational", row.rotational.map(AttributeValue::Boolean)),
            ("serial", words(serial)),
            ("size_bytes", row.size_bytes.map(integer)),
            ("wwn", words(wwn)),
        ];
        Component { class: Class::Disk, key, name: name([model, normalise::text(&row.name)]), attributes }
    }

    /// An empty slot is no module. Firmware that gives two modules one number does not tell them apart: the second is keyed on its slot.
    fn memory_module(&self, row: &MemoryModule, seen: &mut BTreeSet<String>) -> Option<Component> {
        let size = row.size_bytes.filter(|&size| size > 0)?;
        let manufacturer = row.manufacturer.as_deref().and_then(label);
        let part = row.part_number.as_deref().and_then(label);
        let serial = row.serial.as_deref().and_then(|raw| self.serial(raw, part.as_deref().or(manufacturer.as_deref())));
        let number = serial.as_ref().zip(part.as_ref()).map(|(serial, part)| format!("{part}/{serial}"));
        let key = self.numbered(number, &format!("{}/{}", row.bank.as_deref().unwrap_or_default(), row.slot), seen);
        let attributes = vec![
            ("configured_speed_mts", row.configured_speed_mts.map(u64::from).map(integer)),
            ("form_factor", plain(&row.form_factor)),
            ("manufacturer", words(manufacturer)),
            ("memory_type", plain(&row.memory_type)),
            ("model", words(part.clone())),
            ("serial", words(serial)),
            ("size_bytes", Some(integer(size))),
            ("slot", plain(&Some(row.slot.clone()))),
            ("speed_mts", row.speed_mts.map(u64::from).map(integer)),
        ];
        Some(Component { class: Class::MemoryModule, key, name: name([part, normalise::text(&row.slot)]), attributes })
    }

    /// Interfaces without a device of their own (bridges, bonds, tunnels, loopback) are no adapters.
    fn adapter(&self, row: &NetworkInterface) -> Option<Component> {
        let has_device = matches!(row.kind.as_str(), "ethernet" | "wifi" | "infiniband") && row.is_virtual == Some(false);
        if !has_device {
            return None;
        }
        let mac = row.permanent_mac.as_deref().and_then(Mac::parse);
        let mac = mac.filter(|mac| !self.cmdb.policy.identification.lists_mac(&mac.text));
        let numbered = mac.as_ref().filter(|mac| self.physical && !mac.locally_administered);
        let key = numbered.map(|mac| mac.text.clone()).unwrap_or_else(|| self.place(&row.name));
        let attributes = vec![
            ("bus_path", plain(&row.bus_path)),
            ("driver", plain(&row.driver)),
            ("interface", plain(&Some(row.name.clone()))),
            ("kind", plain(&Some(row.kind.clone()))),
            ("mac", words(mac.map(|mac| mac.text))),
            ("speed_mbps", row.speed_mbps.map(u64::from).map(integer)),
        ];
        Some(Component { class: Class::NetworkAdapter, key, name: name([normalise::text(&row.name)]), attributes })
    }

    /// One model of one maker counts its own numbers.
    fn gpu(&self, row: &Gpu, seen: &mut BTreeSet<String>) -> Component {
        let manufacturer = row.vendor.as_deref().and_then(label);
        let model = row.model.as_deref().and_then(label);
        let serial = row.serial.as_deref().and_then(|raw| self.serial(raw, manufacturer.as_deref()));
        let number = serial.as_ref().map(|serial| format!("{}/{serial}", manufacturer.as_deref().unwrap_or_default()));
        let key = self.numbered(number, &row.address, seen);
        let attributes = vec![
            ("address", plain(&Some(row.address.clone()))),
            ("driver", plain(&row.driver)),
            ("firmware", plain(&row.firmware)),
            ("manufacturer", words(manufacturer)),
            ("memory_bytes", row.memory_bytes.map(integer)),
            ("model", words(model.clone())),
            ("serial", words(serial)),
        ];
        Component { class: Class::Gpu, key, name: name([model, normalise::text(&row.address)]), attributes }
    }

    /// A monitor's EDID has maker, product code and serial number; only together do they name one monitor.
    fn monitor(&self, row: &Monitor, seen: &mut BTreeSet<String>) -> Component {
        let maker = row.manufacturer_name.as_deref().or(row.manufacturer.as_deref()).and_then(label);
        let model = row.model.as_deref().and_then(label);
        let serial = row.serial.as_deref().and_then(|raw| self.serial(raw, row.manufacturer.as_deref()));
        let serial = serial.filter(|serial| serial != MONITOR_PLACEHOLDER);
        let number = match (&row.manufacturer, &row.product_code, &serial) {
            (Some(maker), Some(product), Some(serial)) => Some(format!("{maker}/{product}/{serial}")),
            _ => None,
        };
        let key = self.numbered(number, &row.connector, seen);
        let attributes = vec![
            ("connector", plain(&Some(row.connector.clone()))),
            ("height_mm", row.height_mm.map(u64::from).map(integer)),
            ("made_year", row.made_year.map(u64::from).map(integer)),
            ("manufacturer", words(maker)),
            ("model", words(model.clone())),
            ("resolution", plain(&row.resolution)),
            ("serial", words(serial)),
            ("width_mm", row.width_mm.map(u64::from).map(integer)),
        ];
        Component { class: Class::Monitor, key, name: name([model, normalise::text(&row.connector)]), attributes }
    }

    fn battery(&self, row: &Battery, seen: &mut BTreeSet<String>) -> Component {
        let manufacturer = row.manufacturer.as_deref().and_then(label);
        let model = row.model.as_deref().and_then(label);
        let serial = row.serial.as_deref().and_then(|raw| self.serial(raw, manufacturer.as_deref()));
        let number = match (&manufacturer, &model, &serial) {
            (Some(maker), Some(model), Some(serial)) => Some(format!("{maker}/{model}/{serial}")),
            _ => None,
        };
        let key = self.numbered(number, &row.name, seen);
        let attributes = vec![
            ("design_capacity_mwh", row.design_capacity_mwh.map(u64::from).map(integer)),
            ("device", plain(&Some(row.name.clone()))),
            ("manufacturer", words(manufacturer)),
            ("model", words(model.clone())),
            ("serial", words(serial)),
            ("technology", plain(&row.technology)),
        ];
        Component { class: Class::Battery, key, name: name([model, normalise::text(&row.name)]), attributes }
    }

    /// Firmware lists empty bays, and supplies of which it knows nothing: neither is one.
    fn power_supply(&self, row: &PowerSupply, seen: &mut BTreeSet<String>) -> Option<Component> {
        let manufacturer = row.manufacturer.as_deref().and_then(label);
        let part = row.part_number.as_deref().and_then(label);
        let serial = row.serial.as_deref().and_then(|raw| self.serial(raw, manufacturer.as_deref()));
        let is_known = manufacturer.is_some() || part.is_some() || serial.is_some() || row.max_watts.is_some();
        if row.present == Some(false) || !is_known {
            return None;
        }
        let number = serial.as_ref().zip(part.as_ref()).map(|(serial, part)| format!("{part}/{serial}"));
        let key = self.numbered(number, &row.location, seen);
        let attributes = vec![
            ("hot_replaceable", row.hot_replaceable.map(AttributeValue::Boolean)),
            ("location", plain(&Some(row.location.clone()))),
            ("manufacturer", words(manufacturer)),
            ("max_watts", row.max_watts.map(u64::from).map(integer)),
            ("model", words(part.clone())),
            ("serial", words(serial)),
        ];
        let label = row.name.as_deref().and_then(label);
        Some(Component { class: Class::PowerSupply, key, name: name([part, label, normalise::text(&row.location)]), attributes })
    }
}
