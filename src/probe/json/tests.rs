//! Texts that are parsed, rejected and written, compared with `serde_json`.

use super::*;

const LIMITS: Limits = Limits { bytes: 10_000, values: 100, depth: 8 };

fn tree(text: &str) -> Result<Tree<'_>, JsonError> {
    parse(text, LIMITS)
}

/// The text that is stored for it.
fn raw(text: &str) -> String {
    raw_value(&tree(text).unwrap()).unwrap().get().to_owned()
}

#[test]
fn values_are_found_by_their_path() {
    let text = r#" {"a" : [1, {"b": "x"} , [], {}], "c": {"d": null, "e": [true, false]}, "": -1.5e3} "#;
    let tree = tree(text).unwrap();
    let at = |path: &str| tree.root().pointer(path);
    assert!(tree.root().is_object() && at("").is_some_and(Json::is_object));
    assert_eq!(at("/a/0").and_then(Json::as_number), Some("1"));
    assert_eq!(at("/a/1/b").and_then(Json::as_text).as_deref(), Some("x"));
    assert_eq!(at("/a").map(|list| list.items().count()), Some(4));
    assert_eq!(at("/a/2").map(|list| list.items().count()), Some(0));
    assert_eq!(at("/a/3").map(|object| object.entries().count()), Some(0));
    assert_eq!(at("/c/d").map(Json::is_null), Some(true));
    assert_eq!((at("/c/e/0").and_then(Json::as_bool), at("/c/e/1").and_then(Json::as_bool)), (Some(true), Some(false)));
    assert_eq!(at("/").and_then(Json::as_number), Some("-1.5e3"));
    for nothing in ["/a/4", "/a/x", "/a/-1", "/c/x", "/c/d/x", "/a/0/0", "/b"] {
        assert!(at(nothing).is_none(), "{nothing}");
    }
    let keys: Vec<String> = tree.root().entries().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(keys, ["a", "c", ""]);
}

#[test]
fn the_last_of_a_key_counts() {
    let tree = tree(r#"{"a": 1, "a": {"b": 2, "b": 3}, "\u0061": {"b": 4, "\u0062": 5}}"#);
    let tree = tree.unwrap();
    assert_eq!(tree.root().pointer("/a/b").and_then(Json::as_number), Some("5"));
    assert_eq!(tree.root().entries().count(), 3);
}

#[test]
fn valid_strings_are_decoded() {
    for (text, expected) in [
        (r#""plain ä""#, Some("plain ä")),
        (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
        (r#""\u0041\u00e4\u20AC""#, Some("Aä€")),
        (r#""\ud83d\ude00""#, Some("😀")),
        (r#""\ud800""#, Some("\u{fffd}")),
        (r#""\udc00\ud800x""#, Some("\u{fffd}\u{fffd}x")),
        (r#""\ud800\ud83d\ude00""#, Some("\u{fffd}😀")),
        (r#""\ud800\\udc00""#, Some("\u{fffd}\\udc00")),
        (r#""\q""#, None),
        (r#""\u12""#, None),
        (r#""\u12g4""#, None),
        (r#""\ä""#, None),
        ("\"a\tb\"", None),
        ("\"a\nb\"", None),
        ("\"\u{0}\"", None),
        ("\"\u{7f}\"", Some("\u{7f}")),
    ] {
        assert_eq!(tree(text).unwrap().root().as_text().as_deref(), expected, "{text}");
    }
}

#[test]
fn invalid_json_is_rejected() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "\"a",
        "\"a\\\"",
        "\"a\\",
        "\"\\u",
        "tru",
        "nul",
        "True",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "--1",
        "NaN",
        "Infinity",
        "1 2",
        "{}x",
        "{},",
        "\u{feff}{}",
        "'a'",
        "/**/1",
        "[1],",
        "[[1]",
        "0x10",
        "1_000",
    ] {
        assert_eq!(tree(text).err(), Some(JsonError::Syntax), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
    }
}

#[test]
fn limits_are_named() {
    for (text, expected) in [
        (format!("\"{}\"", "x".repeat(10_000)), Some("has over 10000 bytes")),
        (format!("[{}0]", "0,".repeat(98)), None),
        (format!("[{}0]", "0,".repeat(99)), Some("has over 100 values")),
        ("[".repeat(101), Some("is nested deeper than 8 levels")),
        ([&*"[".repeat(8), &*"]".repeat(8)].concat(), None),
        ("{\"\":".repeat(9), Some("is nested deeper than 8 levels")),
    ] {
        assert_eq!(tree(&text).err().map(|error| error.to_string()).as_deref(), expected);
    }
}

/// Every parser accepts the result; values that could not be decoded are `null`.
#[test]
fn text_that_every_parser_accepts_is_kept_and_other_text_is_rewritten() {
    for same in ["{}", r#"{"a" :  9023116403587028}"#, r#"["\u0041", 1e308, "\/"]"#, "123456789012345678901234567890"] {
        assert_eq!(raw(same), same);
    }
    let digits = "9".repeat(400);
    for (text, expected) in [
        (r#"{"a": 1e999, "b": [1, 2.50]}"#, r#"{"a":null,"b":[1,2.50]}"#),
        (r#"{"a": -1e999, "b": "\u0041\n"}"#, r#"{"a":null,"b":"A\n"}"#),
        (&*format!("[{digits}, -{digits}.5, 0.{digits}]"), &*format!("[null,null,0.{digits}]")),
        (r#"{"a\ud800": "\ud800", "b": true}"#, "{\"a\u{fffd}\":\"\u{fffd}\",\"b\":true}"),
        (r#"["\ud83d\ude00"]"#, "[\"😀\"]"),
        (r#"{"\q": 1, "b": "\q", "c": {}, "d": []}"#, r#"{"b":null,"c":{},"d":[]}"#),
        ("[\"a\u{1}\", null, \"\\u0001\"]", r#"[null,null,"\u0001"]"#),
    ] {
        assert_eq!(raw(text), expected, "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&raw(text)).is_ok(), "{text}");
        assert!(raw(text).len() <= text.len(), "{text}");
    }
}
