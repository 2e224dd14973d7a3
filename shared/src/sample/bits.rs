//! Bits in a row, most significant first.

/// Writes bits.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Bits that are used of the last byte; 0 when it is full.
    used: u32,
}

impl Writer {
    /// Appends the lowest `width` bits of `value`; 64 at most.
    pub fn put(&mut self, value: u64, width: u32) {
        for place in (0..width.min(64)).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> place & 1 == 1) << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// What was written; the last byte is filled up with zeros.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads bits.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Bits that were read.
    place: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, place: 0 }
    }

    /// The next `width` bits, 64 at most; none when there are not so many.
    pub fn take(&mut self, width: u32) -> Option<u64> {
        let mut value = 0;
        for _ in 0..width.min(64) {
            let byte = *self.bytes.get(self.place / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.place % 8) & 1);
            self.place += 1;
        }
        Some(value)
    }

    /// The bytes behind the last one that was begun; none when what is left of that one is not zeros.
    pub fn finish(mut self) -> Option<&'a [u8]> {
        let left = (8 - self.place % 8) % 8;
        let is_zero = self.take(u32::try_from(left).ok()?)? == 0;
        is_zero.then(|| self.bytes.get(self.place / 8..)).flatten()
    }
}
