//! npm: the `package.json` of a package in a `node_modules`.

use super::super::super::text::tidy;
use super::super::super::{Failure, Scope};
use super::super::purl::Purl;
use super::{Result, package};
use rollcall_shared::section::Package;
use serde::Deserialize;
use serde_json::Value;

/// Bytes of one `package.json`; the largest have some 100 KiB.
const MANIFEST_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    name: Option<Value>,
    #[serde(default)]
    version: Option<Value>,
    #[serde(default)]
    license: Option<Value>,
}

pub(super) fn read(scope: &Scope<'_>, path: &str, packages: &mut Vec<Package>) -> Result {
    let Some(bytes) = scope.bytes(path, MANIFEST_BYTES)? else { return Ok(()) };
    let parsed = parse(&bytes, path.trim_end_matches("/package.json"));
    packages.extend(parsed.map_err(|error| Failure::malformed(path, error.line(), error.to_string()))?);
    Ok(())
}

/// What has no name and version is no package, but one of the markers that tell Node how to load files.
fn parse(bytes: &[u8], location: &str) -> std::result::Result<Option<Package>, serde_json::Error> {
    let manifest: Manifest = serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))?;
    let text = |value: &Option<Value>| tidy(value.as_ref()?.as_str()?);
    let (Some(name), Some(version)) = (text(&manifest.name), text(&manifest.version)) else { return Ok(None) };
    let (scope, plain) = match name.split_once('/') {
        Some((scope, plain)) if scope.starts_with('@') => (Some(scope), plain),
        _ => (None, name.as_str()),
    };
    let purl = Purl::new("npm", plain, &version).namespace(scope).text();
    // Before licences were one text they were an object, or a list of them.
    let licence = text(&manifest.license).or_else(|| tidy(manifest.license.as_ref()?.get("type")?.as_str()?));
    Ok(Some(Package { licence, ..package("npm", name, version, location, purl) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_scoped_package_has_a_namespace() {
        let text = br#"{"name":"@Angular/core","version":"17.0.1","license":{"type":"MIT"},"dependencies":{}}"#;
        let package = parse(text, "/srv/x/node_modules/@angular/core").expect("JSON").expect("a package");
        assert_eq!((package.name.as_str(), package.purl.as_deref()), ("@Angular/core", Some("pkg:npm/%40angular/core@17.0.1")));
        assert_eq!(package.licence.as_deref(), Some("MIT"));
    }

    #[test]
    fn a_marker_is_no_package_and_nonsense_an_error() {
        assert_eq!(parse(br#"{"type":"module"}"#, "/x").expect("JSON"), None);
        assert_eq!(parse(br#"{"name":3,"version":[]}"#, "/x").expect("JSON"), None);
        assert!(parse(b"{", "/x").is_err());
    }

    proptest! {
        #[test]
        fn no_manifest_panics(name in "\\PC{0,12}", version in "\\PC{0,8}") {
            let text = serde_json::json!({"name": name, "version": version}).to_string();
            let _ = parse(text.as_bytes(), "/x");
        }
    }
}
