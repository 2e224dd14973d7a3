//! Ruby: the specification of an installed gem. It is a program in Ruby, of the form that RubyGems itself writes; the lines that
//! assign texts are read, and where there are none, the file's name tells name and version.

use super::super::super::Scope;
use super::super::super::text::tidy;
use super::super::purl::Purl;
use super::{Result, package};
use rollcall_shared::section::Package;

/// Lines of a specification; RubyGems writes names and versions into the first ones.
const LINES: usize = 2000;

pub(super) fn read(scope: &Scope<'_>, path: &str, packages: &mut Vec<Package>) -> Result {
    let mut gem = Gem::default();
    scope.lines(path, |number, line| {
        gem.takes(line);
        Ok(number < LINES)
    })?;
    packages.extend(gem.finish(path));
    Ok(())
}

#[derive(Debug, Default)]
struct Gem {
    name: Option<String>,
    version: Option<String>,
    platform: Option<String>,
    licence: Option<String>,
}

impl Gem {
    /// `s.name = "rake".freeze`, `s.licenses = ["MIT".freeze]`.
    fn takes(&mut self, line: &str) {
        let Some((left, right)) = line.split_once('=') else { return };
        let Some((_, key)) = left.trim().rsplit_once('.') else { return };
        let text = || {
            let inner = right.trim().trim_start_matches(['[', ' ']);
            let quote = inner.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            tidy(inner[1..].split(quote).next()?)
        };
        let field = match key {
            "name" => &mut self.name,
            "version" => &mut self.version,
            "platform" => &mut self.platform,
            "licenses" | "license" => &mut self.licence,
            _ => return,
        };
        if field.is_none() {
            *field = text();
        }
    }

    fn finish(self, path: &str) -> Option<Package> {
        let file = path.rsplit('/').next()?.strip_suffix(".gemspec")?;
        let split = file.match_indices('-').find(|&(at, _)| file[at + 1..].starts_with(|next: char| next.is_ascii_digit()));
        let (file_name, file_version) = split.map(|(at, _)| (&file[..at], &file[at + 1..])).unzip();
        let name = self.name.or_else(|| file_name.and_then(tidy))?;
        let version = self.version.or_else(|| file_version.and_then(tidy))?;
        let purl = Purl::new("gem", &name, &version).text();
        let architecture = self.platform.filter(|platform| platform != "ruby");
        Some(Package { licence: self.licence, architecture, ..package("gem", name, version, path, purl) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str, path: &str) -> Option<Package> {
        let mut gem = Gem::default();
        text.lines().for_each(|line| gem.takes(line));
        gem.finish(path)
    }

    #[test]
    fn a_written_specification_is_a_package() {
        let text = "# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = \"nokogiri\".freeze\n  s.version = \"1.15.4\"\n  \
                    s.platform = \"x86_64-linux\".freeze\n  s.licenses = [\"MIT\".freeze]\n  s.summary = \"x\"\nend\n";
        let package = parse(text, "/x/specifications/nokogiri-1.15.4-x86_64-linux.gemspec").expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str()), ("nokogiri", "1.15.4"));
        assert_eq!((package.licence.as_deref(), package.architecture.as_deref()), (Some("MIT"), Some("x86_64-linux")));
        assert_eq!(package.purl.as_deref(), Some("pkg:gem/nokogiri@1.15.4"));
    }

    #[test]
    fn a_specification_that_computes_its_version_has_that_of_its_name() {
        let package = parse("s.name = NAME\ns.version = Foo::VERSION\n", "/x/net-http2-0.18.5.gemspec").expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str()), ("net-http2", "0.18.5"));
        assert_eq!(parse("", "/x/foo.gemspec"), None);
    }

    proptest! {
        #[test]
        fn no_specification_panics(line in "(s\\.(name|version) ?= ?)?\\PC{0,12}", file in "\\PC{0,10}") {
            let _ = parse(&line, &format!("/x/{file}.gemspec"));
        }
    }
}
