//! `zpool status`: running it, and finding the drives behind what it says.
//!
//! OpenZFS 2.3 and later answer in JSON (`-j`, zpool-status(8)), all versions in text. JSON is
//! asked for where it is known, because it has the guid of every leaf and needs no guess at columns.
//! Reading either is the business of `json` (with `value`, `scan_stats`) and `text` (with `table`).

mod json;
mod scan_stats;
mod table;
mod text;
mod value;

use super::Host;
use super::exec::{self, ExecError, Limits, Output, Stuck};
use super::links::Links;
use super::tools::{FileId, file_id};
use crate::domain::drive::DriveKey;
use crate::domain::identity::DeviceName;
use crate::domain::zfs::words::{PoolState, VdevState};
use crate::domain::zfs::{Leaf, Pool, Zfs};
use crate::stop::Stop;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);
const OUTPUT_BYTES: usize = 16 * 1024 * 1024;
/// Pools, vdevs and leaves together: of 10,000 drives each may be in three pools. Beyond it nothing is read: a part of them
/// would show drives without the pool that they are in.
const ENTRIES: usize = 40_000;
/// Names and sentences of all pools together, which become many copies: those of 25,000 leaves with path and devid.
const KEPT_BYTES: usize = 6 * 1024 * 1024;
/// No name and no sentence of zpool's is longer; what is, is cut.
const TEXT_BYTES: usize = 4096;
/// The same of the group of a leaf, which every leaf in it has.
const GROUP_BYTES: usize = 256;

/// Exact numbers, full paths. JSON as a tree, not `--json-flat-vdevs`: in the flat form the
/// entry of a spare in use overwrites the counters of the leaf that it is.
const ASK_JSON: [&str; 5] = ["status", "-j", "--json-int", "-P", "-p"];
const ASK_TEXT: [&str; 3] = ["status", "-P", "-p"];
/// zpool(8): "invalid command line options were specified".
const BAD_OPTIONS: i32 = 2;

/// What this host's zpool was found to understand, kept while the daemon lives. A zpool that is
/// exchanged meanwhile is asked anew, and where the file does not tell, found out by its answers.
#[derive(Debug, Default)]
pub struct OutputFormat {
    /// JSON was refused, or was no good.
    text: AtomicBool,
    /// That was logged.
    told: AtomicBool,
    /// The file that this was found out of.
    program: Mutex<Option<FileId>>,
}

impl OutputFormat {
    /// Text is asked for at once. Not of a program that is another than last time.
    fn is_text(&self, program: &Path) -> bool {
        let file = file_id(program);
        let mut known = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != file {
            *known = file;
            self.forget();
        }
        self.text.load(Ordering::Relaxed)
    }

    fn takes_text(&self, refusal: &Refusal) {
        self.text.store(true, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            match refusal {
                Refusal::Unknown => log::debug!("zpool status has no JSON, reading its text"),
                Refusal::Useless(why) => log::warn!("zpool status gives no good JSON, reading its text error={why:?}"),
            }
        }
    }

    fn takes_json(&self) {
        self.told.store(false, Ordering::Relaxed);
    }

    /// Text is not understood any more: the next sweep asks for JSON first.
    fn forget(&self) {
        self.text.store(false, Ordering::Relaxed);
    }
}

/// What asking for the pools gave. `stuck` is the child, if it outlived its SIGKILL: a suspended
/// pool can hold it in D state.
#[derive(Debug)]
pub struct Answer {
    pub report: ZpoolReport,
    pub stuck: Option<Stuck>,
}

#[derive(Debug)]
pub enum ZpoolReport {
    /// No zpool program, or a kernel without ZFS, which is not a fault.
    NotInstalled,
    Pools(Vec<Pool>),
    /// ZFS gave no answer this time, and why.
    Failed(String),
    /// The daemon is stopping.
    Stopped,
}

/// Asks for all pools.
///
/// One run, but for the time when JSON turns out to be unknown or no good: then text is asked at once.
pub fn ask(host: &Host, stop: &Stop, dialect: &OutputFormat) -> Answer {
    let Some(program) = host.zpool.as_deref() else { return answer(ZpoolReport::NotInstalled) };
    let limits = Limits { deadline: DEADLINE, output_bytes: OUTPUT_BYTES };
    let has_text = dialect.is_text(program);
    if !has_text {
        let out = match exec::run(program, &ASK_JSON, limits, stop) {
            Ok(out) => out,
            Err(error) => return failed(error),
        };
        match json_of(&out) {
            None => return understood(&out).unwrap_or_else(|why| unread(why, None)),
            Some(Ok(pools)) => {
                dialect.takes_json();
                return answer(ZpoolReport::Pools(pools));
            }
            Some(Err(refusal)) => dialect.takes_text(&refusal),
        }
    }
    match exec::run(program, &ASK_TEXT, limits, stop) {
        Ok(out) => understood(&out).unwrap_or_else(|why| {
            if has_text && matches!(out.code, Some(0 | BAD_OPTIONS)) {
                dialect.forget();
            }
            unread(why, None)
        }),
        Err(error) => failed(error),
    }
}

/// Why text should be asked instead.
enum Refusal {
    /// OpenZFS before 2.3: `-j` is an invalid option.
    Unknown,
    Useless(String),
}

/// Why an output says nothing of the pools.
#[derive(Debug, PartialEq, Eq)]
enum Unread {
    /// It is broken, or lacks the pools.
    Broken,
    /// It is beyond a limit, which this names.
    TooMuch(String),
}

fn too_many() -> Unread {
    Unread::TooMuch(format!("it has over {ENTRIES} pools, vdevs and leaves"))
}

fn bytes_of_leaf(leaf: &Leaf) -> usize {
    let state = leaf.state.as_ref().map_or(0, |state| state.as_str().len());
    let texts = [&leaf.name].into_iter().chain(&leaf.aliases);
    let texts = texts.chain([&leaf.note, &leaf.group, &leaf.was].into_iter().flatten());
    state + texts.map(String::len).sum::<usize>()
}

/// But for its vdevs.
fn bytes_of_pool(pool: &Pool) -> usize {
    let state = pool.state.as_ref().map_or(0, |state| state.as_str().len());
    let sentences = [&pool.status, &pool.action, &pool.errors, &pool.scan.text];
    state + [&pool.name].into_iter().chain(sentences.into_iter().flatten()).map(String::len).sum::<usize>()
}

fn too_long() -> Unread {
    Unread::TooMuch(format!("its names and sentences have over {KEPT_BYTES} bytes"))
}

/// The pools, if the answer is JSON or a refusal of JSON; `None`: it is something else.
fn json_of(out: &Output) -> Option<Result<Vec<Pool>, Refusal>> {
    if out.code == Some(BAD_OPTIONS) {
        return Some(Err(Refusal::Unknown));
    }
    if out.code != Some(0) || !is_json(&out.stdout) {
        return None;
    }
    let pools = match json::parse(&out.stdout) {
        Ok(pools) => pools,
        Err(Unread::Broken) => return Some(Err(Refusal::Useless("it is broken, or lacks the pools".to_owned()))),
        Err(Unread::TooMuch(why)) => return Some(Err(Refusal::Useless(why))),
    };
    // openzfs/zfs issue 18431: up to 2.3 at least, JSON leaves out the state of a dRAID group,
    // which a person would look for first. The text has it.
    let mut vdevs = pools.iter().flat_map(|pool| &pool.vdevs);
    if vdevs.any(|vdev| vdev.name.starts_with("draid") && vdev.state.is_none()) {
        return Some(Err(Refusal::Useless("it lacks the state of a dRAID group".to_owned())));
    }
    Some(Ok(pools))
}

/// What a run says that ended, or why it says nothing. Whatever was asked: its content decides
/// how it is read.
fn understood(out: &Output) -> Result<Answer, String> {
    match out.code {
        Some(0) => match read(&out.stdout) {
            Ok(pools) => Ok(answer(ZpoolReport::Pools(pools))),
            Err(Unread::TooMuch(why)) => Err(format!("zpool status gave too much: {why}")),
            Err(Unread::Broken) if out.stderr.contains(NO_POOLS) => Ok(answer(ZpoolReport::Pools(Vec::new()))),
            Err(Unread::Broken) => {
                let text = String::from_utf8_lossy(out.stdout.get(..TEXT_BYTES).unwrap_or(&out.stdout));
                let said: String = text.lines().next().unwrap_or("nothing").chars().take(200).collect();
                Err(format!("zpool status gave no pools and did not say that there are none: {said}"))
            }
        },
        _ if is_not_here(&out.stderr) => Ok(answer(ZpoolReport::NotInstalled)),
        code => {
            let said = out.stderr.lines().next().unwrap_or("nothing");
            let status = code.map_or_else(|| "a signal".to_owned(), |c| format!("exit status {c}"));
            Err(format!("zpool status ended with {status}: {said}"))
        }
    }
}

fn failed(error: ExecError) -> Answer {
    let why = format!("zpool: {error}");
    match error {
        ExecError::Stopped { stuck } => Answer { report: ZpoolReport::Stopped, stuck },
        ExecError::TimedOut { stuck, .. } | ExecError::TooLarge { stuck, .. } | ExecError::Watch { stuck, .. } => {
            unread(why, stuck)
        }
        ExecError::Start { .. } => unread(why, None),
    }
}

fn answer(report: ZpoolReport) -> Answer {
    Answer { report, stuck: None }
}

fn unread(why: String, stuck: Option<Stuck>) -> Answer {
    Answer { report: ZpoolReport::Failed(why), stuck }
}

/// A word that zpool has for a state. The first row of a pool's table is that of the pool.
fn is_state(word: &str) -> bool {
    VdevState::known(word).is_some() || PoolState::known(word).is_some()
}

/// The tools are installed, but this kernel runs no ZFS.
fn is_not_here(stderr: &str) -> bool {
    stderr.contains("modules are not loaded") || stderr.contains("/dev/zfs") && stderr.contains("No such file")
}

const NO_POOLS: &str = "no pools available";

fn is_json(output: &[u8]) -> bool {
    output.trim_ascii_start().starts_with(b"{")
}

/// Every pool in an output of `zpool status`, JSON or text. `None`: it is neither, since it names
/// no pool and does not say that there is none, or it is too much. Whatever is odd costs its own field, row or pool.
pub fn parse(output: &[u8]) -> Option<Vec<Pool>> {
    read(output).ok()
}

fn read(output: &[u8]) -> Result<Vec<Pool>, Unread> {
    if is_json(output) {
        return json::parse(output);
    }
    let pools = text::parse(output)?;
    let says_none = || output.windows(NO_POOLS.len()).any(|words| words == NO_POOLS.as_bytes());
    if pools.is_empty() && !says_none() { Err(Unread::Broken) } else { Ok(pools) }
}

/// Gives each leaf the drive behind it, as the names are now. A leaf that is gone has none if it is
/// named for a place, where another drive may be by now. `is_fresh`: nothing was plugged since zpool
/// was asked; else a place means who was there `before`.
pub fn match_members(zfs: &mut Zfs, links: &Links, before: &Zfs, is_fresh: bool) {
    let known: HashMap<(&str, &str), &DriveKey> = before
        .leaves()
        .filter_map(|(pool, _, leaf)| Some(((pool.name.as_str(), leaf.name.as_str()), leaf.key.as_ref()?)))
        .collect();
    for pool in &mut zfs.pools {
        for leaf in pool.vdevs.iter_mut().flat_map(|v| &mut v.members) {
            leaf.device = if is_fresh || !links.is_place(&leaf.name) {
                drive_of(leaf, links)
            } else {
                known.get(&(pool.name.as_str(), leaf.name.as_str())).and_then(|key| links.device(key)).cloned()
            };
            leaf.key = leaf.device.as_ref().and_then(|device| links.key(device)).cloned();
        }
    }
}

/// The drives stay who they were, by the names that they have now. Who comes to a place that a leaf
/// is named for is not that leaf: only zpool can say so.
pub fn refresh_device_names(zfs: &mut Zfs, links: &Links) {
    for leaf in zfs.pools.iter_mut().flat_map(|p| &mut p.vdevs).flat_map(|v| &mut v.members) {
        leaf.device = leaf.key.as_ref().and_then(|key| links.device(key)).cloned();
    }
}

fn drive_of(leaf: &Leaf, links: &Links) -> Option<DeviceName> {
    let is_place = links.is_place(&leaf.name);
    if leaf.was.is_some() || is_place && (leaf.is_gone() || leaf.has_other_label) || leaf.is_distributed_spare() {
        return None;
    }
    let named = links.drive(&leaf.name);
    if leaf.is_gone() {
        return named;
    }
    let lasting = || leaf.aliases.iter().filter(|alias| !links.is_place(alias));
    let told = lasting().find_map(|alias| links.drive(alias));
    if !is_place {
        return named.or(told);
    }
    // What ZFS knows of the drive itself comes first. A name that no drive here has says that it is
    // not the one in that place, if that one has such names at all.
    let is_other = lasting().next().is_some() && named.as_ref().is_some_and(|drive| links.is_identified(drive));
    told.or(named.filter(|_| !is_other))
}

/// `0`, `100980`; without `-p` also `1.2K`, `4.5T`, `0B`. `-` and all else is `None`.
fn count(word: &str) -> Option<u64> {
    if let Ok(n) = word.parse() {
        return Some(n);
    }
    let word = word.strip_suffix('B').unwrap_or(word);
    let unit = word.chars().last()?;
    let Some(power) = "KMGTPE".find(unit) else { return word.parse().ok() };
    let number: f64 = word.strip_suffix(unit)?.parse().ok()?;
    let value = number * 1024f64.powi(i32::try_from(power + 1).ok()?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range, and rounded by zpool anyway"
    )]
    (0.0..1.8e19).contains(&value).then_some(value as u64)
}

/// How much of a scan is done. ZFS itself counts beyond 100 when data is added while it runs.
fn percent(number: f64) -> Option<f64> {
    (number.is_finite() && number >= 0.0).then(|| number.min(100.0))
}

/// Digits that fit a guid (64 bits), as digits.
fn guid(word: &str) -> Option<String> {
    let number: u64 = word.parse().ok().filter(|n| *n > 0)?;
    Some(number.to_string())
}

/// At most so many bytes of it.
fn cut_to(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// At most `TEXT_BYTES` of it.
fn cut(text: &str) -> &str {
    cut_to(text, TEXT_BYTES)
}

/// The same, trimmed.
fn clip(text: &str) -> &str {
    cut(text.trim())
}

/// Its words with one blank between them, in at most `TEXT_BYTES`.
fn join<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for word in words {
        if all.len() + word.len() >= TEXT_BYTES {
            break;
        }
        if !all.is_empty() {
            all.push(' ');
        }
        all.push_str(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_and_without_units() {
        for (word, number) in [
            ("0", Some(0)),
            ("100980", Some(100_980)),
            ("18446744073709551615", Some(u64::MAX)),
            ("1.5K", Some(1536)),
            ("0B", Some(0)),
            ("512B", Some(512)),
            ("3.01M", Some(3_156_213)),
            ("1.00E", Some(1 << 60)),
            ("-", None),
            ("", None),
            ("B", None),
            ("K", None),
            ("-1", None),
            ("-1K", None),
            ("nanK", None),
            ("infE", None),
            ("99999999E", None),
            ("1.5", None),
            ("0x10", None),
        ] {
            assert_eq!(count(word), number, "{word:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = "ä".repeat(TEXT_BYTES);
        assert_eq!(clip(&long).len(), TEXT_BYTES);
        assert_eq!(clip(&format!(" x{long}")).len(), TEXT_BYTES - 1);
        assert_eq!(clip("  short "), "short");
    }

    #[test]
    fn content_decides_how_an_output_is_read() {
        assert_eq!(parse(b" \n{\"pools\": {}}").map(|p| p.len()), Some(0));
        assert_eq!(parse(b"no pools available\n").map(|p| p.len()), Some(0));
        assert_eq!(parse(b"  pool: tank\n state: ONLINE\n").map(|p| p.len()), Some(1));
        for junk in [&b"{"[..], b"{}", b"{\"pools\": 3}", b"", b"\xff\xfe", b"[]", b"pools: none"] {
            assert_eq!(parse(junk), None, "{junk:?}");
        }
    }
}
