//! Makers' names for the PNP ids that monitors carry most.

/// The maker's name as a person would write it.
pub(super) fn name(id: &str) -> Option<&'static str> {
    MAKERS.binary_search_by_key(&id, |(id, _)| id).ok().and_then(|at| MAKERS.get(at)).map(|(_, name)| *name)
}

/// Sorted by id.
const MAKERS: &[(&str, &str)] = &[
    ("ACI", "ASUS"),
    ("ACR", "Acer"),
    ("AOC", "AOC"),
    ("APP", "Apple"),
    ("AUO", "AU Optronics"),
    ("AUS", "ASUS"),
    ("BNQ", "BenQ"),
    ("BOE", "BOE"),
    ("CMN", "Chimei Innolux"),
    ("CMO", "Chi Mei Optoelectronics"),
    ("CPQ", "Compaq"),
    ("CSO", "CSOT"),
    ("CSW", "CSOT"),
    ("DEL", "Dell"),
    ("ELO", "Elo"),
    ("ENC", "EIZO"),
    ("EPI", "Envision"),
    ("FUS", "Fujitsu"),
    ("GBT", "Gigabyte"),
    ("GSM", "LG"),
    ("GWY", "Gateway"),
    ("HEI", "Hyundai"),
    ("HIT", "Hitachi"),
    ("HPN", "HP"),
    ("HSD", "HannStar"),
    ("HWP", "HP"),
    ("HWV", "Huawei"),
    ("IBM", "IBM"),
    ("IVM", "iiyama"),
    ("IVO", "InfoVision"),
    ("JVC", "JVC"),
    ("LEN", "Lenovo"),
    ("LGD", "LG Display"),
    ("LPL", "LG Philips"),
    ("MEI", "Panasonic"),
    ("MEL", "Mitsubishi"),
    ("MSI", "MSI"),
    ("NEC", "NEC"),
    ("NVD", "NVIDIA"),
    ("PHL", "Philips"),
    ("PIO", "Pioneer"),
    ("PNR", "Planar"),
    ("RHT", "Red Hat"),
    ("SAM", "Samsung"),
    ("SDC", "Samsung Display"),
    ("SHP", "Sharp"),
    ("SNY", "Sony"),
    ("SPT", "Sceptre"),
    ("STN", "Samsung"),
    ("TCL", "TCL"),
    ("TOS", "Toshiba"),
    ("TSB", "Toshiba"),
    ("VES", "Vestel"),
    ("VIZ", "Vizio"),
    ("VMW", "VMware"),
    ("VSC", "ViewSonic"),
    ("WAC", "Wacom"),
    ("XMI", "Xiaomi"),
    ("YMH", "Yamaha"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(MAKERS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!((name("DEL"), name("VSC"), name("AAA")), (Some("Dell"), Some("ViewSonic"), None));
    }
}
