//! `zpool status`: runs it and parses its output.
//!
//! OpenZFS 2.3 and later provide JSON (`-j`, zpool-status(8)), all versions text. JSON is preferred, because it has the
//! guid of every leaf and no columns to guess. `json` (with `value` and `json_…`) parses the one, `text` (with `table`
//! and `text_activities`) the other; `leaf_work` and `activities` serve both; `members` matches leaves with drives.
//! zpool runs in the C locale and in UTC, so that `dates` can read its dates.
//!
//! Keys, words and sentences are those of `cmd/zpool/zpool_main.c` in OpenZFS 0.7 to 2.4 and its later development
//! (be7657e3f2); comments name the function of it whose output is parsed.

mod activities;
mod dates;
mod json;
mod json_activities;
mod json_leaf;
mod json_progress;
mod json_scans;
mod leaf_work;
mod limits;
mod members;
mod output_format;
mod scalars;
mod table;
mod text;
mod text_activities;
mod value;

pub(crate) use members::{match_members, refresh_device_names};
pub(crate) use output_format::OutputFormat;

use super::Host;
use super::exec::{self, ChildLimits, ExecError, Output, Stuck};
use crate::domain::zfs::Pool;
use crate::stop::Stop;
use limits::{MAX_OUTPUT_BYTES, MAX_TEXT_BYTES, Unread};
use output_format::JsonRefusal;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

/// Exact numbers, full paths, and how far trims (`t`) and initializations (`i`) are. JSON as a tree, not
/// `--json-flat-vdevs`: in the flat form the entry of a spare in use overwrites the counters of the leaf that it is.
const QUERY_JSON: [&str; 6] = ["status", "-j", "--json-int", "-P", "-p", "-it"];
/// OpenZFS before 0.8 has neither `-p` nor `-i` and `-t`.
const QUERY_TEXT: [&str; 4] = ["status", "-P", "-p", "-it"];
/// zpool(8): "invalid command line options were specified".
const BAD_OPTIONS: i32 = 2;

/// Result of a query. `stuck`: the child, if it outlived its SIGKILL, since a suspended pool can hold it in D state.
#[derive(Debug)]
pub(crate) struct ZpoolResult {
    pub(crate) report: ZpoolReport,
    pub(crate) stuck: Option<Stuck>,
}

#[derive(Debug)]
pub(crate) enum ZpoolReport {
    /// There is no zpool program, or no ZFS in the kernel. This is not an error.
    NotInstalled,
    Pools(Vec<Pool>),
    /// Why the query failed.
    Failed(String),
    /// The daemon is stopping.
    Stopped,
}

/// Queries all pools.
///
/// Runs zpool once, or twice when its JSON turns out to be unsupported or unusable and its text is queried.
pub(crate) fn query(host: &Host, stop: &Stop, format: &OutputFormat) -> ZpoolResult {
    let Some(program) = host.zpool.as_deref() else { return answer(ZpoolReport::NotInstalled) };
    let limits = ChildLimits { deadline: DEADLINE, output_bytes: MAX_OUTPUT_BYTES };
    let has_text = format.selects_text(program);
    if !has_text {
        let out = match exec::run_in_utc(program, &QUERY_JSON, limits, stop) {
            Ok(out) => out,
            Err(error) => return failed(error),
        };
        match json_of(&out) {
            None => {
                return match interpret(&out) {
                    Ok(result) => result,
                    Err(why) => failed_read(why, None),
                };
            }
            Some(Ok(pools)) => {
                format.record_json();
                return answer(ZpoolReport::Pools(pools));
            }
            Some(Err(refusal)) => format.record_refusal(&refusal),
        }
    }
    let out = match exec::run_in_utc(program, &QUERY_TEXT, limits, stop) {
        Ok(out) => out,
        Err(error) => return failed(error),
    };
    match interpret(&out) {
        Ok(result) => result,
        Err(why) => {
            if has_text && matches!(out.code, Some(0 | BAD_OPTIONS)) {
                format.forget();
            }
            failed_read(why, None)
        }
    }
}

/// The pools, if the output is JSON or an error about its options. `None` for any other output.
fn json_of(out: &Output) -> Option<Result<Vec<Pool>, JsonRefusal>> {
    if out.code == Some(BAD_OPTIONS) {
        return Some(Err(JsonRefusal::Unknown));
    }
    if out.code != Some(0) || !is_json(&out.stdout) {
        return None;
    }
    let pools = match json::parse(&out.stdout) {
        Ok(pools) => pools,
        Err(Unread::Broken) => return Some(Err(JsonRefusal::Useless("it is invalid, or lacks the pools".to_owned()))),
        Err(Unread::TooMuch(why)) => return Some(Err(JsonRefusal::Useless(why))),
    };
    // openzfs/zfs issue 18431: up to 2.3 at least, JSON lacks the state of a dRAID group. The text has it.
    let mut vdevs = pools.iter().flat_map(|pool| &pool.vdevs);
    if vdevs.any(|vdev| vdev.name.starts_with("draid") && vdev.state.is_none()) {
        return Some(Err(JsonRefusal::Useless("it lacks the state of a dRAID group".to_owned())));
    }
    Some(Ok(pools))
}

/// Interprets the output of a run, by its content and not by the format that was requested. The error is the reason why
/// it was not parsed.
fn interpret(out: &Output) -> Result<ZpoolResult, String> {
    match out.code {
        Some(0) => match read(&out.stdout) {
            Ok(pools) => Ok(answer(ZpoolReport::Pools(pools))),
            Err(Unread::TooMuch(why)) => Err(format!("the output of zpool status exceeds a limit: {why}")),
            Err(Unread::Broken) if out.stderr.contains(NO_POOLS) => Ok(answer(ZpoolReport::Pools(Vec::new()))),
            Err(Unread::Broken) => {
                let text = String::from_utf8_lossy(out.stdout.get(..MAX_TEXT_BYTES).unwrap_or(&out.stdout));
                let first_line: String = text.lines().next().unwrap_or("nothing").chars().take(200).collect();
                Err(format!("zpool status printed neither pools nor \"{NO_POOLS}\": {first_line}"))
            }
        },
        _ if is_not_here(&out.stderr) => Ok(answer(ZpoolReport::NotInstalled)),
        code => {
            let first_line = out.stderr.lines().next().unwrap_or("nothing");
            match code {
                Some(code) => Err(format!("zpool status failed with exit status {code}: {first_line}")),
                None => Err(format!("zpool status was ended by a signal: {first_line}")),
            }
        }
    }
}

fn failed(error: ExecError) -> ZpoolResult {
    let why = format!("zpool: {error}");
    match error {
        ExecError::Stopped { stuck } => ZpoolResult { report: ZpoolReport::Stopped, stuck },
        ExecError::TimedOut { stuck, .. } | ExecError::TooLarge { stuck, .. } | ExecError::Watch { stuck, .. } => {
            failed_read(why, stuck)
        }
        ExecError::Start { .. } => failed_read(why, None),
    }
}

fn answer(report: ZpoolReport) -> ZpoolResult {
    ZpoolResult { report, stuck: None }
}

fn failed_read(why: String, stuck: Option<Stuck>) -> ZpoolResult {
    ZpoolResult { report: ZpoolReport::Failed(why), stuck }
}

/// The tools are installed, but the kernel has no ZFS.
fn is_not_here(stderr: &str) -> bool {
    stderr.contains("modules are not loaded") || stderr.contains("/dev/zfs") && stderr.contains("No such file")
}

const NO_POOLS: &str = "no pools available";

fn is_json(output: &[u8]) -> bool {
    output.trim_ascii_start().starts_with(b"{")
}

/// Every pool in an output of `zpool status`, JSON or text. `None` if it is neither, that is, it contains no pool and
/// no message that there is none, or if it exceeds the limits. An unexpected value affects only its own field, row or
/// pool.
pub fn parse(output: &[u8]) -> Option<Vec<Pool>> {
    read(output).ok()
}

fn read(output: &[u8]) -> Result<Vec<Pool>, Unread> {
    if is_json(output) {
        return json::parse(output);
    }
    let pools = text::parse(output)?;
    if pools.is_empty() && !output.windows(NO_POOLS.len()).any(|words| words == NO_POOLS.as_bytes()) {
        return Err(Unread::Broken);
    }
    Ok(pools)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_how_an_output_is_read() {
        assert_eq!(parse(b" \n{\"pools\": {}}").unwrap().len(), 0);
        assert_eq!(parse(b"no pools available\n").unwrap().len(), 0);
        assert_eq!(parse(b"  pool: tank\n state: ONLINE\n").unwrap().len(), 1);
        for junk in [&b"{"[..], b"{}", b"{\"pools\": 3}", b"", b"\xff\xfe", b"[]", b"pools: none"] {
            assert_eq!(parse(junk), None, "{junk:?}");
        }
    }
}
