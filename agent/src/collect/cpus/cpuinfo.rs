//! `/proc/cpuinfo`: blocks of `key : value` lines, a block a logical processor, keys by architecture.

use super::super::text::tidy;
use super::arm;

/// What one block says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Processor {
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) family: Option<u32>,
    pub(super) model_number: Option<u32>,
    pub(super) stepping: Option<u32>,
    pub(super) microcode: Option<String>,
    pub(super) package: Option<u32>,
    pub(super) core: Option<u32>,
    /// ARM: implementer and part, tells kinds of cores apart.
    pub(super) part: Option<String>,
    pub(super) flags: Vec<String>,
}

/// Puts lines together to processors.
#[derive(Debug, Default)]
pub(super) struct Reader {
    number: Option<u32>,
    processor: Processor,
    implementer: Option<u32>,
    /// Flags of the processor before: they are the same hundred words thousands of times over.
    flags: (String, Vec<String>),
}

impl Reader {
    /// Takes a line; gives the processor before when a new one begins.
    pub(super) fn line(&mut self, line: &str) -> Option<(u32, Processor)> {
        let (key, value) = line.split_once(':')?;
        let (key, value) = (key.trim_end(), value.trim());
        if key == "processor" {
            let before = self.end();
            self.number = value.parse().ok();
            return before;
        }
        self.field(key, value);
        None
    }

    /// Gives the last processor.
    pub(super) fn end(&mut self) -> Option<(u32, Processor)> {
        self.implementer = None;
        let processor = std::mem::take(&mut self.processor);
        Some((self.number.take()?, processor))
    }

    fn field(&mut self, key: &str, value: &str) {
        if matches!(key, "flags" | "Features" | "features" | "isa") {
            self.processor.flags = self.flags(value);
            return;
        }
        let processor = &mut self.processor;
        match key {
            "vendor_id" | "vendor" | "mvendorid" => processor.manufacturer = tidy(value).map(|vendor| vendor_name(&vendor)),
            "model name" | "cpu" | "cpu model" | "Model Name" | "uarch" => processor.model = tidy(&collapsed(value)),
            "cpu family" => processor.family = value.parse().ok(),
            "model" => processor.model_number = value.parse().ok(),
            "stepping" => processor.stepping = value.parse().ok(),
            "microcode" => processor.microcode = tidy(value),
            "physical id" => processor.package = value.parse().ok(),
            "core id" => processor.core = value.parse().ok(),
            "CPU implementer" => self.implementer = hexadecimal(value),
            "CPU part" => self.arm_part(value),
            "CPU variant" => processor.model_number = hexadecimal(value),
            "CPU revision" => processor.stepping = value.parse().ok(),
            _ => {}
        }
    }

    /// Only the first processor of a socket shows its flags; the others are read for their place, so one copy is enough.
    fn flags(&mut self, value: &str) -> Vec<String> {
        if self.flags.0 != value {
            let mut flags: Vec<String> = value.split_whitespace().filter_map(tidy).collect();
            flags.sort_unstable();
            flags.dedup();
            self.flags = (value.to_owned(), flags);
        }
        self.flags.1.clone()
    }

    fn arm_part(&mut self, value: &str) {
        let Some(implementer) = self.implementer else { return };
        self.processor.manufacturer = arm::implementer(implementer).map(str::to_owned);
        let Some(part) = hexadecimal(value) else { return };
        self.processor.model.get_or_insert_with(|| match arm::part(implementer, part) {
            Some(name) => name.to_owned(),
            None => format!("implementer {implementer:#x} part {part:#x}"),
        });
        self.processor.part = Some(format!("{implementer:#x}/{part:#x}"));
    }
}

fn hexadecimal(value: &str) -> Option<u32> {
    u32::from_str_radix(value.strip_prefix("0x")?, 16).ok()
}

fn collapsed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The word that a person would use for a CPUID vendor string.
fn vendor_name(vendor: &str) -> String {
    match vendor {
        "GenuineIntel" => "Intel",
        "AuthenticAMD" => "AMD",
        "HygonGenuine" => "Hygon",
        "CentaurHauls" => "VIA",
        "  Shanghai  " | "Shanghai" => "Zhaoxin",
        "IBM/S390" => "IBM",
        other => other,
    }
    .to_owned()
}
