//! Words of the SMBIOS standard (DSP0134 3.9) for its numbers. Numbers that say "other" or "unknown" have none.

/// Chassis types, 7.4.1.
pub(super) fn chassis(code: u8) -> Option<&'static str> {
    const NAMES: [&str; 34] = [
        "desktop", "low_profile_desktop", "pizza_box", "mini_tower", "tower", "portable", "laptop", "notebook", "hand_held",
        "docking_station", "all_in_one", "sub_notebook", "space_saving", "lunch_box", "main_server_chassis", "expansion_chassis",
        "sub_chassis", "bus_expansion_chassis", "peripheral_chassis", "raid_chassis", "rack_mount_chassis", "sealed_case_pc",
        "multi_system_chassis", "compact_pci", "advanced_tca", "blade", "blade_enclosure", "tablet", "convertible", "detachable",
        "iot_gateway", "embedded_pc", "mini_pc", "stick_pc",
    ];
    NAMES.get(usize::from(code).checked_sub(3)?).copied()
}

/// Memory device form factors, 7.18.1.
pub(super) fn form_factor(code: u8) -> Option<&'static str> {
    const NAMES: [&str; 17] = [
        "SIMM", "SIP", "Chip", "DIP", "ZIP", "Proprietary Card", "DIMM", "TSOP", "Row of chips", "RIMM", "SODIMM", "SRIMM", "FB-DIMM",
        "Die", "CAMM", "CUDIMM", "CSODIMM",
    ];
    NAMES.get(usize::from(code).checked_sub(3)?).copied()
}

/// Memory device types, 7.18.2.
pub(super) fn memory_type(code: u8) -> Option<&'static str> {
    const NAMES: [&str; 35] = [
        "DRAM", "EDRAM", "VRAM", "SRAM", "RAM", "ROM", "Flash", "EEPROM", "FEPROM", "EPROM", "CDRAM", "3DRAM", "SDRAM", "SGRAM", "RDRAM",
        "DDR", "DDR2", "DDR2 FB-DIMM", "", "", "", "DDR3", "FBD2", "DDR4", "LPDDR", "LPDDR2", "LPDDR3", "LPDDR4",
        "Logical non-volatile device", "HBM", "HBM2", "DDR5", "LPDDR5", "HBM3",
        "MRDIMM",
    ];
    NAMES.get(usize::from(code).checked_sub(3)?).copied().filter(|name| !name.is_empty())
}
