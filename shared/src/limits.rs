//! Upper bounds that agent and server hold each other to. A number here is part of the contract: raising one is a
//! compatible change on the server and an incompatible one on the agent.

/// Bytes of one request body on the agent listener, as sent (compressed). A full inventory of a large host is well below 1 MiB.
pub const BODY_BYTES: usize = 8 << 20;

/// Bytes of one frame after decompression. 2,000 packages encode to about 0.1 MiB; the rest is head-room for process lists.
pub const FRAME_BYTES: usize = 32 << 20;

/// Bytes of one push after decompression: agents stop at a quarter of it.
pub const PUSH_FRAME_BYTES: usize = 4 << 20;

/// Health values in one push, with those that are not there. A value is held in sixteen bytes, so this bounds what a hostile push costs in
/// memory at 64 MiB, and one message more; a minute of 4,096 series is a hundredth of it.
pub const PUSH_VALUES: usize = 4 << 20;

/// Largest zstd window accepted, as a power of two (8 MiB): a frame that asks for more is a bomb or a mistake.
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes of one section in canonical form.
pub const SECTION_BYTES: usize = 16 << 20;

/// Rows of one section. The kernel's default limit of processes is 4,194,304; no host is well described by more rows than this.
pub const SECTION_ROWS: usize = 200_000;

/// Bytes of one text field of a section; collectors cut longer ones and mark the cut with `…`.
pub const TEXT_BYTES: usize = 4096;

/// Shortest and longest time between two pushes of an agent, milliseconds: neither a busy loop nor a day without a word.
pub const PUSH_INTERVAL_MS: (u64, u64) = (100, 3_600_000);

/// Messages in one push.
pub const PUSH_MESSAGES: usize = 512;

/// Sample sets in one message: an hour at the default interval of 10 s.
pub const MESSAGE_SAMPLE_SETS: usize = 360;

/// Series of one agent.
pub const SERIES: usize = 4096;

/// Sections in one upload request.
pub const UPLOAD_SECTIONS: usize = 64;

/// Bytes of an enrolment request.
pub const ENROL_BODY_BYTES: usize = 16 << 10;

/// Thresholds handed to one agent.
pub const THRESHOLDS: usize = 1024;
