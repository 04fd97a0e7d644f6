//! Replies in one piece and in several, beyond each limit, and compared with the parser of the redis crate.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const LIMITS: ReplyLimits = ReplyLimits { bulk_bytes: 1000, total_bytes: 4000, elements: 20, depth: 3 };

/// Returns pieces of the sizes in `sizes`, repeated; fails at the end, where a read would block.
struct Pieces<'a> {
    left: &'a [u8],
    sizes: Vec<usize>,
    turn: usize,
}

impl<'a> Pieces<'a> {
    fn new(bytes: &'a [u8], sizes: &[usize]) -> Self {
        Self { left: bytes, sizes: sizes.to_vec(), turn: 0 }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            return Err(ErrorKind::TimedOut.into());
        }
        let size = self.sizes.get(self.turn % self.sizes.len()).copied().unwrap_or(1);
        self.turn += 1;
        let count = size.min(into.len()).min(self.left.len());
        let (now, later) = self.left.split_at(count);
        into.get_mut(..count).unwrap_or_default().copy_from_slice(now);
        self.left = later;
        Ok(count)
    }
}

/// The result as text, so that errors can be compared, too.
fn read_from(reader: &mut ReplyReader, stream: &mut impl Read, limits: ReplyLimits) -> String {
    match reader.read(stream, limits) {
        Ok(value) => format!("{value:?}"),
        Err(ReplyError::Io(error)) => format!("{:?}", error.kind()),
        Err(ReplyError::TooLarge { bytes, most }) => format!("{bytes} of {most}"),
        Err(ReplyError::Malformed) => "malformed".to_owned(),
    }
}

fn read_within(bytes: &[u8], limits: ReplyLimits) -> String {
    read_from(&mut ReplyReader::new(), &mut Pieces::new(bytes, &[usize::MAX]), limits)
}

fn read(bytes: &[u8]) -> String {
    read_within(bytes, LIMITS)
}

/// Replies of every type, valid and invalid.
const REPLIES: [&[u8]; 30] = [
    b"+OK\r\n",
    b"+PONG\r\n",
    b"+\r\n",
    b"-ERR unknown command\r\n",
    b"-NOPERM this user has no permissions\r\n",
    b"-WRONGPASS\r\n",
    b":0\r\n",
    b":-9223372036854775808\r\n",
    b":9223372036854775808\r\n",
    b":\r\n",
    b"$0\r\n\r\n",
    b"$5\r\na\r\n\xffb\r\n",
    b"$-1\r\n",
    b"$-2\r\n",
    b"$+5\r\nhello\r\n",
    b"$05\r\nhello\r\n",
    b"$5\nhello\n",
    b"$5\r\nhello!\r\n",
    b"$5x\r\nhello\r\n",
    b"$99999999999999999999\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*-7\r\n",
    b"*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n-ERR no\r\n",
    b"*1\r\n*1\r\n*1\r\n+OK\r\n",
    b"*1\r\n*1\r\n*1\r\n*1\r\n+OK\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b"_\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\r\n",
];

#[test]
fn every_kind_of_reply_is_read() {
    for (bytes, expected) in [
        (&b"+OK\r\n"[..], "ok"),
        (b"+PONG\r\n", "simple-string(\"PONG\")"),
        (b":-9223372036854775808\r\n", "int(-9223372036854775808)"),
        (b"$0\r\n\r\n", "bulk-string('\"\"')"),
        (b"$-1\r\n", "nil"),
        (b"*-1\r\n", "nil"),
        (b"*0\r\n", "array([])"),
        (b"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", "array([int(1), array([bulk-string('\"x\"')])])"),
        (b":9223372036854775808\r\n", "malformed"),
        (b"$-2\r\n", "malformed"),
        (b"*-7\r\n", "malformed"),
        (b"$+5\r\nhello\r\n", "malformed"),
        (b"$05\r\nhello\r\n", "malformed"),
        (b"$\r\n\r\n", "malformed"),
        (b"$5\nhello\r\n", "malformed"),
        (b"$5\r\nhello!\r\n", "malformed"),
        (b"+O\rK\r\n", "malformed"),
        (b"+\xff\r\n", "malformed"),
        (b"%1\r\n+a\r\n+b\r\n", "malformed"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "malformed"),
        // The error is known without further bytes.
        (b"H", "malformed"),
        (b"+O", "TimedOut"),
    ] {
        assert_eq!(read(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn pieces_make_no_difference() {
    for reply in REPLIES {
        let complete = read(reply);
        for cut in 1..reply.len() {
            let two = read_from(&mut ReplyReader::new(), &mut Pieces::new(reply, &[cut, usize::MAX]), LIMITS);
            assert_eq!(two, complete, "{:?} in two at {cut}", String::from_utf8_lossy(reply));
        }
        let bytes = read_from(&mut ReplyReader::new(), &mut Pieces::new(reply, &[1]), LIMITS);
        assert_eq!(bytes, complete, "{:?} byte by byte", String::from_utf8_lossy(reply));
    }
}

#[test]
fn replies_in_a_row_are_kept_apart() {
    let replies: [&[u8]; 4] = [b"+OK\r\n", b"$3\r\nabc\r\n", b"*2\r\n$-1\r\n:7\r\n", b"-OOM no memory\r\n"];
    let wanted: Vec<String> = replies.iter().map(|reply| read(reply)).collect();
    for size in 1..40 {
        let (mut reader, row) = (ReplyReader::new(), replies.concat());
        let mut stream = Pieces::new(&row, &[size]);
        let read: Vec<String> = replies.iter().map(|_| read_from(&mut reader, &mut stream, LIMITS)).collect();
        assert_eq!(read, wanted, "in pieces of {size}");
        assert_eq!(reader.buffered(), 0);
    }
    let (mut reader, mut stream) = (ReplyReader::new(), Pieces::new(b"+OK\r\n+OK\r\n", &[usize::MAX]));
    read_from(&mut reader, &mut stream, LIMITS);
    assert_eq!(reader.buffered(), 5, "what was not asked for shows");
}

/// The size of the reply and of the pieces makes no difference either.
#[test]
fn a_long_text_comes_whole() {
    for size in [
        0,
        1,
        BUFFER_BYTES - 20,
        BUFFER_BYTES,
        ALLOCATION_BYTES - 2,
        ALLOCATION_BYTES,
        ALLOCATION_BYTES + 1,
        5 * ALLOCATION_BYTES + 7,
    ] {
        let text: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap_or_default()).collect();
        let reply = [format!("${size}\r\n").as_bytes(), &text, b"\r\n"].concat();
        let limits = ReplyLimits { bulk_bytes: size, total_bytes: reply.len(), elements: 0, depth: 0 };
        for pieces in [&[usize::MAX][..], &[7, 4096], &[1, 1, 100_000]] {
            let value = ReplyReader::new().read(&mut Pieces::new(&reply, pieces), limits);
            assert!(value.is_ok_and(|value| value == Value::BulkString(text.clone())), "{size} in {pieces:?}");
        }
    }
}

#[test]
fn limits_hold_at_every_level() {
    let with = |bulk_bytes, total_bytes, elements, depth| ReplyLimits { bulk_bytes, total_bytes, elements, depth };
    for (bytes, limits, expected) in [
        (&b"$1001\r\n"[..], LIMITS, "1001 of 1000"),
        (b"*2\r\n+OK\r\n$1001\r\n", LIMITS, "1001 of 1000"),
        (b"$18446744073709551615\r\n", LIMITS, "18446744073709551615 of 1000"),
        (b"$18446744073709551616\r\n", LIMITS, "malformed"),
        // All together: 30 bytes less a line of 4 and less the one that ends the text.
        (b"*2\r\n$100\r\n", with(1000, 30, 2, 1), "100 of 18"),
        (b"*1\r\n", with(1000, 1000, 0, 0), "malformed"),
        (b"*0\r\n", with(1000, 1000, 0, 0), "malformed"),
        (b"*3\r\n", with(1000, 1000, 2, 1), "malformed"),
        (b"*10000000\r\n", LIMITS, "malformed"),
        (b"*2\r\n$-1\r\n*10000000\r\n", LIMITS, "malformed"),
        (b"*18446744073709551615\r\n", LIMITS, "malformed"),
        (b"*10\r\n*10\r\n:1\r\n", LIMITS, "TimedOut"),
        (b"*10\r\n*10\r\n*1\r\n:1\r\n", LIMITS, "malformed"),
        (b"+OK\r\n", with(0, 4, 0, 0), "malformed"),
    ] {
        assert_eq!(read_within(bytes, limits), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
    let deep = b"*1\r\n".repeat(1_000_000);
    assert_eq!(read(&deep), "malformed");
}

/// A size is used only after its line is complete, wherever the pieces end.
#[test]
fn an_announcement_in_pieces_is_an_announcement() {
    for announced in [&b"*10000000\r\n"[..], b"*2\r\n*10000000\r\n", b"%10000000\r\n"] {
        for parts in [&b"_\r\n"[..], b":1\r\n", b"$-1\r\n", b"*1\r\n"] {
            let reply = [announced, &parts.repeat(1000)].concat();
            for cut in 1..announced.len() {
                let mut stream = Pieces::new(&reply, &[cut, 1, usize::MAX]);
                assert_eq!(read_from(&mut ReplyReader::new(), &mut stream, LIMITS), "malformed");
                let most = announced.len() + BUFFER_BYTES;
                assert!(reply.len() - stream.left.len() <= most, "it is not read to its end");
            }
        }
    }
}

/// Records the size of the last read.
struct LastRequested<'a>(Pieces<'a>, usize);

impl Read for LastRequested<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1 = into.len();
        self.0.read(into)
    }
}

#[test]
fn what_is_announced_takes_memory_when_it_comes() {
    let most = 32 * 1024 * 1024;
    let limits = ReplyLimits { bulk_bytes: most, total_bytes: most + 100, elements: 0, depth: 0 };
    // The size of the next read is the size of the allocation.
    for received in [0, 1, 300_000, 3_000_000] {
        let reply = [format!("${most}\r\n").as_bytes(), &vec![b'x'; received]].concat();
        let mut stream = LastRequested(Pieces::new(&reply, &[usize::MAX]), 0);
        assert_eq!(read_from(&mut ReplyReader::new(), &mut stream, limits), "TimedOut");
        assert!(stream.1 <= ALLOCATION_BYTES.max(received), "{} bytes after {received}", stream.1);
    }
}

#[test]
fn a_long_error_is_cut_and_any_other_long_line_refused() {
    let reply = [&b"-MISCONF "[..], &vec![b'x'; 3900], b"\r\n+OK\r\n"].concat();
    for size in [1, 7, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, usize::MAX] {
        let (mut reader, mut stream) = (ReplyReader::new(), Pieces::new(&reply, &[size]));
        let Ok(Value::ServerError(error)) = reader.read(&mut stream, LIMITS) else {
            unreachable!("an error in {size}")
        };
        assert_eq!(
            (error.code(), error.details().map(str::len)),
            ("MISCONF", Some(MAX_LINE_BYTES - "-MISCONF ".len()))
        );
        assert_eq!(read_from(&mut reader, &mut stream, LIMITS), "ok");
    }
    // As long as may be, and an end beyond it.
    for length in MAX_LINE_BYTES - 5..MAX_LINE_BYTES + 5 {
        let reply = [&b"-"[..], &vec![b'x'; length], b"\r\n"].concat();
        let Ok(Value::ServerError(error)) = ReplyReader::new().read(&mut &*reply, LIMITS) else {
            unreachable!("{length}")
        };
        assert_eq!(error.code().len(), length.min(MAX_LINE_BYTES - 1));
    }
    assert_eq!(read(&[&b"-"[..], &vec![b'x'; 4000], b"\r\n"].concat()), "malformed", "no error is longer than a reply");
    assert_eq!(read(&[&b"+"[..], &vec![b'x'; 3000], b"\r\n"].concat()), "malformed");
    assert_eq!(read(&[&b":"[..], &vec![b'0'; 3000], b"\r\n"].concat()), "malformed");
}

/// The error codes are those that the redis crate finds.
#[test]
fn errors_are_those_of_the_redis_crate() {
    let all = "ERR EXECABORT LOADING NOSCRIPT MOVED ASK TRYAGAIN CLUSTERDOWN CROSSSLOT MASTERDOWN READONLY NOTBUSY NOSUB \
        NOPERM NOAUTH WRONGPASS OOM MISCONF NOREPLICAS WRONGTYPE DENIED";
    for code in all.split_whitespace() {
        for line in [format!("-{code}\r\n"), format!("-{code} words and more\r\n"), format!("-{code}  \r\n")] {
            let own = ReplyReader::new().read(&mut line.as_bytes(), LIMITS).ok();
            assert_eq!(own, redis::parse_redis_value(line.as_bytes()).ok(), "{line:?}");
        }
    }
    assert!(matches!(ReplyReader::new().read(&mut &b"-ERR \xff\r\n"[..], LIMITS), Ok(Value::ServerError(_))));
}

fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let line = |kind: &'static str| "[ -~]{0,40}".prop_map(move |text| format!("{kind}{text}\r\n").into_bytes());
    let bulk = proptest::collection::vec(any::<u8>(), 0..200)
        .prop_map(|text| [format!("${}\r\n", text.len()).as_bytes(), &text, b"\r\n"].concat());
    let number = any::<i64>().prop_map(|number| format!(":{number}\r\n").into_bytes());
    let nil = proptest::sample::select(vec![b"$-1\r\n".to_vec(), b"*-1\r\n".to_vec(), b"+OK\r\n".to_vec()]);
    let leaf = prop_oneof![line("+"), line("-"), number, bulk, nil];
    leaf.prop_recursive(4, 40, 5, |inner| {
        proptest::collection::vec(inner, 0..5)
            .prop_map(|values| [format!("*{}\r\n", values.len()).as_bytes(), &values.concat()].concat())
    })
}

/// The same value as that of the redis crate's parser, in one piece and in several.
#[test]
fn well_formed_replies_are_what_the_redis_crate_reads() {
    let limits = ReplyLimits { bulk_bytes: 1000, total_bytes: 100_000, elements: 1000, depth: 8 };
    let sizes = proptest::collection::vec(1_usize..50, 1..5);
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 2000, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let outcome = runner.run(&(well_formed(), sizes), |(reply, sizes)| {
        let wanted = redis::parse_redis_value(&reply).ok();
        prop_assert!(wanted.is_some(), "it is well-formed");
        let read = ReplyReader::new().read(&mut Pieces::new(&reply, &sizes), limits);
        prop_assert_eq!(read.ok(), wanted);
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}
