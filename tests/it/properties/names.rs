//! Names, times and labels: values survive writing and reading, and comparisons are total orders.

use super::random::cases;
use jbod_monitor::api::stale::mark_stale;
use jbod_monitor::domain::identity;
use jbod_monitor::domain::identity::DeviceName;
use jbod_monitor::domain::text::natural_cmp;
use jbod_monitor::domain::text::sanitize;
use jbod_monitor::domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Names with common prefixes and numbers, so that comparisons reach their last steps.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(vec!["sd", "sda", "sdb", "sdaa", "nvme", "n", "Slot", "a", "A", "_", "-", " ", ":", "ä", "日"])
            .prop_map(str::to_owned),
        4 => prop::sample::select(vec!["0", "1", "01", "001", "2", "10", "9", "99999999999999999999999999", "٣"]).prop_map(str::to_owned),
        1 => ".{0,3}",
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

fn device() -> impl Strategy<Value = DeviceName> {
    let letters = prop::sample::select(vec![
        "sd", "sda", "sdb", "sdz", "sdaa", "sdab", "nvme0n1", "nvme10n1", "sg", "sdA", "sd-",
    ]);
    let rest = prop::sample::select(vec!["", "1", "01", "2", "10", "a", "A", "_", "-", "p1"]);
    (letters, rest).prop_filter_map("no name", |(letters, rest)| DeviceName::parse(&format!("{letters}{rest}")))
}

fn assert_ordered<T: std::fmt::Debug>(three: [&T; 3], cmp: impl Fn(&T, &T) -> Ordering, same: impl Fn(&T, &T) -> bool) {
    for one in three {
        for other in three {
            assert_eq!(cmp(one, other), cmp(other, one).reverse(), "{one:?} {other:?}");
            assert_eq!(cmp(one, other) == Ordering::Equal, same(one, other), "{one:?} {other:?}");
        }
    }
    for (low, middle, high) in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
        let [low, middle, high] = [low, middle, high].map(|index: usize| three[index]);
        if cmp(low, middle) == Ordering::Less && cmp(middle, high) == Ordering::Less {
            assert_eq!(cmp(low, high), Ordering::Less, "{low:?} < {middle:?} < {high:?}");
        }
    }
}

/// JSON as it may be stored: `stale` at any depth, and strings that look like it.
fn document() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec![
        "stale",
        "\"stale\":false",
        "\\\"stale\\\":false",
        "a\\",
        "\"",
        "\"stale\"",
        ":false",
    ]);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        let key = prop_oneof![text.clone().prop_map(str::to_owned), Just("stale".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|entries| Value::from(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same, in which every `stale` is true.
fn labelled(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(labelled).collect(),
        Value::Object(entries) => {
            let mut labels = Map::new();
            for (key, value) in entries {
                let value = if key == "stale" && value == false { true.into() } else { labelled(value) };
                labels.insert(key, value);
            }
            Value::Object(labels)
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn text_with_numbers_has_a_total_order(one in name(), two in name(), three in name()) {
        assert_ordered([&one, &two, &three], |left, right| natural_cmp(left, right), |left, right| left == right);
    }

    #[test]
    fn devices_have_a_total_order(one in device(), two in device(), three in device()) {
        assert_ordered([&one, &two, &three], Ord::cmp, |left, right| left == right);
    }

    /// A valid name is unchanged, in JSON too, and safe in a path and as an argument.
    #[test]
    fn a_device_name_is_unchanged_or_invalid(text in prop_oneof![name(), ".{0,40}", "[a-zA-Z0-9_-]{0,40}"]) {
        let json = serde_json::to_string(&text).expect("JSON");
        let read = serde_json::from_str::<DeviceName>(&json).ok();
        let parsed = DeviceName::parse(&text);
        prop_assert_eq!(&read, &parsed, "the same result from JSON");
        if let Some(name) = parsed {
            prop_assert_eq!(name.as_str(), &text);
            prop_assert_eq!(serde_json::to_string(&name).expect("JSON"), json);
            prop_assert!((1..=32).contains(&text.len()) && !text.contains(['/', '.', ' ', '\0', ':', '*']));
        }
    }

    #[test]
    fn times_are_written_and_read(seconds in prop_oneof![-377_705_023_201..=253_402_207_200i64, 0..4_102_444_800i64]) {
        let moment = Timestamp(seconds);
        let text = serde_json::to_string(&moment).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&text).ok(), Some(moment), "{}", text);
        // RFC 3339 has four digits for a year, and HTTP dates have a fixed length.
        if seconds >= 0 {
            prop_assert!(text.len() == "\"2026-01-01T00:00:00Z\"".len() && text.ends_with("Z\""), "{}", text);
            prop_assert!(moment.to_http_date().len() == "Thu, 01 Jan 2026 00:00:00 GMT".len());
        }
    }

    #[test]
    fn ages_are_not_negative_and_do_not_overflow(time in any::<i64>(), now in any::<i64>()) {
        let age = Timestamp(time).age_seconds(Timestamp(now));
        prop_assert_eq!(age == 0, now <= time);
        let _ = (Timestamp(time).to_string(), Timestamp(time).to_http_date());
    }

    #[test]
    fn a_last_known_copy_is_labelled_and_otherwise_unchanged(document in document()) {
        let fresh = document.to_string().into_bytes();
        let stale = mark_stale(&fresh);
        prop_assert_eq!(serde_json::from_slice::<Value>(&stale).ok(), Some(labelled(document)));
        prop_assert_eq!(mark_stale(&stale), stale, "a second time changes nothing");
    }

    #[test]
    fn sanitized_text_has_no_control_characters(text in prop_oneof![".{0,60}", "[\0-\u{ff}\u{200b}-\u{2069}]{0,40}"]) {
        let shown = sanitize(&text);
        prop_assert_eq!(shown.chars().count(), text.chars().count());
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert_eq!(sanitize(&shown), shown);
    }

    #[test]
    fn a_name_without_its_path_is_a_part_of_it(text in prop_oneof![name(), ".{0,30}", "(/?dev/|/)?(disk/by-id/)?[a-z0-9:/-]{0,20}(-part[0-9]{0,2})?/?"]) {
        let bare = identity::strip_path(&text);
        prop_assert!(text.contains(bare));
        prop_assert!(text.contains(identity::strip_partition(&text)));
    }
}
