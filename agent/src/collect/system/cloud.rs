//! Which cloud this machine runs in: from DMI, then from what cloud-init left in `/run`, then, only where the operator allows it,
//! from the provider's link-local metadata service.

use super::super::Scope;
use super::super::text::tidy;
use rollcall_shared::section::System;
use serde_json::Value;

pub(crate) mod metadata;

/// cloud-init's summary; it holds user data too, at most 64 KiB with most providers.
const INSTANCE_DATA_BYTES: usize = 1 << 20;

const INSTANCE_DATA: &str = "/run/cloud-init/instance-data.json";

/// Fills the `cloud_*` fields.
pub(super) fn recognise(scope: &Scope<'_>, row: &mut System) {
    row.cloud_provider = provider(row).map(str::to_owned);
    if let Some(provider) = row.cloud_provider.as_deref() {
        row.cloud_instance_id = instance_id(scope, provider, row);
        row.cloud_type = row.product.clone().filter(|product| provider == "aws" && is_aws_type(product));
    }
    cloud_init(scope, row);
    if scope.options().collect.cloud_metadata && scope.root().is_live() {
        metadata::fill(scope, row);
    }
}

/// The markers that cloud-init's ds-identify goes by.
fn provider(row: &System) -> Option<&'static str> {
    let starts = |field: &Option<String>, prefix: &str| field.as_deref().is_some_and(|text| text.starts_with(prefix));
    let uuid_is_aws = starts(&row.uuid, "ec2") && (starts(&row.bios_version, "4.") || starts(&row.manufacturer, "Xen"));
    if starts(&row.manufacturer, "Amazon EC2") || starts(&row.bios_vendor, "Amazon EC2") || uuid_is_aws {
        return Some("aws");
    }
    const BY_CHASSIS: [(&str, &str); 5] = [
        ("7783-7084-3265-9085-8269-3286-77", "azure"),
        ("OracleCloud.com", "oracle"),
        ("HUAWEICLOUD", "huawei"),
        ("OpenTelekomCloud", "otc"),
        ("ibmcloud", "ibm"),
    ];
    const BY_PRODUCT: [(&str, &str); 6] = [
        ("Google Compute Engine", "gcp"),
        ("Alibaba Cloud ECS", "alibaba"),
        ("Exoscale", "exoscale"),
        ("CloudSigma", "cloudsigma"),
        ("3DS Outscale VM", "outscale"),
        ("OpenStack", "openstack"),
    ];
    const BY_MANUFACTURER: [(&str, &str); 10] = [
        ("DigitalOcean", "digitalocean"),
        ("Hetzner", "hetzner"),
        ("Alibaba Cloud", "alibaba"),
        ("Tencent Cloud", "tencent"),
        ("Scaleway", "scaleway"),
        ("Vultr", "vultr"),
        ("UpCloud", "upcloud"),
        ("Akamai", "linode"),
        ("Linode", "linode"),
        ("OpenStack Foundation", "openstack"),
    ];
    let by = |table: &[(&str, &'static str)], field: &Option<String>| table.iter().find(|(mark, _)| starts(field, mark)).map(|(_, name)| *name);
    by(&BY_CHASSIS, &row.chassis_asset_tag).or_else(|| by(&BY_PRODUCT, &row.product)).or_else(|| by(&BY_MANUFACTURER, &row.manufacturer))
}

/// Where firmware carries the provider's own id. Azure's is left to the other sources: firmware has it in either byte order.
fn instance_id(scope: &Scope<'_>, provider: &str, row: &System) -> Option<String> {
    match provider {
        // Nitro instances carry it here; the attribute needs no privileges.
        "aws" => scope.attribute("/sys/class/dmi/id/board_asset_tag").filter(|tag| tag.starts_with("i-")),
        "digitalocean" | "hetzner" | "vultr" | "upcloud" => row.serial.clone(),
        "openstack" | "huawei" | "otc" | "scaleway" => row.uuid.clone(),
        _ => None,
    }
}

/// Nitro puts the instance type into the product's name, Xen `HVM domU`.
fn is_aws_type(product: &str) -> bool {
    product.split_once('.').is_some_and(|(family, size)| !family.contains(' ') && !size.is_empty())
}

/// The world-readable summary of this boot; the variant with secrets beside it is left alone.
fn cloud_init(scope: &Scope<'_>, row: &mut System) {
    match scope.bytes(INSTANCE_DATA, INSTANCE_DATA_BYTES) {
        Ok(Some(bytes)) => match serde_json::from_slice::<Value>(&bytes) {
            Ok(summary) => from_summary(&summary, row),
            Err(error) => scope.problem(format_args!("{INSTANCE_DATA}:{}: not JSON", error.line())),
        },
        Ok(None) => from_files(scope, row),
        Err(error) => scope.problem(error),
    }
}

fn from_summary(summary: &Value, row: &mut System) {
    let text = |path: &str| match summary.pointer(path)? {
        Value::String(text) => tidy(text).filter(|text| text != "unknown" && text != "none"),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let Some(name) = text("/v1/cloud_name").as_deref().and_then(provider_of_cloud_init) else { return };
    row.cloud_provider.get_or_insert(name);
    row.cloud_instance_id = text("/v1/instance_id").or_else(|| row.cloud_instance_id.take());
    row.cloud_region = text("/v1/region");
    row.cloud_zone = text("/v1/availability_zone");
    row.cloud_type = ["/ds/meta_data/instance-type", "/ds/meta_data/instance_type", "/ds/meta_data/imds/compute/vmSize"]
        .iter()
        .find_map(|path| text(path))
        .or_else(|| row.cloud_type.take());
}

/// Before its version 18.4 cloud-init wrote no summary. The id lies on the disk and outlives a clone, so it counts only with the mark
/// of this boot beside it.
fn from_files(scope: &Scope<'_>, row: &mut System) {
    let Some(name) = scope.attribute("/run/cloud-init/cloud-id").as_deref().and_then(provider_of_cloud_init) else { return };
    row.cloud_provider.get_or_insert(name);
    if row.cloud_instance_id.is_none() {
        row.cloud_instance_id = scope.attribute("/var/lib/cloud/data/instance-id").filter(|id| !id.starts_with("iid-datasource-none"));
    }
}

/// Installers leave `none` and `nocloud` behind on machines that are in no cloud.
fn provider_of_cloud_init(name: &str) -> Option<String> {
    let name = match name {
        "none" | "nocloud" | "configdrive" | "fallback" | "unknown" | "vmware" | "ovf" | "lxd" | "maas" | "wsl" => return None,
        "gce" => "gcp",
        "ec2" | "aws-china" | "aws-gov" => "aws",
        "azure-china" | "azure-gov" => "azure",
        "aliyun" => "alibaba",
        "akamai" => "linode",
        name => name,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests;
