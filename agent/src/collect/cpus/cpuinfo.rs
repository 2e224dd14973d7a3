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
    /// A number, or ARM's variant and revision such as `r1p2`.
    pub(super) stepping: Option<String>,
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
    variant: Option<u32>,
    /// What stands before the first processor holds for all of them (s390x).
    common: Processor,
    /// Flags of the processor before: they are the same hundred words thousands of times over.
    flags: (String, Vec<String>),
}

impl Reader {
    /// Takes a line; gives the processor before when a new one begins.
    pub(super) fn line(&mut self, line: &str) -> Option<(u32, Processor)> {
        let (key, value) = line.split_once(':')?;
        let (key, value) = (key.trim_end(), value.trim());
        let Some(number) = processor_number(key, value) else {
            self.field(key, value);
            return None;
        };
        let before = self.end();
        self.number = number;
        // s390x puts the rest on the same line: `processor 0: version = 00, identification = 0A1B2C, machine = 8561`.
        if let Some(machine) = value.split(',').find_map(|part| part.trim().strip_prefix("machine = ")) {
            self.processor.model = tidy(machine);
        }
        before
    }

    /// Gives the last processor.
    pub(super) fn end(&mut self) -> Option<(u32, Processor)> {
        (self.implementer, self.variant) = (None, None);
        let Some(number) = self.number.take() else {
            self.common = std::mem::take(&mut self.processor);
            self.processor = self.common.clone();
            return None;
        };
        Some((number, std::mem::replace(&mut self.processor, self.common.clone())))
    }

    fn field(&mut self, key: &str, value: &str) {
        if matches!(key, "flags" | "Features" | "features" | "isa") {
            self.processor.flags = self.flags(value);
            return;
        }
        let processor = &mut self.processor;
        match key {
            "vendor_id" | "vendor" | "CPU Vendor" | "mvendorid" => processor.manufacturer = tidy(value).map(|vendor| vendor_name(&vendor)),
            "model name" | "cpu" | "cpu model" | "Model Name" | "uarch" => processor.model = tidy(&collapsed(value)),
            "cpu family" => processor.family = value.parse().ok(),
            "model" => processor.model_number = value.parse().ok(),
            "stepping" => processor.stepping = tidy(value),
            "microcode" => processor.microcode = tidy(value),
            "physical id" => processor.package = value.parse().ok(),
            "core id" => processor.core = value.parse().ok(),
            "CPU implementer" => self.implementer = hexadecimal(value),
            "CPU part" => self.arm_part(value),
            "CPU variant" => self.variant = hexadecimal(value),
            "CPU revision" => {
                processor.model_number = value.parse().ok();
                processor.stepping = self.variant.zip(processor.model_number).map(|(variant, revision)| format!("r{variant}p{revision}"));
            }
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
        match arm::part(implementer, part) {
            // 32-bit kernels have a model name too, which names the architecture only.
            Some(name) => self.processor.model = Some(name.to_owned()),
            None => drop(self.processor.model.get_or_insert_with(|| format!("implementer {implementer:#x} part {part:#x}"))),
        }
        self.processor.part = Some(format!("{implementer:#x}/{part:#x}"));
    }
}

/// Whether a line begins a processor, and its number where that can be read.
fn processor_number(key: &str, value: &str) -> Option<Option<u32>> {
    match key.strip_prefix("processor")? {
        "" => Some(value.parse().ok()),
        number => Some(Some(number.strip_prefix(' ')?.parse().ok()?)),
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
