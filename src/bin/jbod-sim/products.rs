//! Products, and the drives that are generated from them: the same seed and index give the same drive. Pure.

use crate::drive::{Drive, Kind, hash, mix};
use serde_json::Map;

/// A product, with the identification that its drives report.
struct Product {
    vendor: &'static str,
    model: &'static str,
    firmware: &'static str,
    /// The first eight digits of its NAA names, or of its EUI-64.
    naa: &'static str,
    bytes: u64,
    rotation: u32,
    /// The first characters of its serial numbers.
    serial: &'static str,
}

const fn product(
    vendor: &'static str,
    model: &'static str,
    firmware: &'static str,
    naa: &'static str,
    bytes: u64,
    rotation: u32,
    serial: &'static str,
) -> Product {
    Product { vendor, model, firmware, naa, bytes, rotation, serial }
}

const SAS: [Product; 4] = [
    product("SEAGATE", "ST16000NM004J", "E004", "5000c500", 16_000_900_661_248, 7200, "ZR7"),
    product("HGST", "HUH721212AL5200", "A3D0", "5000cca2", 12_000_138_625_024, 7200, "8DJ"),
    product("WDC", "WUH721818AL5204", "C232", "5000cca2", 18_000_207_937_536, 7200, "3FK"),
    product("SEAGATE", "ST8000NM0075", "E005", "5000c500", 8_001_563_222_016, 7200, "ZA2"),
];
const DUAL_ACTUATOR: [Product; 1] =
    [product("SEAGATE", "ST14000NM0001", "K002", "5000c500", 14_000_519_643_136, 7200, "ZKL")];
const SATA: [Product; 3] = [
    product("ATA", "WDC  WUH721414ALE6L4", "LDGNW240", "5000cca2", 14_000_519_643_136, 7200, "9JG"),
    product("ATA", "ST16000NM001G-2KK103", "SN03", "5000c500", 16_000_900_661_248, 7200, "ZL2"),
    product("ATA", "HGST HUS728T8TALE6L4", "V8GNW460", "5000cca0", 8_001_563_222_016, 7200, "VGH"),
];
const SSD: [Product; 2] = [
    product("SAMSUNG", "MZILT3T8HALS/007", "GXA0", "5002538b", 3_840_755_982_336, 0, "S5G0NC0R4"),
    product("SAMSUNG", "MZILS1T6HEJH/007", "FXA0", "5002538a", 1_600_321_314_816, 0, "S3E2NX0K9"),
];
const SATA_SSD: [Product; 1] =
    [product("ATA", "SAMSUNG MZ7LH3T8HMLT-00005", "HXT7404Q", "5002538e", 3_840_755_982_336, 0, "S456NY0M2")];
const NVME: [Product; 1] =
    [product("", "SAMSUNG MZQL23T8HCLS-00A07", "GDC5602Q", "36344630", 3_840_755_982_336, 0, "S64HNE0R7")];

/// The drive with this index on the host. It is in no bay and has no paths.
pub fn generate(seed: u64, kind: Kind, index: u64) -> Drive {
    let products: &[Product] = match kind {
        Kind::Sas => &SAS,
        Kind::Sata => &SATA,
        Kind::Ssd => &SSD,
        Kind::Nvme => &NVME,
    };
    generate_from(products, seed, kind, index)
}

/// A SATA SSD: a SATA drive with a rotation rate of 0.
pub fn sata_ssd(seed: u64, index: u64) -> Drive {
    generate_from(&SATA_SSD, seed, Kind::Sata, index)
}

/// A SAS hard disk with two actuators: two logical units, each with half of the capacity.
pub fn dual_actuator(seed: u64, index: u64) -> Drive {
    Drive { units: 2, ..generate_from(&DUAL_ACTUATOR, seed, Kind::Sas, index) }
}

fn generate_from(products: &[Product], seed: u64, kind: Kind, index: u64) -> Drive {
    // 24 consecutive drives are of one product.
    let choice = mix(seed ^ hash("product") ^ (index / 24)) % products.len().max(1) as u64;
    let product = products.get(usize::try_from(choice).unwrap_or(0)).unwrap_or(&NVME[0]);
    // Multiplication by an odd factor is a bijection of the numbers below 2^25: no two drives have the same number.
    let number = (index.wrapping_mul(0x9e_3779) ^ (mix(seed) & 0x1ff_ffff)) & 0x1ff_ffff;
    let code = serial_code(number);
    let serial = match (kind, product.vendor) {
        (Kind::Sas, "SEAGATE") => {
            format!("{}{code}0000C{:03}{:04X}", product.serial, index % 1000, mix(seed ^ index) & 0xffff)
        }
        _ => format!("{}{code}", product.serial),
    };
    let wwn = format!("{}{:08x}", product.naa, number << 7 | (index & 1) << 6);
    Drive {
        key: serial.clone(),
        guid: mix(seed ^ hash(&serial)) | 1 << 63,
        serial,
        vendor: product.vendor.to_owned(),
        model: product.model.to_owned(),
        firmware: product.firmware.to_owned(),
        kind,
        wwn: Some(wwn),
        t10: kind == Kind::Sata && index % 9 == 4,
        bytes: product.bytes,
        units: 1,
        rotation: product.rotation,
        bay: None,
        pulled_from: None,
        paths: Vec::new(),
        nvme: None,
        map: None,
        raid: None,
        usb: None,
        recorded: None,
        state: Map::new(),
        leaf: Map::new(),
    }
}

/// Five characters for a number below 2^25, five bits each.
fn serial_code(number: u64) -> String {
    const CHARACTERS: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTUVWX";
    let mut code = String::new();
    for place in (0..5).rev() {
        let index = usize::try_from(number >> (place * 5) & 31).unwrap_or(0);
        code.push(char::from(CHARACTERS.get(index).copied().unwrap_or(b'0')));
    }
    code
}

/// A drive with one path in bay 3, for unit tests.
#[cfg(test)]
pub fn sample(kind: Kind) -> Drive {
    use crate::drive::{Bay, Path};
    let mut drive = generate(1, kind, 7);
    drive.bay = Some(Bay { shelf: 0, place: 3 });
    drive.paths = vec![Path { host: 0, port: 3, target: 3, lun: 0, disk: 3, generic: 3 }];
    drive.t10 = false;
    drive
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn identities_are_unique_and_repeatable() {
        for kind in [Kind::Sas, Kind::Sata, Kind::Ssd] {
            let drives: Vec<Drive> = (0..20_000).map(|index| generate(1, kind, index)).collect();
            assert_eq!(drives.iter().map(|drive| &drive.serial).collect::<HashSet<_>>().len(), 20_000);
            assert_eq!(drives.iter().map(|drive| &drive.wwn).collect::<HashSet<_>>().len(), 20_000);
        }
        assert_eq!(generate(1, Kind::Sas, 5).serial, generate(1, Kind::Sas, 5).serial);
        assert_ne!(generate(1, Kind::Sas, 5).serial, generate(2, Kind::Sas, 5).serial);
    }
}
