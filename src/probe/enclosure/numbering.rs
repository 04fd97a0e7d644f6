//! The numbers of bays. Pure.
//!
//! The number is the attribute `slot` (`drivers/misc/enclosure.c`). Unique numbers are kept. A bay whose number is
//! missing or not unique gets one that is derived from its name, by the offset between the names and numbers of the
//! other bays, or none. If no number of an enclosure is usable, the numbers in the names are used, or else the
//! positions.

use std::collections::{HashMap, HashSet};

/// A bay, with the number that the kernel or another IO module reports.
#[derive(Clone, Debug)]
pub(super) struct NumberedBay<'a> {
    pub(super) name: &'a str,
    pub(super) number: Option<u32>,
}

/// Bays whose names and numbers must differ by the same value before a number is derived from it.
const WITNESSES: usize = 2;

/// The numbers of the bays of one enclosure or IO module; none occurs twice. `bays`: in natural order of their names.
pub(super) fn resolve(bays: &[NumberedBay]) -> Vec<Option<u32>> {
    let numbers = unique(&bays.iter().map(|bay| bay.number).collect::<Vec<_>>());
    let in_names: Vec<Option<u32>> = bays.iter().map(|bay| number_in(bay.name)).collect();
    if numbers.iter().all(Option::is_none) {
        return by_name(bays, &in_names);
    }
    match offset(&numbers, &in_names) {
        Some(offset) => derive_missing(&numbers, &in_names, offset),
        None => numbers,
    }
}

/// The number in a bay's name minus the bay's number, if that is the same for all bays that have both.
fn offset(numbers: &[Option<u32>], in_names: &[Option<u32>]) -> Option<i64> {
    let mut offset = None;
    let mut witnesses = 0;
    for pair in numbers.iter().zip(in_names) {
        let (Some(number), Some(in_name)) = pair else { continue };
        let difference = i64::from(*in_name) - i64::from(*number);
        if *offset.get_or_insert(difference) != difference {
            return None;
        }
        witnesses += 1;
    }
    if witnesses < WITNESSES {
        return None;
    }
    offset
}

/// Gives bays without a number the one that follows from the name, unless another bay has it.
fn derive_missing(numbers: &[Option<u32>], in_names: &[Option<u32>], offset: i64) -> Vec<Option<u32>> {
    let mut derived = numbers.to_vec();
    for (number, in_name) in derived.iter_mut().zip(in_names) {
        if let (None, Some(in_name)) = (*number, in_name) {
            *number = u32::try_from(i64::from(*in_name) - offset).ok();
        }
    }
    // A number that was read is kept, even if a derived one equals it.
    numbers.iter().zip(unique(&derived)).map(|(number, derived)| number.or(derived)).collect()
}

/// The numbers in the names, or the positions if there are none.
fn by_name(bays: &[NumberedBay], in_names: &[Option<u32>]) -> Vec<Option<u32>> {
    let names: HashSet<&str> = bays.iter().map(|bay| bay.name.trim()).collect();
    let mut numbers = in_names.to_vec();
    for (bay, number) in bays.iter().zip(&mut numbers) {
        // The kernel makes names unique by appending -1, -2, … to all but the first (`enclosure_component_alloc`).
        if number.is_none() && names.contains(&*format!("{}-1", bay.name.trim())) {
            *number = Some(0);
        }
    }
    let numbers = unique(&numbers);
    if numbers.iter().all(Option::is_none) {
        return (0..).map(Some).take(bays.len()).collect();
    }
    numbers
}

/// Removes numbers that occur more than once.
fn unique(numbers: &[Option<u32>]) -> Vec<Option<u32>> {
    let mut occurrences: HashMap<u32, usize> = HashMap::new();
    for number in numbers.iter().flatten() {
        *occurrences.entry(*number).or_default() += 1;
    }
    numbers.iter().map(|number| number.filter(|number| occurrences.get(number) == Some(&1))).collect()
}

/// The first number in a name: `SLOT 039,3GJ9Y2UE` gives 39, `Drive Slot #0_0000000000000000` gives 0.
fn number_in(name: &str) -> Option<u32> {
    let mut numbers = name.split(|character: char| !character.is_ascii_digit()).filter(|digits| !digits.is_empty());
    numbers.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names reported from real enclosures, with the bay number that each contains.
    #[test]
    fn bay_numbers_are_read_from_names_of_many_forms() {
        for (name, number) in [
            ("0", Some(0)),
            ("000", Some(0)),
            ("Slot 00", Some(0)),
            ("Slot01", Some(1)),
            ("SLOT_001", Some(1)),
            ("Disk #00", Some(0)),
            ("ArrayDevice07", Some(7)),
            ("SLOT 039,3GJ9Y2UE           ", Some(39)),
            ("Drive Slot #0_0000000000000000", Some(0)),
            ("SLOT 30 32", Some(30)),
            ("front", None),
            ("99999999999", None),
        ] {
            assert_eq!(number_in(name), number, "{name:?}");
        }
    }

    fn resolved(bays: &[(&str, Option<u32>)]) -> Vec<Option<u32>> {
        resolve(&bays.iter().map(|(name, number)| NumberedBay { name, number: *number }).collect::<Vec<_>>())
    }

    #[test]
    fn a_wrong_number_affects_its_own_bay_only() {
        // slot01 to slot12 with numbers from 0; slot08 has that of slot05.
        let names: Vec<String> = (1..=12).map(|number| format!("slot{number:02}")).collect();
        let mut bays: Vec<(&str, Option<u32>)> = names.iter().map(String::as_str).zip((0..).map(Some)).collect();
        bays[7].1 = Some(4);
        assert_eq!(resolved(&bays), (0..12).map(Some).collect::<Vec<_>>());
        // Without the offset, the two have no number, and the others keep theirs.
        let unnamed = [("left", Some(0)), ("middle", Some(1)), ("right", Some(1)), ("top", Some(3))];
        assert_eq!(resolved(&unnamed), [Some(0), None, None, Some(3)]);
        // There is no offset unless all bays agree on it.
        let shifted = [("slot1", Some(0)), ("slot2", Some(5)), ("slot3", Some(3)), ("slot4", Some(3))];
        assert_eq!(resolved(&shifted), [Some(0), Some(5), None, None]);
        // A number that follows from the name, but belongs to another bay.
        let taken = [("slot1", Some(0)), ("slot2", Some(1)), ("bay 2", Some(7)), ("slot9", Some(7))];
        assert_eq!(resolved(&taken), [Some(0), Some(1), None, Some(8)]);
        // A bay without the attribute.
        let absent = [("slot1", Some(0)), ("slot2", Some(1)), ("slot3", None)];
        assert_eq!(resolved(&absent), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn without_usable_numbers_the_names_have_them() {
        let zeros = [("slot1", Some(0)), ("slot2", Some(0)), ("slot3", Some(0))];
        assert_eq!(resolved(&zeros), [Some(1), Some(2), Some(3)]);
        let repeated = [("slot1", None), ("slot2", None), ("slot 2", None)];
        assert_eq!(resolved(&repeated), [Some(1), None, None]);
        let series = [("ArrayDevice", None), ("ArrayDevice-1", None), ("ArrayDevice-2", None)];
        assert_eq!(resolved(&series), [Some(0), Some(1), Some(2)]);
        assert_eq!(resolved(&[("left", None), ("right", None)]), [Some(0), Some(1)], "the positions");
    }

    /// For any input, no number occurs twice, and unique numbers are kept.
    #[test]
    fn numbers_are_unique_and_unique_ones_are_kept() {
        for seed in 0..20_000_u32 {
            let digits: Vec<u32> = (0..5).map(|place| seed / 7_u32.pow(place) % 7).collect();
            let names: Vec<String> = (0..5)
                .map(|place| format!("slot{}{}", (digits[4] + place) % 6, ["", "a"][usize::from(place == 3)]))
                .collect();
            let numbers: Vec<Option<u32>> =
                digits.iter().map(|digit| Some(*digit).filter(|digit| *digit < 6)).collect();
            let bays: Vec<(&str, Option<u32>)> =
                names.iter().map(String::as_str).zip(numbers.iter().copied()).collect();
            let resolved = resolved(&bays);
            assert_eq!(resolved, unique(&resolved), "{bays:?}");
            for (given, found) in unique(&numbers).iter().zip(&resolved) {
                assert!(given.is_none() || given == found, "{bays:?}: {resolved:?}");
            }
        }
    }
}
