use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use std::os::unix::fs::PermissionsExt;

fn gather(tree: &tempfile::TempDir) -> (Vec<String>, Option<String>) {
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let tasks = collect(&scope).expect("collected");
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let short = |task: &ScheduledTask| {
        let state = match task.enabled {
            Some(true) => "on",
            Some(false) => "off",
            None => "?",
        };
        format!("{} {} | {} | {} | {} | {state}", task.origin, task.name, text(&task.schedule), text(&task.command), text(&task.user))
    };
    let mut tasks: Vec<String> = tasks.iter().map(short).collect();
    tasks.sort();
    (tasks, scope.problems())
}

#[test]
fn every_place_of_cron_is_read() {
    let tree = plant(
        "=== /etc/debian_version\n12\n=== /etc/crontab\nSHELL=/bin/sh\n17 * * * * root run-parts --report /etc/cron.hourly\nnonsense\n\
         === /etc/cron.d/app\n@daily www /opt/app --password hunter2\n=== /etc/cron.d/app.bak\n@daily www old\n=== /etc/cron.d/dotted.name\n@daily www x\n\
         === /etc/cron.daily/backup.sh\n#!/bin/sh\n=== /etc/cron.daily/logrotate\n#!/bin/sh\n=== /etc/cron.weekly/.placeholder\n\
         === /var/spool/cron/crontabs/ann\n# m h\n5 4 * * 7 /home/ann/x\n=== /var/spool/cron/atjobs/a00003019d6b2c\n#!/bin/sh\nTOKEN=secret\n\
         === /etc/anacrontab\nLOGNAME=root\n1\t5\tcron.daily\trun-parts --report /etc/cron.daily\n@monthly 15 cron.monthly run-parts /etc/cron.monthly\n",
    );
    let script = tree.path().join("etc/cron.daily/logrotate");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let (tasks, problems) = gather(&tree);
    assert_eq!(
        tasks,
        [
            "anacron /etc/anacrontab:2 | 1 5 | run-parts --report /etc/cron.daily | root | on",
            "anacron /etc/anacrontab:3 | @monthly 15 | run-parts /etc/cron.monthly | root | on",
            "at /var/spool/cron/atjobs/a00003019d6b2c | 2021-07-07T03:24:00.000Z | ? | ? | on",
            "cron /etc/cron.d/app:1 | @daily | /opt/app --password [redacted] | www | on",
            "cron /etc/cron.d/dotted.name:1 | @daily | x | www | off",
            "cron /etc/cron.daily/backup.sh | daily | /etc/cron.daily/backup.sh | root | off",
            "cron /etc/cron.daily/logrotate | daily | /etc/cron.daily/logrotate | root | on",
            "cron /etc/crontab:2 | 17 * * * * | run-parts --report /etc/cron.hourly | root | on",
            "cron /var/spool/cron/crontabs/ann:2 | 5 4 * * 7 | /home/ann/x | ann | on",
        ]
    );
    assert_eq!(problems.as_deref(), Some("/etc/crontab:3: fewer than five fields of time"));
}

#[test]
fn alpines_tables_are_read_once() {
    let tree = plant(
        "=== /etc/alpine-release\n3\n=== /etc/crontabs/root\n*/15 * * * * run-parts /etc/periodic/15min\n=== /var/spool/cron/crontabs -> /etc/crontabs\n\
         === /etc/periodic/daily/x\n#!/bin/sh\n",
    );
    let expected = [
        "cron /etc/crontabs/root:1 | */15 * * * * | run-parts /etc/periodic/15min | root | on",
        "cron /etc/periodic/daily/x | daily | /etc/periodic/daily/x | root | off",
    ];
    assert_eq!(gather(&tree), (expected.map(str::to_owned).to_vec(), None));
}

#[test]
fn excluded_timers_and_crontabs_are_left_out() {
    let tree = plant(
        "=== /etc/systemd/system/a.timer\n[Timer]\nOnCalendar=daily\n=== /etc/systemd/system/b.timer\n[Timer]\nOnCalendar=daily\n\
         === /run/systemd/transient/c.timer\n[Timer]\nOnCalendar=daily\n=== /etc/cron.d/app\n@daily www x\n=== /etc/crontab\n@daily root y\n",
    );
    let mut options = crate::collect::Options::default();
    options.exclude.paths = ["/etc/systemd/system/b.timer", "/run/systemd", "/etc/cron.d"].map(str::to_owned).to_vec();
    let root = Root::new(tree.path());
    let scope = Scope::with(&root, &options, crate::probe::Privileged::none_ref());
    let tasks = collect(&scope).expect("collected");
    let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!((names.as_slice(), scope.problems()), (["/etc/crontab:1", "a.timer"].as_slice(), None));
}

#[test]
fn timers_are_read_with_what_enables_and_overrides_them() {
    let tree = plant(
        "=== /etc/os-release\n=== /lib -> usr/lib\n=== /usr/lib/systemd/system/fstrim.timer\n[Timer]\nOnCalendar=weekly\n=== /usr/lib/systemd/system/fstrim.service\n[Service]\n\
         === /usr/lib/systemd/system/dump@.timer\n[Timer]\nOnCalendar=daily\nUnit=dump-%i.service\n=== /usr/lib/systemd/system/dump-db.service\n[Service]\nUser=postgres\n\
         === /etc/systemd/system/timers.target.wants/dump@db.timer -> /lib/systemd/system/dump@.timer\n=== /etc/systemd/system/masked.timer -> /dev/null\n\
         === /etc/systemd/system/fstrim.timer.d/when.conf\n[Timer]\nOnCalendar=\nOnCalendar=monthly\nOnBootSec=1h\n\
         === /usr/lib/systemd/system/timers.target.wants/fstrim.timer -> ../fstrim.timer\n=== /etc/systemd/system/alias.timer -> /lib/systemd/system/fstrim.timer\n",
    );
    let (tasks, problems) = gather(&tree);
    assert_eq!(
        tasks,
        [
            "systemd_timer dump@.timer | OnCalendar=daily | dump-.service | ? | off",
            "systemd_timer dump@db.timer | OnCalendar=daily | dump-db.service | postgres | on",
            "systemd_timer fstrim.timer | OnCalendar=monthly; OnBootSec=1h | fstrim.service | root | on",
            "systemd_timer masked.timer | ? | masked.service | ? | off",
        ]
    );
    assert_eq!(problems, None);
}
