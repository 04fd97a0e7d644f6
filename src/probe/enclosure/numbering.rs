//! The numbers of bays. Pure.
//!
//! The number is the attribute `slot` (`drivers/misc/enclosure.c`). One that two bays have is of neither: the unique ones
//! stay, and the others are placed by the offset between names and numbers, or have none. A shelf without usable
//! numbers has those in its names, or else the positions.

use std::collections::{HashMap, HashSet};

/// A bay, with what the kernel or another IO module says of its number.
#[derive(Clone, Debug)]
pub(super) struct NumberedBay<'a> {
    pub(super) name: &'a str,
    pub(super) number: Option<u32>,
}

/// Bays whose names and numbers must differ by the same value before a number is derived from it.
const WITNESSES: usize = 2;

/// The numbers of the bays of one shelf or IO module; none occurs twice. `bays`: in natural order of their names.
pub(super) fn resolve(bays: &[NumberedBay]) -> Vec<Option<u32>> {
    let numbers = unique(&bays.iter().map(|bay| bay.number).collect::<Vec<_>>());
    let in_names: Vec<Option<u32>> = bays.iter().map(|bay| number_in(bay.name)).collect();
    if numbers.iter().all(Option::is_none) {
        return by_name(bays, &in_names);
    }
    match offset(&numbers, &in_names) {
        Some(offset) => place_doubtful(&numbers, &in_names, offset),
        None => numbers,
    }
}

/// A name less the number of its bay, if that is the same for all bays that have both.
fn offset(numbers: &[Option<u32>], in_names: &[Option<u32>]) -> Option<i64> {
    let differences: Vec<i64> = numbers
        .iter()
        .zip(in_names)
        .filter_map(|(number, in_name)| Some(i64::from((*in_name)?) - i64::from((*number)?)))
        .collect();
    let first = *differences.first()?;
    (differences.len() >= WITNESSES && differences.iter().all(|other| *other == first)).then_some(first)
}

/// Gives bays without a number the one that follows from the name, where no other bay has it.
fn place_doubtful(numbers: &[Option<u32>], in_names: &[Option<u32>], offset: i64) -> Vec<Option<u32>> {
    let expected = |in_name: &Option<u32>| u32::try_from(i64::from((*in_name)?) - offset).ok();
    let placed: Vec<Option<u32>> =
        numbers.iter().zip(in_names).map(|(number, in_name)| number.or_else(|| expected(in_name))).collect();
    let by_name_alone = unique(&placed);
    numbers.iter().zip(by_name_alone).map(|(number, placed)| number.or(placed)).collect()
}

/// By the numbers in the names; by position if there are none.
fn by_name(bays: &[NumberedBay], in_names: &[Option<u32>]) -> Vec<Option<u32>> {
    let names: HashSet<&str> = bays.iter().map(|bay| bay.name.trim()).collect();
    // The kernel makes names unique by appending -1, -2, … (`enclosure_component_alloc`): the first has none.
    let is_first_of_series = |bay: &NumberedBay, in_name: &Option<u32>| {
        in_name.is_none() && names.contains(&*format!("{}-1", bay.name.trim()))
    };
    let numbers: Vec<Option<u32>> = bays
        .iter()
        .zip(in_names)
        .map(|(bay, in_name)| if is_first_of_series(bay, in_name) { Some(0) } else { *in_name })
        .collect();
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
    numbers.iter().map(|number| number.filter(|n| occurrences.get(n) == Some(&1))).collect()
}

/// `SLOT 039,3GJ9Y2UE` is 39, `Drive Slot #0_0000000000000000` is 0.
fn number_in(name: &str) -> Option<u32> {
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let digits = name.get(start..)?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names reported from real enclosures, with the bay number that each contains.
    #[test]
    fn bay_numbers_are_read_out_of_odd_names() {
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
    fn one_wrong_number_costs_its_own_bay_only() {
        // slot01 to slot12 with numbers from 0; slot08 has that of slot05.
        let names: Vec<String> = (1..=12).map(|n| format!("slot{n:02}")).collect();
        let bays: Vec<(&str, Option<u32>)> = names
            .iter()
            .zip(0..)
            .map(|(name, number)| (name.as_str(), Some(if number == 7 { 4 } else { number })))
            .collect();
        assert_eq!(resolved(&bays), (0..12).map(Some).collect::<Vec<_>>());
        // Without the offset, the two have no number, and the others keep theirs.
        let unnamed = [("left", Some(0)), ("middle", Some(1)), ("right", Some(1)), ("top", Some(3))];
        assert_eq!(resolved(&unnamed), [Some(0), None, None, Some(3)]);
        // An offset that does not hold throughout is none.
        let shifted = [("slot1", Some(0)), ("slot2", Some(5)), ("slot3", Some(3)), ("slot4", Some(3))];
        assert_eq!(resolved(&shifted), [Some(0), Some(5), None, None]);
        // A number that follows from the name, but is another bay's.
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

    /// Whatever is given: no number occurs twice, and a unique number stays.
    #[test]
    fn numbers_are_unique_and_unique_ones_stay() {
        for seed in 0..20_000_u32 {
            let digit = |place: u32| seed / 7_u32.pow(place) % 7;
            let names: Vec<String> = (0..5)
                .map(|place| format!("slot{}{}", (digit(4) + place) % 6, ["", "a"][usize::from(place == 3)]))
                .collect();
            let numbers: Vec<Option<u32>> = (0..5).map(|place| Some(digit(place)).filter(|n| *n < 6)).collect();
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
