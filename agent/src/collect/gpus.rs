//! Graphics processors: PCI devices of class 03, with what their drivers tell of them, and platform devices on ARM boards.

use super::pci_devices;
use super::text::tidy;
use super::{Failure, Scope, virtualisation};
use rollcall_shared::section::{Gpu, PciDevice};

/// Cards in `/sys/class/drm` looked at; the kernel has 64 minor numbers for them.
const CARDS: usize = 64;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Gpu>, Failure> {
    virtualisation::outside_containers(scope, "graphics processors")?;
    let platform = platform(scope);
    let mut devices = match pci_devices::unnamed(scope, |class| class.starts_with("03")) {
        // ARM boards have graphics without a PCI bus.
        Err(Failure::Skipped(_)) if !platform.is_empty() => Vec::new(),
        devices => devices?,
    };
    pci_devices::name(scope, &mut devices);
    Ok(devices.into_iter().map(|device| of_pci(scope, device)).chain(platform).collect())
}

fn of_pci(scope: &Scope<'_>, device: PciDevice) -> Gpu {
    let folder = format!("/sys/bus/pci/devices/{}", device.address);
    let read = |attribute: &str| scope.attribute(&format!("{folder}/{attribute}"));
    let mut gpu = Gpu {
        vendor: device.vendor,
        model: device.product,
        driver: device.driver,
        address: device.address,
        ..Gpu::default()
    };
    // Attributes that one driver has are asked of it only: each question is a file.
    match gpu.driver.as_deref() {
        Some("amdgpu") => {
            gpu.model = read("product_name").or(gpu.model);
            gpu.memory_bytes = scope.number(&format!("{folder}/mem_info_vram_total"));
            gpu.serial = read("serial_number").or_else(|| read("unique_id"));
            gpu.firmware = read("vbios_version");
        }
        Some("nvidia") => {
            let path = format!("/proc/driver/nvidia/gpus/{}/information", gpu.address);
            nvidia(&scope.text_or_problem(&path).unwrap_or_default(), &mut gpu);
        }
        _ => {}
    }
    gpu
}

/// `Key: <blanks> value` lines of NVIDIA's driver; question marks stand for what it has not asked the card yet.
fn nvidia(text: &str, gpu: &mut Gpu) {
    let said = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        tidy(value).filter(|value| !value.contains('?'))
    };
    gpu.model = said("Model").or(gpu.model.take());
    gpu.serial = said("GPU UUID");
    gpu.firmware = said("Video BIOS");
}

/// Graphics that hang on no bus: named by their device tree entry.
fn platform(scope: &Scope<'_>) -> Vec<Gpu> {
    const FOLDER: &str = "/sys/class/drm";
    let is_card = |name: &String| name.strip_prefix("card").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let cards = scope.root().list(FOLDER).ok().flatten().unwrap_or_default();
    cards.into_iter().filter(is_card).take(CARDS).filter_map(|card| of_platform(scope, &format!("{FOLDER}/{card}"))).collect()
}

fn of_platform(scope: &Scope<'_>, folder: &str) -> Option<Gpu> {
    let path = scope.root().link(folder)?;
    if !path.contains("/platform/") || path.contains("/pci") {
        return None;
    }
    let address = path.strip_suffix(folder.rsplit_once('/')?.1)?.strip_suffix("/drm/")?.rsplit('/').next().and_then(tidy)?;
    let summary = scope.text_or_problem(&format!("{folder}/device/uevent"))?;
    let said = |key: &str| summary.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).and_then(tidy);
    let driver = said("DRIVER");
    // Frame buffers that firmware left, and displays without hardware.
    if driver.as_deref().is_some_and(|driver| ["simple-framebuffer", "efi-framebuffer", "vkms", "vgem"].contains(&driver)) {
        return None;
    }
    let compatible = said("OF_COMPATIBLE_0")?;
    let (vendor, model) = compatible.split_once(',').unwrap_or(("", &compatible));
    Some(Gpu { address, vendor: tidy(vendor), model: tidy(model), driver, ..Gpu::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    const TREE: &str = "=== /sys/bus/pci/devices/0000:03:00.0/uevent
DRIVER=amdgpu
PCI_CLASS=30000
PCI_ID=1002:73BF
=== /sys/bus/pci/devices/0000:03:00.0/mem_info_vram_total
17163091968
=== /sys/bus/pci/devices/0000:03:00.0/unique_id
a1b2c3d4e5f60718
=== /sys/bus/pci/devices/0000:03:00.0/vbios_version
113-D4120500-101
=== /sys/bus/pci/devices/0000:41:00.0/uevent
DRIVER=nvidia
PCI_CLASS=30200
PCI_ID=10DE:20B0
=== /proc/driver/nvidia/gpus/0000:41:00.0/information
Model: \t\t NVIDIA A100-SXM4-40GB
IRQ:   \t\t 0
GPU UUID: \t GPU-5a6b7c8d-0000-1111-2222-333344445555
Video BIOS: \t ??.??.??.??.??
Bus Location: \t 0000:41:00.0
=== /sys/bus/pci/devices/0000:00:1f.2/uevent
PCI_CLASS=10601
PCI_ID=8086:1E03
=== /sys/class/drm/card1 -> ../../devices/platform/soc/fec00000.v3d/drm/card1
=== /sys/devices/platform/soc/fec00000.v3d/drm/card1/device/uevent
DRIVER=v3d
OF_COMPATIBLE_0=brcm,2711-v3d";

    #[test]
    fn drivers_tell_memory_serial_and_firmware() {
        let directory = plant(TREE);
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let rows = collect(&scope).expect("collected");
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            Gpu {
                address: "0000:03:00.0".to_owned(),
                driver: text("amdgpu"),
                memory_bytes: Some(17_163_091_968),
                serial: text("a1b2c3d4e5f60718"),
                firmware: text("113-D4120500-101"),
                ..Gpu::default()
            },
            Gpu {
                address: "0000:41:00.0".to_owned(),
                driver: text("nvidia"),
                model: text("NVIDIA A100-SXM4-40GB"),
                serial: text("GPU-5a6b7c8d-0000-1111-2222-333344445555"),
                ..Gpu::default()
            },
            Gpu { address: "fec00000.v3d".to_owned(), vendor: text("brcm"), model: text("2711-v3d"), driver: text("v3d"), ..Gpu::default() },
        ];
        assert_eq!(rows, expected);
        assert_eq!(scope.problems(), None);
    }

    proptest! {
        #[test]
        fn no_information_panics(text in "((Model|GPU UUID|Video BIOS)?:?[ \t]*[?a-z]{0,6}\n?){0,6}") {
            nvidia(&text, &mut Gpu::default());
        }
    }
}
