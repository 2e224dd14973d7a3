//! Which cloud this machine runs in, from DMI and from what cloud-init left in `/run`; no network is asked.

use super::super::Scope;
use super::super::text::tidy;
use rollcall_shared::section::System;
use serde_json::Value;

/// cloud-init's summary; it holds user data too, at most 64 KiB with most providers.
const INSTANCE_DATA_BYTES: usize = 1 << 20;

/// Fills the `cloud_*` fields.
pub(super) fn recognise(scope: &Scope<'_>, row: &mut System) {
    row.cloud_provider = provider(row).map(str::to_owned);
    if let Some(provider) = row.cloud_provider.as_deref() {
        row.cloud_instance_id = instance_id(scope, provider, row);
    }
    // World-readable; the variant with secrets beside it is left alone.
    let Ok(Some(bytes)) = scope.bytes("/run/cloud-init/instance-data.json", INSTANCE_DATA_BYTES) else { return };
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(summary) => from_cloud_init(&summary, row),
        Err(error) => scope.problem(format_args!("/run/cloud-init/instance-data.json:{}: not JSON", error.line())),
    }
}

/// The markers that cloud-init's ds-identify goes by.
fn provider(row: &System) -> Option<&'static str> {
    let starts = |field: &Option<String>, prefix: &str| field.as_deref().is_some_and(|text| text.starts_with(prefix));
    let uuid_is_aws = starts(&row.uuid, "ec2") && (starts(&row.bios_version, "4.") || starts(&row.manufacturer, "Xen"));
    if starts(&row.manufacturer, "Amazon EC2") || starts(&row.bios_vendor, "Amazon EC2") || uuid_is_aws {
        return Some("aws");
    }
    if starts(&row.product, "Google Compute Engine") {
        return Some("gcp");
    }
    if row.chassis_asset_tag.as_deref() == Some("7783-7084-3265-9085-8269-3286-77") {
        return Some("azure");
    }
    if row.chassis_asset_tag.as_deref() == Some("OracleCloud.com") {
        return Some("oracle");
    }
    const BY_MANUFACTURER: [(&str, &str); 8] = [
        ("DigitalOcean", "digitalocean"),
        ("Hetzner", "hetzner"),
        ("Alibaba Cloud", "alibaba"),
        ("Tencent Cloud", "tencent"),
        ("Scaleway", "scaleway"),
        ("Vultr", "vultr"),
        ("UpCloud", "upcloud"),
        ("Akamai", "linode"),
    ];
    let known = BY_MANUFACTURER.iter().find(|(prefix, _)| starts(&row.manufacturer, prefix)).map(|(_, name)| *name);
    known.or_else(|| (starts(&row.product, "OpenStack")).then_some("openstack"))
}

fn instance_id(scope: &Scope<'_>, provider: &str, row: &System) -> Option<String> {
    match provider {
        "aws" => board_asset_tag(scope).filter(|tag| tag.starts_with("i-")),
        "digitalocean" | "hetzner" | "vultr" => row.serial.clone(),
        "openstack" => row.uuid.clone(),
        _ => None,
    }
}

/// Nitro instances carry their id here; the attribute needs no privileges.
fn board_asset_tag(scope: &Scope<'_>) -> Option<String> {
    scope.attribute("/sys/class/dmi/id/board_asset_tag")
}

fn from_cloud_init(summary: &Value, row: &mut System) {
    let text = |path: &str| summary.pointer(path).and_then(Value::as_str).and_then(tidy).filter(|text| text != "unknown" && text != "none");
    // Installers leave `none` and `nocloud` data behind on machines that are in no cloud.
    let Some(name) = text("/v1/cloud_name").filter(|name| !matches!(name.as_str(), "nocloud" | "configdrive")) else { return };
    row.cloud_provider.get_or_insert(name);
    row.cloud_instance_id = text("/v1/instance_id").or_else(|| row.cloud_instance_id.take());
    row.cloud_region = text("/v1/region");
    row.cloud_zone = text("/v1/availability_zone");
    row.cloud_type = text("/ds/meta_data/instance-type").or_else(|| text("/ds/meta_data/instance_type"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_outside_clouds_have_no_provider() {
        assert_eq!(provider(&System { manufacturer: Some("Dell Inc.".into()), ..System::default() }), None);
        let mut row = System::default();
        from_cloud_init(&serde_json::json!({"v1": {"cloud_name": "nocloud", "instance_id": "i"}}), &mut row);
        assert_eq!(row, System::default());
    }

    #[test]
    fn cloud_init_knows_region_and_instance() {
        let mut row = System { manufacturer: Some("Amazon EC2".into()), ..System::default() };
        row.cloud_provider = provider(&row).map(str::to_owned);
        let summary = serde_json::json!({
            "v1": {"cloud_name": "aws", "instance_id": "i-0abc", "region": "eu-west-1", "availability_zone": "eu-west-1a"},
            "ds": {"meta_data": {"instance-type": "t3.micro"}}
        });
        from_cloud_init(&summary, &mut row);
        assert_eq!((row.cloud_provider.as_deref(), row.cloud_instance_id.as_deref()), (Some("aws"), Some("i-0abc")));
        assert_eq!((row.cloud_region.as_deref(), row.cloud_type.as_deref()), (Some("eu-west-1"), Some("t3.micro")));
    }
}
