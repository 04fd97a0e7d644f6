#!/bin/sh
# Makes sure that programs are here; says what it installs, and from where, before it does.
# With --where-apt first, they are good to have: where apt-get cannot be used, that is said, and all goes on.
set -eu

# Servers stand where PATH need not lead to.
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
            # cargo finds its own in a folder that need not be on PATH.
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
    [ -n "$needed" ] || { echo "not here:$missing. Tests that need them are not run." >&2; exit 0; }
    echo "needed, and not here:$missing. Install it with your package manager." >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || [ -n "$needed" ] || { echo "not here:$missing. Tests that need them are not run." >&2; exit 0; }
    command -v sudo >/dev/null 2>&1 || { echo "needed, and not here:$missing. As root: apt-get install$missing" >&2; exit 1; }
    as_root=sudo
fi
echo "installing with apt-get:$missing"
# Nothing is started: the tests and the demo start their own. A package's script asks policy-rc.d, under
# systemd nothing else; a host that has one decides for itself.
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
# Who only runs the tests or benches wants none of these at the next boot.
for service in nginx prometheus; do
    case " $missing " in
        *" $service "*) $as_root systemctl disable "$service" >/dev/null 2>&1 || true ;;
    esac
done
