#!/bin/sh
# Installs the named programs if they are missing. It lists what it installs, and from where, before it installs it.
# With --where-apt as the first argument they are optional: if apt-get cannot be used, a message is printed and the exit
# status is 0.
set -eu

# Servers may be in folders that are not in PATH.
PATH=$PATH:/usr/sbin:/sbin

needed=1
if [ "${1:-}" = --where-apt ]; then
    needed=
    shift
fi

missing=
for program in "$@"; do
    case $program in
        cargo-*)
            # cargo finds its subcommands in a folder that may not be in PATH.
            if ! "${CARGO:-cargo}" "${program#cargo-}" --version >/dev/null 2>&1; then
                echo "installing from crates.io with cargo install: $program (takes minutes)"
                "${CARGO:-cargo}" install --locked --quiet "$program"
            fi
            continue
            ;;
        node) package=nodejs ;;
        readelf) package=binutils ;;
        promtool) package=prometheus ;;
        redis-benchmark) package=redis-tools ;;
        unshare) package=util-linux ;;
        ip) package=iproute2 ;;
        *) package=$program ;;
    esac
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    [ -n "$needed" ] || { echo "not installed:$missing. Tests that need them are not run." >&2; exit 0; }
    echo "not installed:$missing. Install the missing programs with the package manager of this system." >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || [ -n "$needed" ] || { echo "not installed:$missing. Tests that need them are not run." >&2; exit 0; }
    command -v sudo >/dev/null 2>&1 || { echo "not installed:$missing. Run as root: apt-get install$missing" >&2; exit 1; }
    as_root=sudo
fi
echo "installing with apt-get:$missing"
# Services are not started: tests and demo start their own. Scripts of packages call policy-rc.d to find out whether
# they may start a service. An existing policy-rc.d is not replaced.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get update -qq
# shellcheck disable=SC2086 # a list of package names
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
# These services are needed by tests and benchmarks only, not at boot.
for service in nginx prometheus; do
    case " $missing " in
        *" $service "*) $as_root systemctl disable "$service" >/dev/null 2>&1 || true ;;
    esac
done
