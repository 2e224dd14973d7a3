//! Identity in the superblock of a file system, for machines without udev: ext2 to ext4, XFS, btrfs, and the serial of FAT.
//!
//! A pure function of the bytes at fixed places. FAT's label stands in its root directory, so it is not read.

use crate::collect::text::tidy;
use std::fmt::Write;

/// What a superblock says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uuid: Option<String>,
    pub(super) label: Option<String>,
}

/// Where the superblock of a type is: offset and length; none for types that are not read.
pub(super) fn place(fs_type: &str) -> Option<(u64, usize)> {
    Some(match fs_type {
        "ext2" | "ext3" | "ext4" => (1024, 256),
        "xfs" => (0, 512),
        "btrfs" => (64 << 10, 1024),
        "vfat" | "msdos" => (0, 512),
        _ => return None,
    })
}

/// Reads a superblock; none when it is not one of that type.
pub(super) fn parse(fs_type: &str, block: &[u8]) -> Option<Identity> {
    let has = |at: usize, magic: &[u8]| block.get(at..).is_some_and(|rest| rest.starts_with(magic));
    match fs_type {
        "ext2" | "ext3" | "ext4" => has(56, &[0x53, 0xef]).then(|| identity(block, 104, 120..136)),
        "xfs" => has(0, b"XFSB").then(|| identity(block, 32, 108..120)),
        "btrfs" => has(64, b"_BHRfS_M").then(|| identity(block, 32, 299..555)),
        "vfat" | "msdos" => {
            // FAT32 has a longer head than FAT12 and FAT16.
            let serial = if has(82, b"FAT32") { 67 } else { Some(39).filter(|_| has(54, b"FAT"))? };
            let &[a, b, c, d] = block.get(serial..)?.first_chunk()?;
            Some(Identity { uuid: Some(format!("{d:02X}{c:02X}-{b:02X}{a:02X}")).filter(|uuid| uuid != "0000-0000"), label: None })
        }
        _ => None,
    }
}

fn identity(block: &[u8], uuid: usize, label: std::ops::Range<usize>) -> Identity {
    let label = block.get(label).and_then(|bytes| bytes.split(|&byte| byte == 0).next());
    Identity {
        uuid: block.get(uuid..).and_then(|rest| rest.first_chunk()).and_then(dashed),
        label: label.and_then(|bytes| tidy(&String::from_utf8_lossy(bytes))),
    }
}

/// 16 bytes in groups of 4, 2, 2, 2 and 6; zeros are no uuid.
pub(super) fn dashed(bytes: &[u8; 16]) -> Option<String> {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(text, "{dash}{byte:02x}").expect("writing to a string does not fail");
    }
    bytes.iter().any(|&byte| byte != 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(fs_type: &str, parts: &[(usize, &[u8])], uuid: Option<&str>, label: Option<&str>) {
        let mut block = vec![0; place(fs_type).expect("a place").1];
        for (at, bytes) in parts {
            block[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        let expected = Identity { uuid: uuid.map(str::to_owned), label: label.map(str::to_owned) };
        assert_eq!(parse(fs_type, &block), Some(expected));
    }

    const BYTES: [u8; 16] = [0x5f, 0x0f, 0x1a, 0x2b, 0x3c, 0x4d, 0x4e, 0x5f, 0x8a, 0x9b, 0x0c, 0x1d, 0x2e, 0x3f, 0x4a, 0x5b];
    const UUID: Option<&str> = Some("5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b");

    #[test]
    fn superblocks_are_read() {
        check("ext4", &[(56, &[0x53, 0xef]), (104, &BYTES), (120, b"root disk\0junk")], UUID, Some("root disk"));
        check("xfs", &[(0, b"XFSB"), (32, &BYTES), (108, b"twelve bytes")], UUID, Some("twelve bytes"));
        check("btrfs", &[(64, b"_BHRfS_M"), (32, &BYTES)], UUID, None);
        check("vfat", &[(82, b"FAT32   "), (67, &[0x34, 0x12, 0xcd, 0xab])], Some("ABCD-1234"), None);
        check("vfat", &[(54, b"FAT16   "), (39, &[0x34, 0x12, 0xcd, 0xab])], Some("ABCD-1234"), None);
        check("ext2", &[(56, &[0x53, 0xef])], None, None);
    }

    #[test]
    fn another_types_block_is_none() {
        assert_eq!(parse("ext4", &[0; 256]), None);
        assert_eq!(parse("ext4", b"XFSB"), None);
        assert_eq!(parse("vfat", &[0; 512]), None);
        assert_eq!(place("zfs"), None);
    }

    proptest! {
        #[test]
        fn no_block_panics(mut block in proptest::collection::vec(any::<u8>(), 0..700), fs_type in proptest::sample::select(vec!["ext4", "xfs", "btrfs", "vfat"])) {
            let _ = parse(fs_type, &block);
            for (at, magic) in [(56, &b"\x53\xef"[..]), (0, b"XFSB"), (64, b"_BHRfS_M"), (82, b"FAT32")] {
                if let Some(place) = block.get_mut(at..at + magic.len()) {
                    place.copy_from_slice(magic);
                }
                let _ = parse(fs_type, &block);
            }
        }
    }
}
