#!/bin/sh
# Runs the tests of one test program that have needs which not every machine meets. Tests whose needs are not met are
# listed. Such a test has the line `#[ignore = "needs A, B and C"]`, so that plain `cargo test` reports it as ignored.
# Usage: tests/needs.sh PROGRAM [options of libtest]; PROGRAM is it or alone. PAGE_TEST=required: a test that needs
# chromium and cannot run is a failure.
set -eu
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
program=$1
shift

here() {
    command -v "$1" >/dev/null 2>&1
}

# The driver of the browser is fetched once, into the build folder. npm gets one try, because without a network it waits
# for minutes.
has_driver() {
    cmp -s tests/page/package-lock.json "${CARGO_TARGET_DIR:-target}/tmp/page/installed" ||
        npm view --prefix tests/page --fetch-retries 0 --fetch-timeout 20000 playwright-core version >/dev/null 2>&1
}

# Whether a control group of cgroup version 1 can be created.
has_cgroup() {
    group=/sys/fs/cgroup/$1/jbod-monitor-needs-$$
    [ -e "/sys/fs/cgroup/$1/cgroup.procs" ] && mkdir "$group" 2>/dev/null && rmdir "$group"
}

is_met() {
    case $1 in
        "a build that every user may run")
            here setpriv && setpriv --reuid 65534 --regid 65534 --clear-groups \
                "${CARGO_TARGET_DIR:-target}/debug/jbod-monitor" --version >/dev/null 2>&1
            ;;
        "a host without zpool") ! [ -e /usr/sbin/zpool ] && ! [ -e /sbin/zpool ] ;;
        "a memory cgroup") has_cgroup memory ;;
        "a pids cgroup") has_cgroup pids ;;
        chromium) here chromium || here chromium-browser || here google-chrome ;;
        curl | journalctl | node | prometheus | promtool | setpriv | systemd-analyze) here "$1" ;;
        journald)
            # The test starts its own journald, which needs mounts.
            { [ -x /usr/lib/systemd/systemd-journald ] || [ -x /lib/systemd/systemd-journald ]; } &&
                unshare --mount true 2>/dev/null
            ;;
        libfaketime) [ -e "/usr/lib/$(uname -m)-linux-gnu/faketime/libfaketime.so.1" ] ;;
        "mount namespaces") unshare --map-root-user --mount sh -c 'mount -t tmpfs none /run' 2>/dev/null ;;
        "network namespaces")
            unshare --map-root-user --net --mount --uts --pid --fork sh -c 'ip link add type veth && hostname needs' 2>/dev/null
            ;;
        npm) here npm && has_driver ;;
        root) [ "$(id -u)" -eq 0 ] ;;
        "systemd-analyze with --threshold") here systemd-analyze && systemd-analyze --help | grep -q -e --threshold ;;
        *)
            echo "tests/needs.sh has no check for the need: $1" >&2
            exit 2
            ;;
    esac
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# NAME<tab>NEED, a line for each need of each test in the source. NAME is that of libtest: the path of the file, and the
# function. An attribute that no function follows is an error.
find "tests/$program" -name '*.rs' -exec awk -v root="tests/$program/" '
    function stray() {
        print where ": no test follows this #[ignore]" >"/dev/stderr"
        failed = 1
    }
    FNR == 1 {
        if (needs) stray()
        needs = ""
        module = substr(FILENAME, length(root) + 1)
        sub(/\.rs$/, "", module)
        sub(/(^|\/)(main|mod)$/, "", module)
        gsub(/\//, "::", module)
    }
    /^ *#\[ignore = "needs [^"]*"\]/ {
        if (needs) stray()
        where = FILENAME ":" FNR
        needs = $0
        sub(/^ *#\[ignore = "needs /, "", needs)
        sub(/".*/, "", needs)
        gsub(/ and /, ", ", needs)
        next
    }
    needs && /^ *(pub(\([a-z]+\))? )?(async )?fn / {
        name = $0
        sub(/^ *(pub(\([a-z]+\))? )?(async )?fn /, "", name)
        sub(/[^A-Za-z0-9_].*/, "", name)
        count = split(needs, each, ", ")
        for (i = 1; i <= count; i++) print (module ? module "::" : "") name "\t" each[i]
        needs = ""
    }
    END {
        if (needs) stray()
        exit failed
    }' {} + >"$work/needs"

"$cargo" test --quiet --locked --test "$program" -- --ignored --list >"$work/list"
sed -n 's/: test$//p' "$work/list" >"$work/ignored"

cut -f 2 "$work/needs" | LC_ALL=C sort -u >"$work/all"
while IFS= read -r need; do
    is_met "$need" </dev/null || echo "$need"
done <"$work/all" >"$work/missing"

# Writes tests that can run to one file, and the others, with what is missing, to another. A test of the source that
# libtest does not list under that name is an error, so that no test is skipped silently.
: >"$work/cannot"
awk -F '\t' -v cannot="$work/cannot" '
    FILENAME ~ /\/missing$/ { missing[$0]; next }
    FILENAME ~ /\/needs$/ { known[$1]; if ($2 in missing) lacks[$1] = lacks[$1] (lacks[$1] ? ", " : "") $2; next }
    !($0 in known) { next }
    { listed[$0] }
    $0 in lacks { print $0 "\t" lacks[$0] >cannot; next }
    { print }
    END {
        for (name in known) if (!(name in listed)) {
            print "tests/needs.sh: libtest has no ignored test " name >"/dev/stderr"
            failed = 1
        }
        exit failed
    }' "$work/missing" "$work/needs" "$work/ignored" >"$work/can"

if [ -s "$work/cannot" ]; then
    echo "Tests of $program that are not run because a need is not met: $(wc -l <"$work/cannot")"
    awk -F '\t' '{ print "    " $1 " needs " $2 }' "$work/cannot"
fi
if [ "${PAGE_TEST:-}" = required ] && [ "$program" = it ]; then
    if grep -q -e '^page::' "$work/cannot" || ! grep -q -e '^page::' "$work/can"; then
        echo "PAGE_TEST=required, but the page cannot be tested" >&2
        exit 1
    fi
fi
[ -s "$work/can" ] || exit 0
# shellcheck disable=SC2046 # names without blanks
"$cargo" test --locked --test "$program" -- --ignored --exact $(cat "$work/can") "$@"
