//! Clouds by the marks that their machines carry.

use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use proptest::prelude::*;

#[track_caller]
fn check(row: &System, expected: Option<&str>) {
    assert_eq!(provider(row), expected, "{row:?}");
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn firmware_names_the_provider() {
    let made_by = |manufacturer: &str, product: &str| System { manufacturer: text(manufacturer), product: text(product), ..System::default() };
    let tagged = |tag: &str| System { chassis_asset_tag: text(tag), manufacturer: text("Microsoft Corporation"), ..System::default() };
    check(&made_by("Amazon EC2", "t3.micro"), Some("aws"));
    check(&System { uuid: text("ec2a1b2c-0000-4000-8000-000000000001"), ..made_by("Xen", "HVM domU") }, Some("aws"));
    check(&made_by("Xen", "HVM domU"), None);
    check(&made_by("Google", "Google Compute Engine"), Some("gcp"));
    check(&tagged("7783-7084-3265-9085-8269-3286-77"), Some("azure"));
    check(&tagged("1519-7810-4472-8775-7272-8851-12"), None);
    check(&tagged("OracleCloud.com"), Some("oracle"));
    check(&tagged("HUAWEICLOUD"), Some("huawei"));
    check(&made_by("OpenStack Foundation", "OpenStack Nova"), Some("openstack"));
    check(&made_by("DigitalOcean", "Droplet"), Some("digitalocean"));
    check(&made_by("Hetzner", "vServer"), Some("hetzner"));
    check(&made_by("Alibaba Cloud", "Alibaba Cloud ECS"), Some("alibaba"));
    check(&made_by("Scaleway", "SCW-DEV1-S"), Some("scaleway"));
    check(&made_by("Vultr", "VC2"), Some("vultr"));
    check(&made_by("Dell Inc.", "PowerEdge R630"), None);
}

#[track_caller]
fn check_tree(tree: &str, row: System, expected: &System) {
    let directory = plant(tree);
    let root = Root::new(directory.path());
    let mut found = row;
    recognise(&Scope::new(&root), &mut found);
    let cloud = |row: &System| {
        [&row.cloud_provider, &row.cloud_instance_id, &row.cloud_region, &row.cloud_zone, &row.cloud_type].map(|field| field.clone().unwrap_or_default())
    };
    assert_eq!(cloud(&found), cloud(expected));
}

#[test]
fn firmware_carries_the_instance_id_of_some() {
    let aws = System { manufacturer: text("Amazon EC2"), product: text("m5.large"), ..System::default() };
    let expected = System { cloud_provider: text("aws"), cloud_instance_id: text("i-0abc"), cloud_type: text("m5.large"), ..System::default() };
    check_tree("=== /sys/class/dmi/id/board_asset_tag\ni-0abc", aws, &expected);
    let hetzner = System { manufacturer: text("Hetzner"), product: text("vServer"), serial: text("4711"), ..System::default() };
    check_tree("", hetzner, &System { cloud_provider: text("hetzner"), cloud_instance_id: text("4711"), ..System::default() });
}

#[test]
fn cloud_init_knows_region_and_instance() {
    let summary = r#"=== /run/cloud-init/instance-data.json
{"v1": {"cloud_name": "gce", "instance_id": "123", "region": "us-central1", "availability_zone": "us-central1-a"},
 "ds": {"meta_data": {"instance-type": "e2-small"}}}"#;
    let expected = System {
        cloud_provider: text("gcp"),
        cloud_instance_id: text("123"),
        cloud_region: text("us-central1"),
        cloud_zone: text("us-central1-a"),
        cloud_type: text("e2-small"),
        ..System::default()
    };
    check_tree(summary, System::default(), &expected);
    let number = "=== /run/cloud-init/instance-data.json\n{\"v1\": {\"cloud_name\": \"hetzner\", \"instance_id\": 4711}}";
    check_tree(number, System::default(), &System { cloud_provider: text("hetzner"), cloud_instance_id: text("4711"), ..System::default() });
}

#[test]
fn machines_outside_clouds_have_no_provider() {
    let local = "=== /run/cloud-init/instance-data.json\n{\"v1\": {\"cloud_name\": \"nocloud\", \"instance_id\": \"i\"}}";
    check_tree(local, System::default(), &System::default());
    check_tree("", System { manufacturer: text("Dell Inc."), ..System::default() }, &System::default());
}

#[test]
fn an_instance_id_on_disk_counts_only_with_the_mark_of_this_boot() {
    let disk = "=== /var/lib/cloud/data/instance-id\ni-0old\n";
    check_tree(disk, System::default(), &System::default());
    let marked = format!("{disk}=== /run/cloud-init/cloud-id\naws\n");
    check_tree(&marked, System::default(), &System { cloud_provider: text("aws"), cloud_instance_id: text("i-0old"), ..System::default() });
}

#[test]
fn a_broken_summary_is_a_problem_with_its_line() {
    let directory = plant("=== /run/cloud-init/instance-data.json\n{\n\"v1\": nonsense}");
    let root = Root::new(directory.path());
    let scope = Scope::new(&root);
    recognise(&scope, &mut System::default());
    assert_eq!(scope.problems().as_deref(), Some("/run/cloud-init/instance-data.json:2: not JSON"));
}

proptest! {
    #[test]
    fn no_summary_panics(name in any::<String>(), id in any::<i64>()) {
        let mut row = System::default();
        from_summary(&serde_json::json!({"v1": {"cloud_name": name, "instance_id": id, "region": [id]}}), &mut row);
    }
}
