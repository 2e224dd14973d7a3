//! Devices, as the format has them.

use super::{Fields, mebibytes};
use crate::inventory_format::convert::USB_CLASSES;
use crate::inventory_format::units;
use rollcall_shared::section::{Battery, Firmware, Gpu, Monitor, PciDevice, PowerSupply, UsbDevice};

pub fn firmware(row: &Firmware) -> Fields {
    Fields::default()
        .text("date", row.date.as_deref().and_then(units::iso_date))
        .text("manufacturer", row.vendor.clone())
        .text("name", Some(row.component.clone()))
        .text("type", Some(row.component.clone()))
        .text("version", row.version.clone())
}

pub fn controller(row: &PciDevice) -> Fields {
    let subsystem = row.subsystem_vendor_id.as_ref().zip(row.subsystem_device_id.as_ref());
    Fields::default()
        .text("caption", row.product.clone())
        .text("driver", row.driver.clone())
        .text("manufacturer", row.vendor.clone())
        .text("name", row.product.clone())
        .text("pciclass", row.class.clone())
        .text("pcislot", Some(row.address.strip_prefix("0000:").unwrap_or(&row.address)))
        .text("pcisubsystemid", subsystem.map(|(vendor, device)| format!("{vendor}:{device}")))
        .text("productid", row.device_id.clone())
        .text("rev", row.revision.clone())
        .text("type", row.class_name.clone())
        .text("vendorid", row.vendor_id.clone())
}

pub fn usb_device(row: &UsbDevice) -> Fields {
    let class = row.class.as_ref().and_then(|word| USB_CLASSES.iter().find(|(_, known)| known == word));
    Fields::default()
        .text("caption", row.product.clone())
        .text("class", class.map(|(code, _)| code.to_string()))
        .text("manufacturer", row.vendor.clone())
        .text("productid", row.product_id.clone())
        .text("serial", row.serial.clone())
        .text("vendorid", row.vendor_id.clone())
}

pub fn video(row: &Gpu) -> Fields {
    let is_address = row.address.contains(':');
    Fields::default()
        .text("chipset", row.vendor.clone())
        .number("memory", mebibytes(row.memory_bytes))
        .text("name", row.model.clone())
        .text("pcislot", is_address.then(|| row.address.strip_prefix("0000:").unwrap_or(&row.address)))
}

pub fn monitor(row: &Monitor) -> Fields {
    let made = row.made_year.map(|year| match row.made_week {
        Some(week) => format!("{week}/{year}"),
        None => year.to_string(),
    });
    Fields::default()
        .text("caption", row.model.clone())
        .text("description", made)
        .text("manufacturer", row.manufacturer_name.clone().or_else(|| row.manufacturer.clone()))
        .text("port", Some(row.connector.clone()).filter(|connector| !connector.starts_with("monitor")))
        .text("serial", row.serial.clone())
}

pub fn battery(row: &Battery) -> Fields {
    Fields::default()
        .number("capacity", row.design_capacity_mwh)
        .text("chemistry", row.technology.clone())
        .text("manufacturer", row.manufacturer.clone())
        .text("name", row.model.clone())
        .text("serial", row.serial.clone())
        .number("voltage", row.design_voltage_mv)
}

pub fn power_supply(row: &PowerSupply) -> Fields {
    Fields::default()
        .flag("hotreplaceable", row.hot_replaceable)
        .text("location", Some(row.location.clone()))
        .text("manufacturer", row.manufacturer.clone())
        .text("name", row.name.clone())
        .text("partnum", row.part_number.clone())
        .flag("plugged", row.present)
        .number("power_max", row.max_watts)
        .text("serialnumber", row.serial.clone())
}
