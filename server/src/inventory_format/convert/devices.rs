//! What is plugged into a machine: PCI and USB devices, graphics, monitors, batteries, power supplies.

use super::{Ordinals, Reading, Table, needed};
use crate::inventory_format::document::Row;
use crate::inventory_format::units;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_shared::Section;
use rollcall_shared::section::{Battery, Gpu, Monitor, PciDevice, PowerSupply, UsbDevice};

/// Class codes of the USB Implementers Forum.
pub const USB_CLASSES: [(u8, &str); 21] = [
    (1, "audio"),
    (2, "communications"),
    (3, "hid"),
    (5, "physical"),
    (6, "image"),
    (7, "printer"),
    (8, "mass_storage"),
    (9, "hub"),
    (10, "cdc_data"),
    (11, "smart_card"),
    (13, "content_security"),
    (14, "video"),
    (15, "personal_healthcare"),
    (16, "audio_video"),
    (17, "billboard"),
    (18, "type_c_bridge"),
    (220, "diagnostic"),
    (224, "wireless_controller"),
    (239, "miscellaneous"),
    (254, "application_specific"),
    (255, "vendor_specific"),
];

/// Vendor of the kernel's own root hubs.
const LINUX_FOUNDATION: &str = "1d6b";

pub(super) fn read(reading: &mut Reading<'_>) {
    if let Some(rows) = reading.rows("controllers") {
        let table = Table::of(rows, pci_device);
        reading.put(table, Section::PciDevices);
    }
    if let Some(rows) = reading.rows("usbdevices") {
        let mut places = Ordinals::default();
        let table = Table::of(rows, |row| usb_device(row, &mut places));
        reading.put(table, Section::UsbDevices);
    }
    if let Some(rows) = reading.rows("videos") {
        let mut places = Ordinals::default();
        let table = Table::of(rows, |row| gpu(row, &mut places));
        reading.put(table, Section::Gpus);
    }
    if let Some(rows) = reading.rows("monitors") {
        let mut places = Ordinals::default();
        let table = Table::of(rows, |row| monitor(row, &mut places));
        reading.put(table, Section::Monitors);
    }
    if let Some(rows) = reading.rows("batteries") {
        let mut places = Ordinals::default();
        let table = Table::of(rows, |row| Ok(Some(battery(row, &mut places))));
        reading.put(table, Section::Batteries);
    }
    if let Some(rows) = reading.rows("powersupplies") {
        let mut places = Ordinals::default();
        let table = Table::of(rows, |row| Ok(Some(power_supply(row, &mut places))));
        reading.put(table, Section::PowerSupplies);
    }
}

/// With the domain, which the format leaves out where it is the first.
fn pci_address(slot: &str) -> String {
    if slot.split(':').count() == 2 { format!("0000:{slot}") } else { slot.to_owned() }
}

fn pci_device(row: &Row) -> super::Read<PciDevice> {
    let slot = needed(row.text("pcislot"), "a controller without a PCI address")?;
    let pair = |field: &str| row.text(field).and_then(|text| text.split_once(':').map(|(a, b)| (a.to_lowercase(), b.to_lowercase())));
    let ids = pair("pciid");
    let subsystem = pair("pcisubsystemid");
    // The oldest form writes `Host bridge [0600]` and `rev 01`.
    let bracketed = row
        .text("name")
        .and_then(|name| Some(name.strip_suffix(']')?.rsplit_once(" [")?).map(|(name, class)| (name.to_owned(), class.to_owned())));
    let is_oldest = ids.is_some() && bracketed.is_some();
    let revision = row.text("rev").or_else(|| row.text("type")?.strip_prefix("rev ").map(str::to_owned));
    let class_name = bracketed.as_ref().filter(|_| is_oldest).map(|(name, _)| name.clone()).or_else(|| row.text("type"));
    Ok(Some(PciDevice {
        address: pci_address(&slot),
        class: row.text("pciclass").or_else(|| bracketed.filter(|_| is_oldest).map(|(_, class)| class)),
        class_name,
        vendor_id: row.text("vendorid").map(|id| id.to_lowercase()).or_else(|| ids.as_ref().map(|(vendor, _)| vendor.clone())),
        device_id: row.text("productid").map(|id| id.to_lowercase()).or_else(|| ids.map(|(_, device)| device)),
        // There, vendor and product are one text.
        vendor: row.text("manufacturer").filter(|_| !is_oldest),
        product: if is_oldest { row.text("manufacturer") } else { row.text_of(&["caption", "name"]) },
        subsystem_vendor_id: subsystem.as_ref().map(|(vendor, _)| vendor.clone()),
        subsystem_device_id: subsystem.map(|(_, device)| device),
        revision,
        driver: row.text("driver"),
    }))
}

fn usb_device(row: &Row, places: &mut Ordinals) -> super::Read<UsbDevice> {
    let (vendor_id, product_id) = (row.text("vendorid"), row.text("productid"));
    let (Some(vendor), Some(product)) = (&vendor_id, &product_id) else { return Err("a USB device without vendor and product id") };
    let class: Option<u8> = row.number("class");
    if vendor == LINUX_FOUNDATION && class == Some(9) {
        return Ok(None);
    }
    Ok(Some(UsbDevice {
        path: places.name(format!("{vendor}:{product}").to_lowercase()),
        vendor: row.text("manufacturer"),
        product: row.text_of(&["caption", "name"]),
        serial: row.text("serial"),
        class: class.and_then(|class| USB_CLASSES.iter().find(|(code, _)| *code == class)).map(|(_, word)| (*word).to_owned()),
        vendor_id: vendor_id.map(|id| id.to_lowercase()),
        product_id: product_id.map(|id| id.to_lowercase()),
        ..UsbDevice::default()
    }))
}

fn gpu(row: &Row, places: &mut Ordinals) -> super::Read<Gpu> {
    let model = row.text_of(&["name", "chipset"]);
    let address = row.text("pcislot").map(|slot| pci_address(&slot)).or_else(|| model.clone());
    let address = needed(address, "a graphics processor without address and name")?;
    let memory_bytes = row.number("memory").and_then(units::mebibytes);
    Ok(Some(Gpu { address: places.name(address), model, memory_bytes, ..Gpu::default() }))
}

fn monitor(row: &Row, places: &mut Ordinals) -> super::Read<Monitor> {
    let edid = row.text("base64").and_then(|text| STANDARD.decode(text.replace(' ', "")).ok());
    let edid = edid.filter(|bytes| bytes.len() >= 128 && bytes.starts_with(b"\x00\xff\xff\xff\xff\xff\xff\x00"));
    let maker = row.text("manufacturer");
    let is_code = |text: &String| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let (made_week, made_year) = row.text("description").as_deref().and_then(made).unwrap_or_default();
    Ok(Some(Monitor {
        connector: row.text("port").unwrap_or_else(|| places.name("monitor".into())),
        manufacturer: maker.clone().filter(is_code).or_else(|| edid.as_deref().and_then(maker_code)),
        manufacturer_name: maker.filter(|text| !is_code(text)),
        model: row.text_of(&["caption", "name"]),
        product_code: edid.as_deref().map(|bytes| format!("{:02x}{:02x}", bytes[11], bytes[10])),
        serial: row.text("serial"),
        made_week,
        made_year,
        ..Monitor::default()
    }))
}

/// `32/2015`: week and year. A week of 0 is not given.
fn made(text: &str) -> Option<(Option<u8>, Option<u16>)> {
    let (week, year) = text.split_once('/')?;
    let week = week.parse().ok().filter(|week| (1..=54).contains(week));
    Some((week, year.parse().ok().filter(|year| (1990..=2245).contains(year))))
}

/// Three letters of five bits each (VESA E-EDID 1.4, 3.4.1).
fn maker_code(edid: &[u8]) -> Option<String> {
    let packed = u16::from_be_bytes([edid[8], edid[9]]);
    let letter = |shift: u16| char::from_u32(u32::from(packed >> shift & 31) + 64).filter(char::is_ascii_uppercase);
    [10, 5, 0].into_iter().map(letter).collect()
}

fn battery(row: &Row, places: &mut Ordinals) -> Battery {
    Battery {
        name: places.name("battery".into()),
        manufacturer: row.text("manufacturer"),
        model: row.text("name"),
        serial: row.text("serial"),
        technology: row.text("chemistry").map(|word| technology(&word)),
        design_capacity_mwh: row.number("capacity").filter(|&capacity| capacity > 0),
        design_voltage_mv: row.number("voltage").filter(|&voltage| voltage > 0),
    }
}

/// `Li-ION`, `lithium-ion` and `LION` are one chemistry.
pub fn technology(word: &str) -> String {
    match units::snake(word).as_str() {
        "lithium_ion" | "li_ion" | "lion" | "liion" => "li_ion".to_owned(),
        "lithium_polymer" | "li_poly" | "lipo" | "lip" => "li_poly".to_owned(),
        "nickel_metal_hydride" | "nimh" => "nimh".to_owned(),
        "nickel_cadmium" | "nicd" => "nicd".to_owned(),
        other => other.to_owned(),
    }
}

fn power_supply(row: &Row, places: &mut Ordinals) -> PowerSupply {
    PowerSupply {
        location: row.text("location").unwrap_or_else(|| places.name("power_supply".into())),
        name: row.text("name"),
        manufacturer: row.text("manufacturer"),
        part_number: row.text_of(&["partnum", "model"]),
        serial: row.text("serialnumber"),
        max_watts: row.number("power_max").filter(|&watts| watts > 0),
        present: row.flag("plugged"),
        hot_replaceable: row.flag("hotreplaceable"),
        ..PowerSupply::default()
    }
}
