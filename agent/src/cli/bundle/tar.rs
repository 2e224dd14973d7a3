//! A tar archive of small regular files (POSIX.1-1988 ustar), readable by its owner alone.

use rollcall_shared::Timestamp;

const BLOCK: usize = 512;

/// An archive that grows.
pub(super) struct Archive {
    bytes: Vec<u8>,
    /// Seconds since 1970.
    modified: u64,
}

impl Archive {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { bytes: Vec::new(), modified: u64::try_from(now.0 / 1000).unwrap_or(0) }
    }

    /// Adds a file; its name must be short, its content below 8 GiB.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        let mut header = [0; BLOCK];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, &name.chars().take(99).collect::<String>());
        put(100, "0000600\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, &format!("{:011o}\0", self.modified));
        // The checksum counts its own field as blanks.
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().copied().map(u32::from).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    /// The archive: two empty blocks end it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_reads_it() {
        let mut archive = Archive::new(Timestamp(1_700_000_000_000));
        archive.add("one.txt", b"hello\n");
        archive.add("two.bin", &[7; 1000]);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.tar");
        std::fs::write(&path, archive.finish()).expect("written");
        let listed = std::process::Command::new("tar").arg("-xf").arg(&path).arg("-C").arg(directory.path()).status();
        assert!(listed.expect("tar runs").success());
        assert_eq!(std::fs::read(directory.path().join("one.txt")).expect("there"), b"hello\n");
        assert_eq!(std::fs::read(directory.path().join("two.bin")).expect("there"), [7; 1000]);
    }
}
