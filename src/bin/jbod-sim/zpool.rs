//! The simulated zpool: `status` and `version`. `zpool_table` determines the states, `zpool_text` and `zpool_json`
//! print them.

use crate::files::{append_line, say};
use crate::store::{Pool, Store};
use crate::tool_faults;
use crate::zpool_json;
use crate::zpool_table::{PoolContext, Table};
use crate::zpool_text::print_pool;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

/// The options of `zpool status` that change the output.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of a command line")]
pub struct StatusOptions {
    /// `-P`: full paths.
    pub full_paths: bool,
    /// `-p`: exact numbers.
    pub exact: bool,
    /// `-L`: links are resolved.
    pub follow_links: bool,
    /// `--json-int`: numbers instead of strings.
    pub json_int: bool,
    /// `-i`: the state of initializations.
    pub initialize: bool,
    /// `-t`: the state of trims.
    pub trim: bool,
}

/// The options and operands of `zpool status`.
#[derive(Default)]
struct StatusRequest {
    options: StatusOptions,
    /// `-j`, `--json`.
    as_json: bool,
    pools: Vec<String>,
}

/// Support for `-j`, which `zpool status` has from OpenZFS 2.3 on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JsonSupport {
    None,
    Full,
    /// The output is cut off.
    Broken,
}

/// Runs zpool with the arguments of this process. Returns the exit status.
pub fn play(root: &Path) -> Result<u8> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let store = Store { root: root.to_owned() };
    log(root, "start", &arguments.join(" "))?;
    let tools = store.tools()?;
    let forced = tool_faults::of_tool(root, &tools.zpool, || Ok(store.tools()?.zpool))?;
    let status = answer(&store, &tools.zpool, &arguments)?;
    let status = forced.unwrap_or(status);
    log(root, "end", &status.to_string())?;
    Ok(status)
}

fn log(root: &Path, event: &str, text: &str) -> Result<()> {
    let now = Timestamp::now().as_millisecond();
    append_line(&root.join("log/zpool"), &format!("{event} {now} {} {text}", std::process::id()))
}

fn answer(store: &Store, state: &Map<String, Value>, arguments: &[String]) -> Result<u8> {
    if let Some(junk) = state.get("junk").and_then(Value::as_str) {
        say(junk);
        return Ok(0);
    }
    if state.get("not_loaded") == Some(&Value::Bool(true)) {
        eprintln!("The ZFS modules are not loaded.");
        return Ok(1);
    }
    let json = match state.get("json") {
        None | Some(Value::Bool(false)) => JsonSupport::None,
        Some(Value::String(_)) => JsonSupport::Broken,
        Some(_) => JsonSupport::Full,
    };
    let (command, arguments) = match arguments.split_first() {
        Some((command, arguments)) => (command.as_str(), arguments),
        None => ("", arguments),
    };
    match command {
        "status" => status(store, arguments, json),
        "version" | "--version" | "-V" => {
            say("zfs-2.2.6-1\nzfs-kmod-2.2.6-1\n");
            Ok(0)
        }
        other => {
            eprintln!("unrecognized command '{other}'; the simulated zpool knows status and version");
            Ok(2)
        }
    }
}

fn status(store: &Store, arguments: &[String], json: JsonSupport) -> Result<u8> {
    let request = match parse_status(arguments, json) {
        Ok(request) => request,
        Err(unknown) => {
            eprintln!("invalid option '{unknown}'");
            eprintln!("usage:\n\tstatus [-DigLpPstvx] [-T d|u] [pool] ...\n\t    [interval [count]]");
            return Ok(2);
        }
    };
    let (host, mut pools) = (store.host()?, store.pools()?);
    let has_pools = !pools.is_empty();
    if let Some(name) = request.pools.iter().find(|name| pools.iter().all(|pool| pool.name != **name)) {
        eprintln!("cannot open '{name}': no such pool");
        return Ok(1);
    }
    if !request.pools.is_empty() {
        pools.retain(|pool| request.pools.contains(&pool.name));
    }
    let mut units = HashMap::new();
    for drive in store.drives()? {
        units.extend(drive.units().map(|unit| (unit.key.clone(), unit)));
    }
    let context = PoolContext { host: &host, units: &units, options: request.options, changed: store.pools_changed()? };
    if request.as_json {
        let tables: Vec<(&Pool, Table)> = pools.iter().map(|pool| (pool, context.table(pool))).collect();
        let mut text = zpool_json::print(&tables, request.options);
        if json == JsonSupport::Broken {
            text.truncate(text.len() / 2);
        }
        say(text);
    } else if has_pools {
        let mut texts = Vec::new();
        for pool in &pools {
            texts.push(print_pool(pool, &context.table(pool), request.options));
        }
        say(texts.join("\n"));
    } else {
        // On standard output, as zpool does.
        say("no pools available\n");
    }
    Ok(0)
}

/// The request, or the first unknown letter. `zpool status` has no long options before OpenZFS 2.3.
fn parse_status(arguments: &[String], json: JsonSupport) -> Result<StatusRequest, char> {
    let knows_json = json != JsonSupport::None;
    let mut request = StatusRequest::default();
    let options = &mut request.options;
    for argument in arguments {
        if !argument.starts_with('-') {
            request.pools.push(argument.clone());
        } else if knows_json && argument == "--json" {
            request.as_json = true;
        } else if knows_json && argument == "--json-int" {
            options.json_int = true;
            options.exact = true;
        } else {
            for letter in argument.chars().skip(1) {
                match letter {
                    'P' => options.full_paths = true,
                    'p' => options.exact = true,
                    'L' => options.follow_links = true,
                    'i' => options.initialize = true,
                    't' => options.trim = true,
                    'j' if knows_json => request.as_json = true,
                    'D' | 'g' | 's' | 'v' | 'x' => {}
                    unknown => return Err(unknown),
                }
            }
        }
    }
    Ok(request)
}
