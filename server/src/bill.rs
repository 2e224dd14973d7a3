//! Software bills of materials: what is installed on a host or on many, for other people's tools.
//!
//! One model, two writers: CycloneDX 1.6 (ECMA-424) and SPDX 2.3 (ISO/IEC 5962). A bill says what inventories say and nothing more: an
//! unknown value is absent, a licence is quoted as the package states it and never guessed. Two bills of one content are equal but for
//! their time: the serial number follows from the content.

mod cyclonedx;
mod spdx;
#[cfg(test)]
mod tests;

use rollcall_shared::section::Package;
use rollcall_shared::{ContentHash, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A form of bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// CycloneDX 1.6, JSON.
    #[serde(rename = "cyclonedx")]
    CycloneDx,
    /// SPDX 2.3, JSON.
    #[serde(rename = "spdx")]
    Spdx,
}

/// A machine that a bill is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its id here.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its operating system as it calls itself, such as `debian` and `12`.
    pub os: Option<(String, Option<String>)>,
    /// Facts of it: name and value.
    pub facts: Vec<(&'static str, String)>,
}

/// One piece of software.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// Package name.
    pub name: String,
    /// Full version.
    pub version: String,
    /// Package manager.
    pub manager: String,
    /// Package URL with version.
    pub purl: Option<String>,
    /// Maintainer or vendor.
    pub vendor: Option<String>,
    /// Licence as the package states it.
    pub licence: Option<String>,
    /// Facts of it: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// Machines that have it, as positions in the bill's list.
    pub machines: Vec<usize>,
}

/// A bill of materials.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    /// What it is of, in words.
    pub title: String,
    /// Machines that it is about.
    pub machines: Vec<Machine>,
    /// What is installed on them.
    pub components: Vec<Component>,
    /// Why something may be lacking.
    pub gaps: Vec<String>,
    /// When it was written.
    pub at: Timestamp,
    /// Base address of this server: where the namespace of the bill begins.
    pub server: String,
}

impl Component {
    /// A package of the first machine of a bill.
    pub fn of(row: &Package) -> Self {
        let source = row.source.as_ref().map(|source| match &row.source_version {
            Some(version) => format!("{source} {version}"),
            None => source.clone(),
        });
        let facts = [
            ("architecture", row.architecture.clone()),
            ("source", source),
            ("origin", row.origin.clone()),
            ("location", row.location.clone()),
        ];
        Self {
            name: row.name.clone(),
            version: row.version.clone(),
            manager: row.manager.clone(),
            purl: row.purl.clone(),
            vendor: row.vendor.clone(),
            licence: row.licence.clone(),
            facts: facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            machines: vec![0],
        }
    }

    /// Snap and flatpak install programs; others install what programs are made of.
    fn is_program(&self) -> bool {
        matches!(self.manager.as_str(), "snap" | "flatpak")
    }
}

impl Bill {
    /// The bill as a document.
    pub fn write(&self, form: Form) -> Value {
        match form {
            Form::CycloneDx => cyclonedx::write(self),
            Form::Spdx => spdx::write(self),
        }
    }

    /// A name of its own for each component: several instances of one package (kernels side by side, places that differ in nothing that
    /// a package URL tells) are numbered.
    fn references(&self) -> Vec<String> {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let name = |one: &Component| one.purl.clone().unwrap_or_else(|| format!("{}/{}@{}", one.manager, one.name, one.version));
        let numbered = |reference: String| {
            let times = seen.entry(reference.clone()).or_default();
            *times += 1;
            if *times == 1 { reference } else { format!("{reference}#{times}") }
        };
        self.components.iter().map(name).map(numbered).collect()
    }

    /// Follows from the content: version 8 of RFC 9562, where the bits are ours.
    fn uuid(&self) -> String {
        let content = format!("{:?} {:?} {:?}", self.title, self.machines, self.components);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&ContentHash::of(content.as_bytes()).0[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// The package URL of a product in a version, from the key that it has in the index.
pub fn purl_of(key: &str, version: &str) -> Option<String> {
    if !key.starts_with("pkg:") {
        return None;
    }
    let mut purl = format!("{key}@");
    for byte in version.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            purl.push(char::from(byte));
        } else {
            purl.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(purl)
}

/// Unknown is absent in both formats, never null.
fn without_nothing(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
