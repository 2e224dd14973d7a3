use super::*;
use proptest::prelude::*;

const TEXT: &str = r#"# Written by hand
contents = "Text Format Volume Group"
description = "Created *after* executing 'lvcreate --config 'filter=[\"a|.*|\"] }' vg'"
creation_time = 1700000000	# a comment }

data-vg {
	id = "8jOtjs-qJ8r-JDXH-fPog-VSax-JNgC-eTgXQf"
	seqno = 7
	status = ["RESIZEABLE", "READ", "WRITE"]
	flags = []
	extent_size = 8192		# 4 Megabytes
	physical_volumes {
		pv0 {
			id = "mdknUs-8zp3-zHcd-bZVl-Ldt5-UNFD-pNJkn6"
			device = "/dev/sda3"	# Hint only
			status = ["ALLOCATABLE"]
			pe_count = 15	# 60 Megabytes
		}
		pv1 {
			id = "Lg3pXr-VglN-ljBX-anZm-3T3V-Qm9C-fUEp33"
			status = ["ALLOCATABLE"]
			flags = ["MISSING"]
			pe_count = 15
		}
	}
	logical_volumes {
		root {
			id = "AAAAAA-bbbb-cccc-dddd-eeee-ffff-gggggg"
			status = ["READ", "WRITE", "VISIBLE"]
			segment_count = 2
			segment1 {
				start_extent = 0
				extent_count = 4
				type = "striped"
				stripe_count = 1	# linear
				stripes = [
					"pv0", 0
				]
			}
			segment2 {
				extent_count = 2
				type = "striped"
				stripe_count = 2
				stripes = [ "pv0", 4, "pv1", 0 ]
			}
		}
		mirror_rimage_0 {
			id = "BBBBBB-bbbb-cccc-dddd-eeee-ffff-gggggg"
			status = ["READ", "WRITE"]
		}
		snap {
			id = "CCCCCC-bbbb-cccc-dddd-eeee-ffff-gggggg"
			status = ["READ", "WRITE", "VISIBLE"]
			segment1 {
				extent_count = 1
				type = "striped"
				stripe_count = 1
				stripes = ["pv0", 9]
			}
		}
		snapshot0 {
			id = "DDDDDD-bbbb-cccc-dddd-eeee-ffff-gggggg"
			segment1 {
				extent_count = 4
				type = "snapshot"
				origin = "root"
				cow_store = "snap"
			}
		}
	}
}
"#;

#[test]
fn a_volume_group_is_read_with_what_is_in_it() {
    let group = parse(TEXT).expect("a group");
    assert_eq!((group.name.as_str(), group.sequence, group.exported), ("data-vg", 7, false));
    let physical: Vec<_> = group.physical.iter().map(|one| (one.name.as_str(), one.device.as_deref(), one.missing, one.size_bytes)).collect();
    assert_eq!(physical, [("pv0", Some("/dev/sda3"), false, Some(60 << 20)), ("pv1", None, true, Some(60 << 20))]);
    let logical: Vec<_> =
        group.logical.iter().map(|one| (one.name.as_str(), one.visible, one.size_bytes, one.segment_type.as_deref(), one.on.join(" "))).collect();
    assert_eq!(
        logical,
        [
            ("root", true, Some(24 << 20), Some("linear+striped"), "pv0 pv0 pv1".to_owned()),
            ("mirror_rimage_0", false, Some(0), None, String::new()),
            ("snap", true, Some(4 << 20), Some("snapshot"), "pv0".to_owned()),
            ("snapshot0", false, Some(16 << 20), Some("snapshot"), String::new()),
        ]
    );
}

#[track_caller]
fn check_malformed(text: &str, expected: Malformed) {
    assert_eq!(parse(text), Err(expected));
}

#[test]
fn a_malformed_text_names_its_line() {
    check_malformed("a = 1\n", (1, "no volume group in it"));
    check_malformed("vg {\nid = \"x", (2, "a text without end"));
    check_malformed("vg {\nid = \"x\"\n", (3, "a section without end"));
    check_malformed("vg {\n\nid [", (3, "neither a value nor a section"));
    check_malformed("vg { extent_size = 1 }", (1, "a volume group without id"));
    check_malformed("a = [ 1 2 ]", (1, "a list without end"));
    check_malformed("} = 1", (1, "a name is missing"));
    check_malformed(&"a {".repeat(100), (1, "sections too deep"));
    check_malformed(&"a=1\n".repeat(ENTRIES + 1), (ENTRIES + 1, "more entries than a volume group has"));
}

#[test]
fn a_size_beyond_64_bits_is_unknown() {
    let text = "vg { id = \"i\" extent_size = 18446744073709551615 physical_volumes { pv0 { id = \"p\" pe_count = 9 } } }";
    assert_eq!(parse(text).expect("a group").physical[0].size_bytes, None);
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_damage_panics(at in 0..TEXT.len(), instead in "[a-z{}=\\[\\]\"#,\u{e9}\n]{0,3}") {
        let _ = parse(&format!("{}{instead}{}", &TEXT[..at], &TEXT[at..]));
        let _ = parse(&TEXT[..at]);
    }
}
