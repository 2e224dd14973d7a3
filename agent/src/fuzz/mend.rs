//! Sets the checksums and codes of changed bytes right, so that the parser behind them is reached.

/// Length of an EDID block, and of its extensions.
const EDID_BLOCK: usize = 128;

/// Head of a SQLite log, and of each frame in it.
const LOG_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// The last byte of a block makes their sum zero.
pub(crate) fn sum(block: &mut [u8]) {
    if let Some((last, rest)) = block.split_last_mut() {
        *last = rest.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    }
}

/// EDID, its header and the checksum of each block.
pub(super) fn edid(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    if let Some(head) = mended.first_chunk_mut() {
        *head = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
    }
    mended.chunks_exact_mut(EDID_BLOCK).for_each(sum);
    mended
}

/// A page of SCSI's with its code.
pub(super) fn page(bytes: &[u8], code: u8) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    if let Some(at) = mended.get_mut(1) {
        *at = code;
    }
    mended
}

/// A log of SQLite's: salts and running checksums, little-endian, of its head and of each frame.
pub(super) fn sqlite_log(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    let Some(head) = mended.first_chunk_mut::<LOG_HEAD>() else { return mended };
    head[..8].copy_from_slice(&[0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18]);
    let page = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
    let mut running = add((0, 0), &head[..24]);
    head[24..28].copy_from_slice(&running.0.to_be_bytes());
    head[28..].copy_from_slice(&running.1.to_be_bytes());
    let salts: Vec<u8> = head[16..24].to_vec();
    let frame = FRAME_HEAD.saturating_add(page);
    for frame in mended.get_mut(LOG_HEAD..).unwrap_or_default().chunks_exact_mut(frame) {
        frame[8..16].copy_from_slice(&salts);
        running = add(running, &frame[..8]);
        running = add(running, &frame[FRAME_HEAD..]);
        frame[16..20].copy_from_slice(&running.0.to_be_bytes());
        frame[20..24].copy_from_slice(&running.1.to_be_bytes());
    }
    mended
}

fn add((mut first, mut second): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(u32::from_le_bytes([pair[0], pair[1], pair[2], pair[3]])).wrapping_add(second);
        second = second.wrapping_add(u32::from_le_bytes([pair[4], pair[5], pair[6], pair[7]])).wrapping_add(first);
    }
    (first, second)
}
