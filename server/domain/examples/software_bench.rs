//! What a look-up of packages costs, as one JSON object: `cargo run --release -p rollcall-domain --example software_bench`.
//!
//! 100,000 hosts from 200 images with 2,000 packages each, a twentieth of which differ between images. Each figure is the median in
//! microseconds over products that every image has in one of 20 versions.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use rollcall_domain::ci::software::{Contents, Details, Installed, SoftwareIndex, compare};
use rollcall_domain::id::{CiId, Family};
use rollcall_shared::ContentHash;
use std::ops::Bound;
use std::time::Instant;

const HOSTS: u32 = 100_000;
const IMAGES: u32 = 200;
const PACKAGES: u32 = 2_000;
const LOOKUPS: u32 = 100;

fn host(number: u32) -> CiId {
    CiId { family: Family::Host, bits: u128::from(number) }
}

fn product(number: u32) -> CiId {
    CiId { family: Family::Software, bits: u128::from(number) }
}

fn packages(image: u32) -> Vec<Installed> {
    let version = |number: u32| if number < PACKAGES / 20 { format!("1:3.0.{}-1~deb12u1", image % 20) } else { "1.0-1".to_owned() };
    (0..PACKAGES)
        .map(|number| Installed {
            product: product(number),
            version: version(number).into(),
            details: Details { vendor: Some("Debian".into()), ..Details::default() },
        })
        .collect()
}

/// Resident bytes of this process; `None` where there is no procfs.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Median microseconds of a look-up over many products, and what the last one found.
fn measure(look: impl Fn(CiId) -> u64) -> (f64, u64) {
    let mut found = 0;
    let mut values: Vec<f64> = (0..LOOKUPS)
        .map(|number| {
            let began = Instant::now();
            found = look(product(number));
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], found)
}

fn main() {
    let before = resident();
    let mut index = SoftwareIndex::default();
    let began = Instant::now();
    for number in 0..HOSTS {
        let image = number % IMAGES;
        let contents = Contents { complete: ContentHash::of(&image.to_le_bytes()), partial: None };
        if !index.set_known(host(number), contents) {
            index.set(host(number), contents, packages(image));
        }
    }
    let built_ms = began.elapsed().as_secs_f64() * 1e3;
    let gained = resident().zip(before).map(|(after, before)| after.saturating_sub(before) / u64::from(HOSTS));
    let below = |limit: &'static str| move |version: &str| compare("dpkg", version, limit).is_lt();
    let most = measure(|product| index.hosts_where(product, below("1:3.0.13")).len());
    let few = measure(|product| index.hosts_where(product, below("1:3.0.1")).ids().len() as u64);
    let count = measure(|product| index.host_count(product));
    let page = |limit: &'static str| {
        measure(|product| {
            let from = Bound::Excluded(host(HOSTS / 2));
            index.installations_where(product, below(limit), from).take(101).count() as u64
        })
    };
    let (page_of_most, page_of_few) = (page("1:3.0.13"), page("1:3.0.1"));
    let result = serde_json::json!({
        "hosts": HOSTS,
        "images": IMAGES,
        "packages": PACKAGES,
        "built_ms": built_ms,
        "bytes_per_host": gained,
        "hosts_below": { "us": most.0, "found": most.1 },
        "few_hosts_below_as_ids": { "us": few.0, "found": few.1 },
        "host_count": { "us": count.0, "found": count.1 },
        "page_of_installations": { "us": page_of_most.0, "found": page_of_most.1 },
        "page_of_few_installations": { "us": page_of_few.0, "found": page_of_few.1 },
    });
    println!("{result:#}");
}
