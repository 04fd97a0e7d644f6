//! The protocol of the control socket: `COMMAND ARGUMENT\n`, answered by `ok TEXT\n` or `failed TEXT\n`. Pure.

use crate::domain::text::sanitize;

/// Maximum length of a request with its line end. Serial numbers have at most 252 bytes (VPD page 0x80, SPC-4).
pub(super) const MAX_REQUEST_BYTES: usize = 512;
/// Maximum length of an answer with its line end.
pub(super) const MAX_ANSWER_BYTES: u64 = 64 * 1024;

const FORGET: &str = "forget";

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ControlRequest {
    /// Forget the drive, enclosure, IO modules or paths that are missing under this name.
    Forget(String),
}

impl ControlRequest {
    /// Parses a line without its line end. The error is sent to the client.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let line = std::str::from_utf8(line).map_err(|_| "the request is not UTF-8".to_owned())?;
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = argument.trim();
        match command {
            FORGET if argument.is_empty() => {
                Err("found no name, wanted a serial number, a WWN or the id of an enclosure".to_owned())
            }
            FORGET => Ok(Self::Forget(argument.to_owned())),
            _ => Err(format!("found command {command:?}, wanted {FORGET}: the daemon may be of another version")),
        }
    }

    /// `None`: the argument is too long or contains a line break.
    pub(super) fn line(&self) -> Option<String> {
        let Self::Forget(subject) = self;
        let line = format!("{FORGET} {subject}\n");
        let is_valid = line.len() <= MAX_REQUEST_BYTES && line.lines().count() == 1;
        if is_valid { Some(line) } else { None }
    }
}

/// The result of a command, with a text for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ControlAnswer {
    Done(String),
    Failed(String),
}

impl ControlAnswer {
    pub(super) fn line(&self) -> String {
        let (word, text) = match self {
            Self::Done(text) => ("ok", text),
            Self::Failed(text) => ("failed", text),
        };
        format!("{word} {}\n", sanitize(text))
    }

    /// `None`: the text is not an answer.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (word, text) = line.strip_suffix('\n')?.split_once(' ')?;
        match word {
            "ok" => Some(Self::Done(text.to_owned())),
            "failed" => Some(Self::Failed(text.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_of_limited_length() {
        let forget = |subject: &str| ControlRequest::Forget(subject.to_owned());
        assert_eq!(forget("Z30 0ABC").line().as_deref(), Some("forget Z30 0ABC\n"));
        assert_eq!(ControlRequest::parse(b"forget  Z30 0ABC "), Ok(forget("Z30 0ABC")));
        assert_eq!((forget(&"x".repeat(600)).line(), forget("a\nforget b").line()), (None, None));
        for wrong in [&b"forget"[..], b"forget  ", b"", b"FORGET x", b"stop now", b"forget \xff"] {
            assert!(ControlRequest::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_answer_is_one_line_even_with_line_breaks_in_names() {
        let answer = ControlAnswer::Failed("no drive \"a\nok b\"".to_owned());
        assert_eq!(answer.line(), "failed no drive \"a?ok b\"\n");
        assert_eq!(ControlAnswer::parse("ok forgotten\n"), Some(ControlAnswer::Done("forgotten".to_owned())));
        for wrong in ["", "ok", "ok forgotten", "maybe x\n"] {
            assert_eq!(ControlAnswer::parse(wrong), None, "{wrong:?}");
        }
    }
}
