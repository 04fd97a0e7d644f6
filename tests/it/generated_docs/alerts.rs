//! docs/monitoring.md: the alerts, as `packaging/prometheus/alerts.yml` has them.

use super::in_repository;
use super::pages::{code, table};
use yaml_rust2::{Yaml, YamlLoader};

/// A table for each group.
pub fn tables() -> String {
    let file = std::fs::read_to_string(in_repository("packaging/prometheus/alerts.yml")).expect("the alerts");
    let documents = YamlLoader::load_from_str(&file).expect("YAML");
    let groups = documents.first().and_then(|document| document["groups"].as_vec()).expect("groups");
    let mut text = String::new();
    for group in groups {
        let rows: Vec<Vec<String>> = group["rules"].as_vec().expect("rules").iter().map(alert_row).collect();
        let table = table(&["alert", "severity", "after", "summary", "description"], &rows);
        text.push_str(&format!("Group `{}`:\n\n{table}\n", of(&group["name"])));
    }
    text
}

fn alert_row(rule: &Yaml) -> Vec<String> {
    let after = rule["for"].as_str().unwrap_or("0s").to_owned();
    let annotation = |name: &str| without_template(of(&rule["annotations"][name]));
    let severity = of(&rule["labels"]["severity"]).to_owned();
    vec![code(of(&rule["alert"])), severity, after, annotation("summary"), annotation("description")]
}

fn of(value: &Yaml) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value:?}"))
}

/// The text of a template of Prometheus: values are `…`, and of two branches the first one is taken.
fn without_template(template: &str) -> String {
    let mut text = String::new();
    // The branches that are open: whether each is the second one.
    let mut branches: Vec<bool> = Vec::new();
    let mut rest = template;
    while let Some((before, action)) = rest.split_once("{{") {
        let is_hidden = branches.contains(&true);
        if !is_hidden {
            text.push_str(before);
        }
        let (action, after) = action.split_once("}}").expect("an action ends");
        rest = after;
        match action.split_whitespace().next().expect("an action") {
            "if" | "with" | "range" => branches.push(false),
            "else" => *branches.last_mut().expect("a branch is open") = true,
            "end" => assert!(branches.pop().is_some(), "a branch is open: {template}"),
            _ if !is_hidden => text.push('…'),
            _ => {}
        }
    }
    assert!(branches.is_empty(), "every branch ends: {template}");
    text + rest
}

#[test]
fn a_template_is_shown_with_its_first_branches() {
    let template =
        "{{ if $labels.a }}in {{ $labels.a }}{{ else }}nowhere{{ end }}: {{ $value }}{{ with $b }}, {{ . }}{{ end }}";
    assert_eq!(without_template(template), "in …: …, …");
}
