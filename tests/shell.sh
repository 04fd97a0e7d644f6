#!/bin/sh
# Checks all shell scripts of the project with shellcheck. They are recognized by their first line.
set -eu
cd "$(dirname "$0")/.."

if ! command -v shellcheck >/dev/null 2>&1; then
    echo "shell scripts are not checked: shellcheck is not installed"
    exit 0
fi
scripts=$(find . \( -name .git -o -name target -o -name corpus -o -name .demo \) -prune -o -type f -print0 |
    xargs -0 awk 'FNR == 1 && /^#!.*[\/ ](sh|bash|dash)( |$)/ { print FILENAME } { nextfile }' | LC_ALL=C sort)
[ -n "$scripts" ] || { echo "found no shell scripts" >&2; exit 1; }
# shellcheck disable=SC2086 # a list; none has a blank in its name
shellcheck --external-sources $scripts
