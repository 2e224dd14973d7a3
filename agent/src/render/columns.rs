//! Which columns of a section people want to see, and how its values read.

use super::table::bytes;
use rollcall_shared::SectionName;
use serde_json::Value;

/// One column of a section.
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) right: bool,
}

/// The columns of a section, the most telling first.
pub(super) fn of(name: SectionName) -> Vec<Field> {
    plan(name).split_whitespace().map(field).collect()
}

/// `key` or `key=title`, with `>` in front of figures; a title's `_` are blanks.
fn plan(name: SectionName) -> &'static str {
    match name {
        SectionName::System | SectionName::Os => "",
        SectionName::Cpus => ">socket manufacturer=maker model >cores >threads >max_mhz >l2_bytes=L2 >l3_bytes=L3",
        SectionName::MemoryModules => "slot >size_bytes=size memory_type=type >speed_mts manufacturer=maker part_number=part serial ecc",
        SectionName::Disks => "name >size_bytes=size interface vendor model serial firmware",
        SectionName::Filesystems => "mount_point fs_type=type >size_bytes=size device read_only encrypted",
        SectionName::NetworkInterfaces => "name kind state mac addresses >speed_mbps driver",
        SectionName::Packages => "name version architecture manager >size_bytes=size",
        SectionName::Services => "name enabled active_state=active sub_state=state user description",
        SectionName::Users => "name >uid groups shell locked comment",
        SectionName::Processes => ">pid user name unit started_at=started command",
        SectionName::Listeners => "protocol address >port >pid process unit",
        SectionName::Containers => "runtime name image state ports id",
        SectionName::Series => "metric attributes",
    }
}

fn field(word: &'static str) -> Field {
    let right = word.starts_with('>');
    let word = word.trim_start_matches('>');
    let (key, title) = word.split_once('=').unwrap_or((word, word));
    Field { key, title, right }
}

/// One value as text: sizes in readable units, lists joined, unknown as nothing.
pub(super) fn cell(key: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if key.ends_with("_bytes") => number.as_f64().map(bytes).unwrap_or_default(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => values.iter().map(|value| cell(key, value)).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => match (fields.get("address"), fields.get("prefix"), fields.get("container_port")) {
            (Some(Value::String(address)), Some(prefix), _) => format!("{address}/{prefix}"),
            (_, _, Some(port)) => match fields.get("host_port") {
                Some(host @ Value::Number(_)) => format!("{host}→{port}"),
                _ => port.to_string(),
            },
            _ => value.to_string(),
        },
    }
}
