use super::*;
use crate::collect::testing::plant;
use crate::root::Root;

fn gather(tree: &str) -> (Vec<String>, Option<String>) {
    let tree = plant(tree);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    let short = |row: &Sudoer| {
        let asked = if row.no_password { "free" } else { "asks" };
        format!("{} {} | {} | {} | {} | {asked}", row.path, row.who, row.hosts, row.run_as.as_deref().unwrap_or("-"), row.commands)
    };
    (rows.iter().map(short).collect(), scope.problems())
}

#[test]
fn rules_of_all_files_come_with_their_aliases_replaced() {
    let (rows, problems) = gather(
        "=== /etc/sudoers\nDefaults env_reset\nDefaults:ann !requiretty\nUser_Alias ADMINS = ann, %wheel\nCmnd_Alias WEB = /bin/systemctl restart nginx, \\\n  /bin/b --password\\=x\n\
         ADMINS ALL = (DB : adm) NOPASSWD: WEB\n@includedir sudoers.d\nnonsense\n\
         === /etc/sudoers.d/10-db\nRunas_Alias DB = postgres, mysql\nbob ALL=(ALL) ALL\n=== /etc/sudoers.d/a.bak\neve ALL=ALL\n=== /etc/sudoers.d/b~\neve ALL=ALL\n",
    );
    assert_eq!(
        rows,
        [
            "/etc/sudoers ann | ALL | postgres, mysql:adm | /bin/systemctl restart nginx, /bin/b --password=[redacted] | free",
            "/etc/sudoers %wheel | ALL | postgres, mysql:adm | /bin/systemctl restart nginx, /bin/b --password=[redacted] | free",
            "/etc/sudoers.d/10-db bob | ALL | ALL | ALL | asks",
        ]
    );
    assert_eq!(problems.as_deref(), Some("/etc/sudoers:8: a rule without hosts and commands"));
}

#[test]
fn files_that_include_each_other_end() {
    let (rows, problems) = gather("=== /etc/sudoers\n#include /etc/other\n=== /etc/other\n#include /etc/sudoers\nann ALL=ALL\n");
    assert_eq!(rows, ["/etc/other ann | ALL | - | ALL | asks"]);
    assert_eq!(problems.as_deref(), Some("/etc/sudoers: includes itself"));
}

#[test]
fn a_machine_without_sudo_has_no_rules_and_a_tree_without_etc_is_none() {
    assert_eq!(gather("=== /etc/passwd\n"), (vec![], None));
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert!(matches!(collect(&Scope::new(&Root::new(directory.path()))), Err(Failure::Skipped(_))));
}
