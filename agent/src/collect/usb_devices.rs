//! USB devices: sysfs, with names as the devices say them, else from the host's own copy of the USB id database.
//!
//! Root hubs are left out: they are their controllers, which are PCI devices.

use super::pci_devices::ids::{Names, Wanted};
use super::pci_devices::without;
use super::text::tidy;
use super::{Failure, Scope, virtualisation};
use rollcall_shared::section::UsbDevice;

/// Devices looked at; a bus has 127.
const DEVICES: usize = 4096;

/// Interfaces of one device looked at; the standard allows 32.
const INTERFACES: usize = 32;

const FOLDER: &str = "/sys/bus/usb/devices";

/// Where distributions keep the database.
const DATABASES: [&str; 3] = ["/usr/share/hwdata/usb.ids", "/usr/share/misc/usb.ids", "/var/lib/usbutils/usb.ids"];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<UsbDevice>, Failure> {
    virtualisation::outside_containers(scope, "USB devices")?;
    if !scope.root().exists(FOLDER) {
        return without(scope, "/sys/bus", "USB");
    }
    let names = scope.list(FOLDER);
    let (interfaces, devices): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| name.contains(':'));
    let devices = devices.into_iter().filter(|name| !name.starts_with("usb")).take(DEVICES);
    let mut rows: Vec<UsbDevice> = devices.map(|name| device(scope, name, &interfaces)).collect();
    fill_names(scope, &mut rows);
    Ok(rows)
}

fn device(scope: &Scope<'_>, name: &str, interfaces: &[&String]) -> UsbDevice {
    let read = |attribute: &str| scope.attribute(&format!("{FOLDER}/{name}/{attribute}"));
    // Sorted names: the interfaces of a device stand together.
    let first = interfaces.partition_point(|interface| interface.as_str() < name);
    let of_device = |interface: &&&String| interface.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
    let own: Vec<String> = interfaces[first..]
        .iter()
        .skip_while(|interface| !of_device(interface))
        .take_while(of_device)
        .take(INTERFACES)
        .map(|interface| format!("{FOLDER}/{interface}"))
        .collect();
    let mut drivers: Vec<String> = own.iter().filter_map(|folder| driver(scope, folder)).collect();
    drivers.sort_unstable();
    drivers.dedup();
    let of_interface = || own.iter().find_map(|folder| class_name(&scope.attribute(&format!("{folder}/bInterfaceClass"))?));
    // Class 0 leaves it to the interfaces, 0xef says that there are several kinds of them.
    let class = read("bDeviceClass").filter(|class| class != "00" && class != "ef").and_then(|class| class_name(&class)).or_else(of_interface);
    UsbDevice {
        path: name.to_owned(),
        vendor_id: read("idVendor").filter(|id| is_id(id)),
        product_id: read("idProduct").filter(|id| is_id(id)),
        vendor: read("manufacturer"),
        product: read("product"),
        serial: read("serial"),
        class: class.map(str::to_owned),
        speed_mbps: read("speed").and_then(|speed| speed.split('.').next()?.parse().ok()),
        drivers,
    }
}

fn driver(scope: &Scope<'_>, folder: &str) -> Option<String> {
    tidy(scope.root().link(&format!("{folder}/driver"))?.rsplit('/').next()?)
}

fn is_id(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Class codes of the USB Implementers Forum.
fn class_name(code: &str) -> Option<&'static str> {
    Some(match u8::from_str_radix(code, 16).ok()? {
        0x01 => "audio",
        0x02 => "communications",
        0x03 => "hid",
        0x05 => "physical",
        0x06 => "image",
        0x07 => "printer",
        0x08 => "mass_storage",
        0x09 => "hub",
        0x0a => "cdc_data",
        0x0b => "smart_card",
        0x0d => "content_security",
        0x0e => "video",
        0x0f => "personal_healthcare",
        0x10 => "audio_video",
        0x11 => "billboard",
        0x12 => "type_c_bridge",
        0xdc => "diagnostic",
        0xe0 => "wireless_controller",
        0xef => "miscellaneous",
        0xfe => "application_specific",
        0xff => "vendor_specific",
        _ => return None,
    })
}

fn fill_names(scope: &Scope<'_>, rows: &mut [UsbDevice]) {
    let number = |id: &Option<String>| id.as_deref().and_then(|id| u16::from_str_radix(id, 16).ok());
    let mut wanted = Wanted::default();
    for row in rows.iter().filter(|row| row.vendor.is_none() || row.product.is_none()) {
        wanted.add(number(&row.vendor_id), number(&row.product_id), None);
    }
    let names = Names::read(scope, &DATABASES, &wanted);
    for row in rows {
        let (vendor, product) = (number(&row.vendor_id), number(&row.product_id));
        row.vendor = row.vendor.take().or_else(|| names.vendor(vendor?));
        row.product = row.product.take().or_else(|| names.product(vendor?, product?));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    const TREE: &str = "=== /sys/bus/usb/devices/usb1/idVendor
1d6b
=== /sys/bus/usb/devices/1-1/idVendor
046d
=== /sys/bus/usb/devices/1-1/idProduct
c31c
=== /sys/bus/usb/devices/1-1/product
USB Keyboard
=== /sys/bus/usb/devices/1-1/bDeviceClass
00
=== /sys/bus/usb/devices/1-1/speed
1.5
=== /sys/bus/usb/devices/1-1:1.0/bInterfaceClass
03
=== /sys/bus/usb/devices/1-1:1.0/driver -> ../../../../bus/usb/drivers/usbhid
=== /sys/bus/usb/devices/1-1:1.1/driver -> ../../../../bus/usb/drivers/usbhid
=== /sys/bus/usb/devices/1-1.2/idVendor
0781
=== /sys/bus/usb/devices/1-1.2/idProduct
5581
=== /sys/bus/usb/devices/1-1.2/serial
4C530001
=== /sys/bus/usb/devices/1-1.2:1.0/bInterfaceClass
08
=== /sys/bus/usb/devices/1-1.2:1.0/driver -> ../../../../bus/usb/drivers/usb-storage
=== /usr/share/hwdata/usb.ids
046d  Logitech, Inc.
\tc31c  Keyboard K120
0781  SanDisk Corp.
\t5581  Ultra
C 03  Human Interface Device
AT 0100  USB Streaming";

    #[test]
    fn a_device_says_its_name_or_the_database_does() {
        let directory = plant(TREE);
        let root = Root::new(directory.path());
        let rows = collect(&Scope::new(&root)).expect("collected");
        let short: Vec<_> = rows
            .iter()
            .map(|row| (row.path.as_str(), row.vendor.as_deref(), row.product.as_deref(), row.class.as_deref(), row.speed_mbps, row.drivers.join(" ")))
            .collect();
        let expected = [
            ("1-1", Some("Logitech, Inc."), Some("USB Keyboard"), Some("hid"), Some(1), "usbhid".to_owned()),
            ("1-1.2", Some("SanDisk Corp."), Some("Ultra"), Some("mass_storage"), None, "usb-storage".to_owned()),
        ];
        assert_eq!(short, expected);
        assert_eq!(rows[1].serial.as_deref(), Some("4C530001"));
    }

    #[test]
    fn a_machine_without_usb_has_no_devices() {
        let directory = plant("=== /sys/bus/cpu/\n");
        assert_eq!(collect(&Scope::new(&Root::new(directory.path()))).expect("collected"), []);
    }
}
