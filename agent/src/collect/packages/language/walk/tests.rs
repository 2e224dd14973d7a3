//! What a walk finds in planted trees, and what it passes by.

use super::super::super::super::options::{Collect, Exclude, Options};
use super::super::super::super::testing::plant;
use super::*;
use crate::probe::Privileged;
use crate::root::Root;

#[track_caller]
fn check(tree: &str, options: &Options, expected: &[(&str, Kind)]) {
    let tree = plant(tree);
    let root = Root::new(tree.path());
    let scope = Scope::with(&root, options, Privileged::none_ref());
    let found = find(&scope);
    let found: Vec<_> = found.iter().map(|candidate| (candidate.path.as_str(), candidate.kind)).collect();
    assert_eq!((found.as_slice(), scope.problems()), (expected, None));
}

#[test]
fn descriptions_of_all_languages_are_found() {
    check(
        "=== /opt/app/venv/lib/python3.11/site-packages/a-1.dist-info/METADATA\n=== /opt/app/venv/lib/python3.11/site-packages/b-1.egg-info\n\
         === /opt/app/venv/lib/python3.11/site-packages/c-1.egg-info/PKG-INFO\n=== /opt/app/venv/lib/python3.11/site-packages/a/node_modules/x/package.json\n\
         === /srv/web/node_modules/@s/p/package.json\n=== /srv/web/node_modules/q/node_modules/r/package.json\n=== /srv/web/node_modules/.bin/q\n\
         === /srv/web/node_modules/.pnpm/t@1/node_modules/t/package.json\n\
         === /usr/local/lib/ruby/gems/3.1.0/specifications/rake-13.gemspec\n=== /usr/local/lib/ruby/gems/3.1.0/specifications/default/json-2.gemspec\n\
         === /usr/local/lib/ruby/gems/3.1.0/gems/rake-13/rake.gemspec\n\
         === /opt/app/lib/x.jar\n=== /usr/local/bin/tool\n=== /usr/local/bin/tool.sh\n=== /usr/local/bin/kubectl-1.29\n",
        &Options::default(),
        &[
            ("/opt/app/lib/x.jar", Kind::Jar),
            ("/opt/app/venv/lib/python3.11/site-packages/a-1.dist-info/METADATA", Kind::Python),
            ("/opt/app/venv/lib/python3.11/site-packages/b-1.egg-info", Kind::Python),
            ("/opt/app/venv/lib/python3.11/site-packages/c-1.egg-info/PKG-INFO", Kind::Python),
            ("/srv/web/node_modules/.pnpm/t@1/node_modules/t/package.json", Kind::Npm),
            ("/srv/web/node_modules/@s/p/package.json", Kind::Npm),
            ("/srv/web/node_modules/q/node_modules/r/package.json", Kind::Npm),
            ("/srv/web/node_modules/q/package.json", Kind::Npm),
            ("/usr/local/bin/kubectl-1.29", Kind::Program),
            ("/usr/local/bin/tool", Kind::Program),
            ("/usr/local/lib/ruby/gems/3.1.0/specifications/default/json-2.gemspec", Kind::Gem),
            ("/usr/local/lib/ruby/gems/3.1.0/specifications/rake-13.gemspec", Kind::Gem),
        ],
    );
}

#[test]
fn other_folders_links_and_excluded_paths_are_not_entered() {
    let options = Options {
        exclude: Exclude { paths: vec!["/opt/secret".to_owned()], ..Exclude::default() },
        collect: Collect { language_paths: vec!["/opt".to_owned(), "/opt/app/".to_owned(), "/usr/lib".to_owned()], ..Collect::default() },
    };
    check(
        "=== /opt/secret/x.jar\n=== /opt/app/y.jar\n=== /opt/app/again -> /opt/app\n=== /opt/app/.git/z.jar\n=== /usr/lib/modules/m.jar\n=== /srv/s.jar\n",
        &options,
        &[("/opt/app/y.jar", Kind::Jar)],
    );
}

#[test]
fn debians_own_python_packages_are_dpkgs() {
    let python = "=== /usr/lib/python3/dist-packages/a-1.dist-info/METADATA\n";
    check(&format!("=== /var/lib/dpkg/status\n{python}"), &Options::default(), &[]);
    check(python, &Options::default(), &[("/usr/lib/python3/dist-packages/a-1.dist-info/METADATA", Kind::Python)]);
}
