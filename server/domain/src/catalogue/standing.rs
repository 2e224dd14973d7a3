//! What is true of a product by the rules and rulings as they are: its name, its maker, whether it may be used, each with the reason.

use super::{Catalogue, Category, Rule, Ruling, glob};
use crate::ci::software::SoftwareIndex;
use crate::ci::{Ci, Cmdb};
use std::collections::BTreeSet;

/// Why a value is what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Because<'a> {
    /// Somebody decided about this very product.
    Ruling(&'a Ruling),
    /// A rule says so.
    Rule(&'a Rule),
    /// The package says so of itself, or nobody says anything.
    Nothing,
}

/// A product as the catalogue sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing<'a> {
    /// What it is called.
    pub product: &'a str,
    /// Why it is called so.
    pub product_because: Because<'a>,
    /// Who makes it; what the package says where no rule does.
    pub vendor: Option<&'a str>,
    /// Which edition it is.
    pub edition: Option<&'a str>,
    /// Whether it may be used.
    pub category: Category,
    /// Why.
    pub category_because: Because<'a>,
}

/// What a package manager installs it: `dpkg` and `deb` are one.
#[must_use]
pub fn manager_of(product: &Ci) -> &str {
    let key = product.key.as_deref().unwrap_or_default();
    key.strip_prefix("pkg:").unwrap_or(key).split('/').next().unwrap_or_default()
}

/// Manager and type of package URL that mean the same.
const ALIASES: [(&str, &str); 8] = [
    ("dpkg", "deb"),
    ("pacman", "alpm"),
    ("portage", "ebuild"),
    ("python", "pypi"),
    ("go", "golang"),
    ("rubygems", "gem"),
    ("crates.io", "cargo"),
    ("docker", "oci"),
];

/// Whether two names mean one package manager.
#[must_use]
pub fn same_manager(one: &str, other: &str) -> bool {
    let plain = |name: &str| {
        ALIASES.iter().find(|(alias, _)| name.eq_ignore_ascii_case(alias)).map_or(name.to_ascii_lowercase(), |(_, kind)| (*kind).to_owned())
    };
    one.eq_ignore_ascii_case(other) || plain(one) == plain(other)
}

/// Vendors that the packages of a product name, in order.
pub fn vendors<'a>(software: &'a SoftwareIndex, product: &Ci) -> BTreeSet<&'a str> {
    software.pairs_of_product(product.id).filter_map(|pair| pair.details.vendor.as_deref()).collect()
}

/// Whether a rule is about a product. The vendors of its packages are read when the first rule asks for them.
fn fits<'a>(rule: &Rule, software: &'a SoftwareIndex, product: &Ci, vendors_read: &mut Option<BTreeSet<&'a str>>) -> bool {
    let pattern = &rule.pattern;
    pattern.name.as_deref().is_none_or(|name| glob::fits(name, &product.name))
        && pattern.manager.as_deref().is_none_or(|wanted| same_manager(wanted, manager_of(product)))
        && pattern.vendor.as_deref().is_none_or(|wanted| {
            let known = vendors_read.get_or_insert_with(|| vendors(software, product));
            known.iter().any(|vendor| glob::fits(wanted, vendor))
        })
}

impl Catalogue {
    /// What is true of a product. `rules` is [`Catalogue::ordered_rules`], made once for many products.
    #[must_use]
    pub fn standing<'a>(&'a self, cmdb: &'a Cmdb, rules: &[&'a Rule], product: &'a Ci) -> Standing<'a> {
        let mut vendors_read = None;
        let fitting: Vec<&'a Rule> = rules.iter().copied().filter(|rule| fits(rule, &cmdb.software, product, &mut vendors_read)).collect();
        let named = fitting.iter().find_map(|rule| Some((rule.product.as_deref()?, Because::Rule(rule))));
        let (name, product_because) = named.unwrap_or((&product.name, Because::Nothing));
        let vendor = fitting.iter().find_map(|rule| rule.vendor.as_deref());
        let (category, category_because) = self.category(&fitting, product);
        Standing {
            product: name,
            product_because,
            vendor: vendor.or_else(|| vendors_read.unwrap_or_else(|| vendors(&cmdb.software, product)).first().copied()),
            edition: fitting.iter().find_map(|rule| rule.edition.as_deref()),
            category,
            category_because,
        }
    }

    /// The products of a category.
    #[must_use]
    pub fn products_of<'a>(&self, cmdb: &'a Cmdb, category: Category) -> Vec<&'a Ci> {
        let mut rules = self.ordered_rules();
        rules.retain(|rule| rule.category.is_some());
        let known = |id| cmdb.cis.get(&id);
        if rules.is_empty() && category != Category::Unclassified {
            // Only what somebody decided about can be of it.
            return self.rulings.keys().filter_map(|&id| known(id)).filter(|product| self.category(&[], product).0 == category).collect();
        }
        let is_of_it = |product: &&Ci| {
            let mut vendors_read = None;
            let first = rules.iter().copied().find(|rule| fits(rule, &cmdb.software, product, &mut vendors_read));
            self.category(first.as_slice(), product).0 == category
        };
        cmdb.software.products().filter_map(known).filter(is_of_it).collect()
    }

    fn category<'a>(&'a self, fitting: &[&'a Rule], product: &Ci) -> (Category, Because<'a>) {
        let ruling = self.rulings.get(&product.id).and_then(|rulings| rulings.last());
        if let Some((ruling, category)) = ruling.and_then(|ruling| Some((ruling, ruling.category?))) {
            return (category, Because::Ruling(ruling));
        }
        let by_rule = fitting.iter().find_map(|rule| Some((rule.category?, Because::Rule(rule))));
        by_rule.unwrap_or((Category::Unclassified, Because::Nothing))
    }
}
