//! docs/monitoring.md: the alerts of `packaging/prometheus/alerts.yml`.

use super::pages::{code, table};
use crate::helpers::{in_repository, read_file};
use yaml_rust2::{Yaml, YamlLoader};

/// A table for each group.
pub fn tables() -> String {
    let file = read_file(&in_repository("packaging/prometheus/alerts.yml"));
    let documents = YamlLoader::load_from_str(&file).expect("YAML");
    let mut text = String::new();
    for group in documents[0]["groups"].as_vec().expect("groups") {
        let rows: Vec<Vec<String>> = group["rules"].as_vec().expect("rules").iter().map(alert_row).collect();
        let table = table(&["alert", "severity", "after", "summary", "description"], &rows);
        text.push_str(&format!("Group `{}`:\n\n{table}\n", string(&group["name"])));
    }
    text
}

fn alert_row(rule: &Yaml) -> Vec<String> {
    let after = rule["for"].as_str().unwrap_or("0s").to_owned();
    let severity = string(&rule["labels"]["severity"]).to_owned();
    let [summary, description] =
        ["summary", "description"].map(|name| without_template(string(&rule["annotations"][name])));
    vec![code(string(&rule["alert"])), severity, after, summary, description]
}

fn string(value: &Yaml) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value:?}"))
}

/// The text of a Prometheus template: `…` for values, and the first one of two branches.
fn without_template(template: &str) -> String {
    let mut text = String::new();
    // For each open branch, whether it is the second one.
    let mut branches: Vec<bool> = Vec::new();
    let mut rest = template;
    while let Some((before, action)) = rest.split_once("{{") {
        let is_hidden = branches.contains(&true);
        if !is_hidden {
            text.push_str(before);
        }
        let (action, after) = action.split_once("}}").expect("an action without an end");
        rest = after;
        match action.split_whitespace().next().expect("an action") {
            "if" | "with" | "range" => branches.push(false),
            "else" => *branches.last_mut().expect("an open branch") = true,
            "end" => assert!(branches.pop().is_some(), "an end without a branch: {template}"),
            _ if !is_hidden => text.push('…'),
            _ => {}
        }
    }
    assert!(branches.is_empty(), "a branch without an end: {template}");
    text + rest
}

#[test]
fn a_template_is_reduced_to_its_first_branches() {
    let template =
        "{{ if $labels.a }}in {{ $labels.a }}{{ else }}nowhere{{ end }}: {{ $value }}{{ with $b }}, {{ . }}{{ end }}";
    assert_eq!(without_template(template), "in …: …, …");
}
