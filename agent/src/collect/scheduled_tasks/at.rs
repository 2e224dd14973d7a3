//! Jobs of `at` and `batch`: their files' names hold the queue, the number and the time. What is in the files is nobody's business.

use crate::collect::Scope;
use rollcall_shared::Timestamp;
use rollcall_shared::section::ScheduledTask;

/// Debian's, Red Hat's and SUSE's.
const FOLDERS: [&str; 3] = ["/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"];

/// The jobs that wait.
pub(super) fn read(scope: &Scope<'_>) -> Vec<ScheduledTask> {
    let jobs = FOLDERS.iter().flat_map(|folder| scope.list(folder).into_iter().filter_map(|name| Some(task(folder, &name, time(&name)?))));
    jobs.take(super::TASKS).collect()
}

fn task(folder: &str, name: &str, at: Timestamp) -> ScheduledTask {
    ScheduledTask {
        origin: "at".to_owned(),
        name: format!("{folder}/{name}"),
        schedule: Some(at.to_string()),
        enabled: Some(true),
        ..ScheduledTask::default()
    }
}

/// `a0000101c3d5e2`: a letter for the queue (`=` while it runs), five digits of the job's number, eight of the minutes since 1970.
fn time(name: &str) -> Option<Timestamp> {
    let digits = name.strip_prefix(|c: char| c.is_ascii_alphabetic())?;
    let is_job = digits.len() == 13 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let minutes = i64::from_str_radix(digits.get(5..).filter(|_| is_job)?, 16).ok()?;
    Some(Timestamp(minutes.saturating_mul(60_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_time_is_in_the_name() {
        assert_eq!(time("a00003019d6b2c").map(|at| at.to_string()).as_deref(), Some("2021-07-07T03:24:00.000Z"));
        assert_eq!((time(".SEQ"), time("=00003019d6b2c"), time("a00003019d6b2")), (None, None, None));
    }

    proptest! {
        #[test]
        fn no_name_panics(name in any::<String>()) {
            let _ = time(&name);
        }
    }
}
