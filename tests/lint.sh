#!/bin/sh
# Format and lint of JavaScript and CSS by biome (biome.jsonc), and of Python by ruff (ruff.toml). tests/lint fixes their
# versions; npm and pip install them below target. LINT=required: it is a failure if one of them cannot be installed.
# Then the density of idioms that make Rust hard to read (tests/density.py).
set -eu
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-target}/lint

# not_linted WHAT REASON
not_linted() {
    echo "NOT linted: $1, because $2" >&2
    if [ "${LINT:-}" = required ]; then
        echo "LINT=required: this is a failure" >&2
        exit 1
    fi
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# is_installed TOOL FILE: TOOL has been installed from this version of FILE.
is_installed() {
    cmp -s "tests/lint/$2" "$tools/$1/installed"
}

install_biome() {
    is_installed biome package-lock.json && return
    echo "installing with npm, into $tools/biome: biome"
    mkdir -p "$tools/biome" &&
        cp tests/lint/package.json tests/lint/package-lock.json "$tools/biome" &&
        # One try: without a network, npm would wait for minutes.
        npm ci --prefix "$tools/biome" --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries 0 \
            --fetch-timeout 60000 >/dev/null </dev/null &&
        cp tests/lint/package-lock.json "$tools/biome/installed"
}

install_ruff() {
    is_installed ruff requirements.txt && return
    echo "installing with pip, into $tools/ruff: ruff"
    python3 -m venv --clear "$tools/ruff" &&
        "$tools/ruff/bin/pip" install --quiet --disable-pip-version-check --retries 0 --timeout 60 --only-binary :all: \
            --require-hashes -r tests/lint/requirements.txt </dev/null &&
        cp tests/lint/requirements.txt "$tools/ruff/installed"
}

if ! has npm || ! has node; then
    not_linted "JavaScript and CSS" "npm or node is not installed"
elif ! install_biome; then
    not_linted "JavaScript and CSS" "npm cannot install biome"
else
    "$tools/biome/node_modules/.bin/biome" ci --error-on-warnings src/http/page tests
fi

if has python3; then
    python3 tests/density.py --check src tests
else
    not_linted "the density of idioms in Rust" "python3 is not installed"
fi

if ! has python3 || ! python3 -c 'import ensurepip' 2>/dev/null; then
    not_linted "Python" "python3 or its module ensurepip (Debian: python3-venv) is not installed"
elif ! install_ruff; then
    not_linted "Python" "pip cannot install ruff"
else
    "$tools/ruff/bin/ruff" check --quiet .
    "$tools/ruff/bin/ruff" format --quiet --check .
fi
