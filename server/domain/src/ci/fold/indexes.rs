//! Projections over content and records, brought in line with what is remembered.

use crate::Content;
use crate::ci::software::{self, Contents, Installed, PACKAGES_PER_HOST, SoftwareIndex};
use crate::ci::{AttributeValue, Class, Cmdb};
use crate::id::CiId;
use crate::query::index::{Index, Records};
use rollcall_shared::section::{Differing, Package};
use rollcall_shared::{ContentHash, Section, SectionName};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Up to one product in so many that differs, the others are not looked at.
const FEW: usize = 8;

impl Cmdb {
    /// Rebuilds all projections, those that do not look at each other side by side: a server answers nobody before they are done.
    pub fn rebuild_projections(&mut self, content: &dyn Content) {
        let this = &*self;
        let (software, index, (ledger, tags, topology)) = std::thread::scope(|scope| {
            let others = scope.spawn(|| (this.ledger_anew(), this.tags_anew(), this.topology_anew(content)));
            let software = this.software_anew(content);
            let index = Index::of(&Records { cis: &this.cis, reporters: &this.reporters, software: &software, content });
            (software, index, others.join().expect("a rebuilding of projections panics only by a bug"))
        });
        (self.software, self.index, self.ledger, self.tags, self.topology) = (software, index, ledger, tags, topology);
    }

    fn tags_anew(&self) -> BTreeMap<String, u64> {
        let mut tags: BTreeMap<String, u64> = BTreeMap::new();
        for tag in self.cis.values().flat_map(|ci| &ci.tags) {
            *tags.entry(tag.clone()).or_default() += 1;
        }
        tags
    }

    fn software_anew(&self, content: &dyn Content) -> SoftwareIndex {
        let mut software = SoftwareIndex::default();
        for host in self.cis.values().filter(|ci| ci.section(SectionName::Packages).is_some()) {
            self.enter_software(&mut software, host.id, content);
        }
        software
    }

    /// Rebuilds the index for queries.
    pub fn rebuild_index(&mut self, content: &dyn Content) {
        let records = Records { cis: &self.cis, reporters: &self.reporters, software: &self.software, content };
        self.index = Index::of(&records);
    }

    /// Brings the software index in line with a host's section state. Content that is not there leaves the host out.
    pub(in crate::ci) fn index_software(&mut self, host: CiId, content: &dyn Content) {
        let mut software = std::mem::take(&mut self.software);
        self.enter_software(&mut software, host, content);
        self.software = software;
    }

    fn enter_software(&self, software: &mut SoftwareIndex, host: CiId, content: &dyn Content) {
        let counts = self.cis.get(&host).filter(|host| host.duplicate_of.is_none());
        let state = counts.and_then(|host| host.section(SectionName::Packages));
        let Some((Some(complete), partial)) = state.map(|state| (state.hash, state.partial)) else {
            return software.remove(host);
        };
        let contents = Contents { complete, partial: partial.filter(|&partial| partial != complete) };
        if !software.set_known(host, contents) && !self.enter_changed_packages(software, host, contents, content) {
            match self.installed(&contents, content) {
                Some(packages) => software.set(host, contents, packages),
                None => software.remove(host),
            }
        }
        self.enter_release(software, host);
    }

    /// Brings the software index in line with what a host runs.
    pub(super) fn index_release(&mut self, host: CiId) {
        let mut software = std::mem::take(&mut self.software);
        self.enter_release(&mut software, host);
        self.software = software;
    }

    fn enter_release(&self, software: &mut SoftwareIndex, host: CiId) {
        let Some(ci) = self.cis.get(&host) else { return };
        let text = |name: &str| match ci.attributes.get(name).map(|attribute| attribute.value()) {
            Some(AttributeValue::Text(text)) => Box::from(text.as_str()),
            _ => Box::default(),
        };
        let release = (text("os_id"), text("os_version"));
        software.set_release(host, release);
    }

    /// Takes over what differs between the packages that a host had and those that it has now: an upgrade changes few of
    /// thousands. `false` when the whole list must be looked at.
    fn enter_changed_packages(&self, software: &mut SoftwareIndex, host: CiId, contents: Contents, content: &dyn Content) -> bool {
        let Some(known) = software.contents_of(host).filter(|known| known.partial.is_none() && contents.partial.is_none()) else {
            return false;
        };
        let (Some(before), Some(after)) = (content.section(&known.complete), content.section(&contents.complete)) else { return false };
        let (Section::Packages(before), Section::Packages(after)) = (&*before, &*after) else { return false };
        // Of longer lists some rows were left out.
        if before.len().max(after.len()) > PACKAGES_PER_HOST {
            return false;
        }
        let Differing { gone, come } = Differing::of(before, after);
        let keys: BTreeSet<Cow<'_, str>> = gone.into_iter().chain(come).map(software::product_key).collect();
        if keys.len() * FEW > after.len() {
            return false;
        }
        // Several rows may be of one product: what became of it follows from all of them.
        let rows = after.iter().filter(|row| keys.contains(&software::product_key(row)));
        let fresh: Vec<Installed> = rows.filter_map(|row| Some(Installed::new(self.product(row)?, row))).collect();
        let products = keys.into_iter().filter_map(|key| self.keys.get(&(Class::SoftwareProduct, key.into_owned())));
        let products: BTreeSet<CiId> = products.copied().collect();
        software.change(host, contents, &products, fresh);
        true
    }

    /// Products and versions in a host's packages: those of the complete content, save for products that the partial one knows better.
    fn installed(&self, contents: &Contents, content: &dyn Content) -> Option<Vec<Installed>> {
        let packages = |hash: &ContentHash| -> Option<Vec<Installed>> {
            let section = content.section(hash)?;
            let Section::Packages(rows) = &*section else { return None };
            let package = |row: &Package| Some(Installed::new(self.product(row)?, row));
            Some(rows.iter().take(PACKAGES_PER_HOST).filter_map(package).collect())
        };
        let mut found = packages(&contents.complete)?;
        if let Some(partial) = contents.partial.as_ref().and_then(packages) {
            let renewed: BTreeSet<CiId> = partial.iter().map(|installed| installed.product).collect();
            found.retain(|installed| !renewed.contains(&installed.product));
            found.extend(partial);
        }
        Some(found)
    }

    /// The product that a package installs.
    #[must_use]
    pub fn product(&self, package: &Package) -> Option<CiId> {
        self.keys.get(&(Class::SoftwareProduct, software::product_key(package).into_owned())).copied()
    }
}
