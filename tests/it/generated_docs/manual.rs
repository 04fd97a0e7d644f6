//! The manual pages: hand-written parts (`packaging/man/*.in`) and generated ones.

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use jbod_monitor::cli::Cli;
use jbod_monitor::config::settings::{SETTINGS, Setting};
use jbod_monitor::domain::health::all_rules;

/// jbod-monitor(8).
pub fn program() -> String {
    let page = include_str!("../../../packaging/man/jbod-monitor.8.in");
    filled(page, &[("@SYNOPSIS@", synopsis()), ("@COMMANDS@", commands()), ("@OPTIONS@", options(Cli::command()))])
}

/// jbod-monitor(5).
pub fn settings() -> String {
    let page = include_str!("../../../packaging/man/jbod-monitor.5.in");
    filled(page, &[("@SETTINGS@", list_of_settings()), ("@RULES@", list_of_rules())])
}

/// Replaces each mark. A mark is a whole line.
fn filled(page: &str, parts: &[(&str, String)]) -> String {
    let mut page = page.to_owned();
    for (mark, part) in parts {
        let line = format!("\n{mark}\n");
        assert!(page.contains(&line), "no line {mark} in the hand-written part");
        page = page.replace(&line, &format!("\n{}\n", part.trim_end()));
    }
    page
}

fn synopsis() -> String {
    let mut roff = Roff::default();
    for command in Cli::command().get_subcommands() {
        let mut words = vec![bold("jbod-monitor"), roman(" "), bold(command.get_name())];
        for arg in command.get_arguments() {
            let Some(flag) = arg.get_long() else {
                let names: Vec<&str> = arg.get_value_names().into_iter().flatten().map(AsRef::as_ref).collect();
                words.extend([roman(" "), italic(names.join(" "))]);
                continue;
            };
            words.extend([roman(" [--"), roman(flag), roman(values(arg)), roman("]")]);
        }
        words.extend([roman(" [--"), italic("setting"), roman(" "), italic("value"), roman("]…")]);
        roff.text(words);
        roff.control("br", []);
    }
    roff.to_roff()
}

fn values(arg: &clap::Arg) -> String {
    let names = arg.get_possible_values();
    if names.is_empty() || !arg.get_action().takes_values() {
        return String::new();
    }
    let names: Vec<&str> = names.iter().map(clap::builder::PossibleValue::get_name).collect();
    format!(" {}", names.join("|"))
}

fn commands() -> String {
    let mut text = String::new();
    for command in Cli::command().get_subcommands() {
        let mut roff = Roff::default();
        roff.control("SS", [command.get_name()]);
        roff.text([roman(format!("{}.", command.get_about().expect("what it does")))]);
        text.push_str(&roff.to_roff());
        if command.get_arguments().next().is_some() {
            text.push_str(&options(command.clone()));
        }
    }
    text
}

/// The options of clap, without the settings.
fn options(command: Command) -> String {
    let command = command.mut_args(|arg| if arg.get_env().is_some() { arg.hide(true) } else { arg });
    let mut text = Vec::new();
    let command = command.disable_help_subcommand(true);
    Man::new(command).render_options_section(&mut text).expect("written");
    let text = String::from_utf8(text).expect("text");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(".SH")).collect();
    kept.join("\n") + "\n"
}

fn list_of_settings() -> String {
    let mut roff = Roff::default();
    for setting in SETTINGS {
        let Setting { name, option, value_name, help, .. } = setting;
        roff.control("TP", []);
        let mut term = vec![bold(format!("{name}=")), italic(*value_name)];
        if let Some(option) = option {
            term.extend([roman(", "), bold(format!("--{option}")), roman(" "), italic(*value_name)]);
        }
        roff.text(term);
        let mut text = vec![roman(format!("{help}."))];
        if let Some(default) = setting.default() {
            text.extend([roman(" Default: "), bold(default), roman(".")]);
        }
        roff.text(text);
    }
    roff.to_roff()
}

fn list_of_rules() -> String {
    let mut roff = Roff::default();
    for rule in all_rules() {
        roff.control("TP", []);
        roff.text([bold(rule.code.as_str()), roman(format!(" ({})", rule.class.as_str()))]);
        let text: Vec<Inline> = vec![roman(format!("{}. ", rule.condition)), roman(format!("{}.", rule.thresholds))];
        roff.text(text);
    }
    roff.to_roff()
}
