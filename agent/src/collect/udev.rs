//! The udev database: what udev's rules found out about a block device, in `/run/udev/data/b<major>:<minor>`.

use super::Scope;
use super::text::tidy;

/// Properties (`E:KEY=value`) of one device.
#[derive(Debug, Default)]
pub(crate) struct Properties(String);

impl Properties {
    /// Reads those of a block device; empty when udev does not run.
    pub(crate) fn of_block(scope: &Scope<'_>, device: &str) -> Self {
        Self(scope.text_or_problem(&format!("/run/udev/data/b{device}")).unwrap_or_default())
    }

    /// Whether udev knows nothing of the device.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One property, with udev's `\x20` escapes taken back.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        let value = self.0.lines().find_map(|line| line.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('='))?;
        tidy(&unescaped(value))
    }
}

/// Takes back `\xHH` (udev) and `\OOO` (mount tables); anything else stays as it is.
pub(crate) fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match escape(&bytes[at..]) {
            Some((byte, length)) => {
                plain.push(byte);
                at += length;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn escape(bytes: &[u8]) -> Option<(u8, usize)> {
    let digits = bytes.strip_prefix(b"\\")?.get(..3)?;
    let text = std::str::from_utf8(digits).ok()?;
    let byte = match text.strip_prefix('x') {
        Some(hexadecimal) => u8::from_str_radix(hexadecimal, 16).ok()?,
        None => u8::from_str_radix(text, 8).ok()?,
    };
    Some((byte, 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_kinds_of_escapes_are_taken_back() {
        assert_eq!(unescaped("/mnt/my\\040disk"), "/mnt/my disk");
        assert_eq!(unescaped("EFI\\x20System"), "EFI System");
        assert_eq!(unescaped("a\\9z\\"), "a\\9z\\");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = unescaped(&text);
        }
    }
}
