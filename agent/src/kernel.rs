//! Questions that only a system call answers, asked of the running machine.
//!
//! The one file of the agent that may contain `unsafe`: each block names why it is sound. Everything here only reads.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The node name, as `uname -n`.
pub(crate) fn node_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

/// The machine architecture, as `uname -m`.
pub(crate) fn architecture() -> Option<String> {
    rustix::system::uname().machine().to_str().ok().map(str::to_owned)
}

/// The kernel's idea of how well its clock is disciplined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ClockDiscipline {
    /// Whether something keeps the clock synchronised.
    pub(crate) synchronized: bool,
    /// Offset that is being corrected, milliseconds.
    pub(crate) offset_ms: f64,
    /// Upper bound of the error, milliseconds.
    pub(crate) max_error_ms: f64,
}

/// Reads the clock discipline; none where the kernel refuses.
#[expect(unsafe_code, reason = "adjtimex has no safe wrapper here")]
pub(crate) fn clock_discipline() -> Option<ClockDiscipline> {
    // SAFETY: timex consists of integers, for which zeros are valid.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, exclusive timex; modes is 0, so nothing is set.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return None;
    }
    let unit = if timex.status & libc::STA_NANO == 0 { 1e3 } else { 1e6 };
    #[allow(clippy::unnecessary_cast, clippy::cast_precision_loss, reason = "the width of these fields differs between architectures")]
    let (offset, max_error) = (timex.offset as f64, timex.maxerror as f64);
    Some(ClockDiscipline { synchronized: timex.status & libc::STA_UNSYNC == 0, offset_ms: offset / unit, max_error_ms: max_error / 1e3 })
}

/// A descriptor that the runtime waits for.
///
/// # Errors
/// When the kernel does not let it be waited for.
#[expect(unsafe_code, reason = "registering a descriptor with the runtime has no safe form")]
pub(crate) fn awaited(descriptor: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is a valid, open descriptor, always the same, and it is owned by the AsyncFd from here on.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, interest) }?)
}

/// How long a disk may take to answer. Health logs come from its memory within milliseconds; five seconds let one that recovers
/// from an error finish, and end long before the agent's next inventory.
const DISK_TIMEOUT_MS: u32 = 5_000;

/// Bytes of the NVMe log page "SMART / Health Information".
pub(crate) const NVME_HEALTH_BYTES: usize = 512;

/// The kernel's `struct nvme_passthru_cmd`.
#[repr(C)]
#[derive(Default)]
struct NvmeCommand {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    words_2_and_3: [u32; 2],
    metadata: u64,
    address: u64,
    metadata_length: u32,
    data_length: u32,
    words_10_to_15: [u32; 6],
    timeout_ms: u32,
    result: u32,
}

/// Reads log page 02h of an NVMe controller; the device is a controller or a namespace. Needs `CAP_SYS_ADMIN`.
///
/// # Errors
/// What the kernel or the controller said.
#[expect(unsafe_code, reason = "ioctl has no safe wrapper for NVMe admin commands")]
pub(crate) fn nvme_health_log(device: &impl AsRawFd) -> io::Result<[u8; NVME_HEALTH_BYTES]> {
    const GET_LOG_PAGE: u8 = 0x02;
    const HEALTH: u32 = 0x02;
    const OF_THE_CONTROLLER: u32 = u32::MAX;
    const ADMIN_COMMAND: rustix::ioctl::Opcode = rustix::ioctl::opcode::read_write::<NvmeCommand>(b'N', 0x41);
    let mut log = [0; NVME_HEALTH_BYTES];
    // Length in words of four bytes, less one, in the upper half of word 10.
    let words = (NVME_HEALTH_BYTES / 4 - 1) as u32;
    let mut command = NvmeCommand {
        opcode: GET_LOG_PAGE,
        namespace: OF_THE_CONTROLLER,
        address: log.as_mut_ptr().expose_provenance() as u64,
        data_length: NVME_HEALTH_BYTES as u32,
        words_10_to_15: [words << 16 | HEALTH, 0, 0, 0, 0, 0],
        timeout_ms: DISK_TIMEOUT_MS,
        ..NvmeCommand::default()
    };
    // SAFETY: the command is live and has the layout that the request asks for; its address leads to as many writable bytes as it
    // says, which outlive the call. The opcode reads a log page, nothing else.
    let status = unsafe { libc::ioctl(device.as_raw_fd(), ADMIN_COMMAND as _, &raw mut command) };
    match status {
        0 => Ok(log),
        ..0 => Err(io::Error::last_os_error()),
        refused => Err(io::Error::other(format!("the controller refused the health log with status {refused:#x}"))),
    }
}

/// The uuid of the file system that an open directory is on; none where the kernel (before 6.9) or the file system does not tell.
#[expect(unsafe_code, reason = "ioctl has no safe wrapper for this request")]
pub(crate) fn filesystem_uuid(directory: &impl AsRawFd) -> Option<[u8; 16]> {
    /// The kernel's `struct fsuuid2`.
    #[repr(C)]
    struct Uuid {
        length: u8,
        bytes: [u8; 16],
    }
    const GET_UUID: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<Uuid>(0x15, 0);
    let mut uuid = Uuid { length: 0, bytes: [0; 16] };
    // SAFETY: the kernel writes a structure of this layout, whose size is part of the request, to a live and exclusive one.
    let result = unsafe { libc::ioctl(directory.as_raw_fd(), GET_UUID as _, &raw mut uuid) };
    (result == 0 && uuid.length == 16).then_some(uuid.bytes)
}

/// Bytes of a label with its ending zero, the kernel's `FSLABEL_MAX`.
const LABEL_BYTES: usize = 256;

/// The label of the file system that an open directory is on; none where the kernel or the file system does not tell.
#[expect(unsafe_code, reason = "ioctl has no safe wrapper for this request")]
pub(crate) fn filesystem_label(directory: &impl AsRawFd) -> Option<Vec<u8>> {
    const GET_LABEL: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<[u8; LABEL_BYTES]>(0x94, 49);
    let mut label = [0_u8; LABEL_BYTES];
    // SAFETY: the kernel writes as many bytes as the request says to a live and exclusive array of that length.
    let result = unsafe { libc::ioctl(directory.as_raw_fd(), GET_LABEL as _, &raw mut label) };
    let text = label.split(|&byte| byte == 0).next().unwrap_or_default();
    (result == 0).then(|| text.to_vec())
}

/// Bytes of sense data that are kept; descriptors of ATA registers end at 22.
const SENSE_BYTES: usize = 64;

/// What a device answered to a SCSI command.
#[derive(Clone, Debug)]
pub(crate) struct ScsiAnswer {
    /// SCSI status; 0 is good, 2 a check condition.
    pub(crate) status: u8,
    /// Sense data, as much as came.
    pub(crate) sense: Vec<u8>,
    /// Bytes of data that came.
    pub(crate) received: usize,
}

/// The kernel's `struct sg_io_hdr`.
#[repr(C)]
struct ScsiRequest {
    interface: i32,
    direction: i32,
    command_length: u8,
    sense_capacity: u8,
    vectors: u16,
    data_length: u32,
    data: *mut u8,
    command: *const u8,
    sense: *mut u8,
    timeout_ms: u32,
    flags: u32,
    pack: i32,
    user: *mut u8,
    status: u8,
    masked_status: u8,
    message_status: u8,
    sense_written: u8,
    host_status: u16,
    driver_status: u16,
    residual: i32,
    duration_ms: u32,
    info: u32,
}

/// Whether a command only asks: LOG SENSE, READ DEFECT DATA, and of ATA's SMART READ DATA, READ THRESHOLDS, RETURN STATUS and
/// CHECK POWER MODE.
fn only_asks(command: &[u8]) -> bool {
    match command {
        [0x4d, ..] if command.len() == 10 => true,
        [0x37, ..] if command.len() == 10 => true,
        [0x85, ..] if command.len() == 16 => matches!((command[14], command[4]), (0xb0, 0xd0 | 0xd1 | 0xda) | (0xe5, 0)),
        _ => false,
    }
}

/// Sends a SCSI command that only asks, and takes what it brings into `data`. ATA commands need `CAP_SYS_RAWIO`.
///
/// # Errors
/// What the kernel said, that the device could not be reached, or that the command does more than ask.
#[expect(unsafe_code, reason = "ioctl has no safe wrapper for SCSI commands")]
pub(crate) fn ask_scsi(device: &impl AsRawFd, command: &[u8], data: &mut [u8]) -> io::Result<ScsiAnswer> {
    const SG_IO: u32 = 0x2285;
    const NO_DATA: i32 = -1;
    const FROM_DEVICE: i32 = -3;
    let (Ok(command_length), Ok(data_length), true) = (u8::try_from(command.len()), u32::try_from(data.len()), only_asks(command)) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut sense = [0; SENSE_BYTES];
    let mut request = ScsiRequest {
        interface: i32::from(b'S'),
        direction: if data.is_empty() { NO_DATA } else { FROM_DEVICE },
        command_length,
        sense_capacity: SENSE_BYTES as u8,
        vectors: 0,
        data_length,
        data: data.as_mut_ptr(),
        command: command.as_ptr(),
        sense: sense.as_mut_ptr(),
        timeout_ms: DISK_TIMEOUT_MS,
        flags: 0,
        pack: 0,
        user: std::ptr::null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_written: 0,
        host_status: 0,
        driver_status: 0,
        residual: 0,
        duration_ms: 0,
        info: 0,
    };
    // SAFETY: the request is live and laid out as the kernel's; its three pointers lead to live memory of the lengths that it
    // states, of which the kernel reads the command and writes the other two. The command was checked to change nothing.
    if unsafe { libc::ioctl(device.as_raw_fd(), SG_IO as _, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if request.host_status != 0 {
        return Err(io::Error::other(format!("the device could not be reached (host status {:#x})", request.host_status)));
    }
    let missing = usize::try_from(request.residual).unwrap_or(0);
    let sense_length = usize::from(request.sense_written).min(SENSE_BYTES);
    Ok(ScsiAnswer { status: request.status, sense: sense[..sense_length].to_vec(), received: data.len().saturating_sub(missing) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_structures_have_the_kernels_sizes() {
        assert_eq!(size_of::<NvmeCommand>(), 72);
        #[cfg(target_pointer_width = "64")]
        assert_eq!((size_of::<ScsiRequest>(), std::mem::offset_of!(ScsiRequest, status)), (88, 64));
    }

    #[test]
    fn a_command_that_does_more_than_ask_is_not_sent() {
        let mut smart = [0x85; 16];
        for (code, feature, expected) in [(0xb0, 0xd0, true), (0xb0, 0xd9, false), (0xe5, 0, true), (0xe0, 0, false)] {
            (smart[14], smart[4]) = (code, feature);
            assert_eq!(only_asks(&smart), expected, "{code:x} {feature:x}");
        }
        let nothing = std::fs::File::open("/dev/null").expect("opens");
        let refused = ask_scsi(&nothing, &[0x2a; 10], &mut []).expect_err("a write is refused");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_device_that_is_no_disk_says_so() {
        let nothing = std::fs::File::open("/dev/null").expect("opens");
        assert!(nvme_health_log(&nothing).is_err());
        assert!(ask_scsi(&nothing, &[0x4d; 10], &mut [0; 4]).is_err());
        assert_eq!(filesystem_label(&std::fs::File::open("/proc").expect("opens")), None);
    }
}
