//! USB devices: `/sys/bus/usb/devices`, names from the device, else from the host's `usb.ids`.

use super::{Failure, Scope};
use rollcall_shared::section::UsbDevice;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<UsbDevice>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
