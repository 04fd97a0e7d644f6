#!/bin/sh
# Every shell script of the project, found by its first line, in shellcheck's eyes.
set -eu
cd "$(dirname "$0")/.."

if ! command -v shellcheck >/dev/null 2>&1; then
    echo "shell scripts are not checked: shellcheck is not here"
    exit 0
fi
scripts=$(find . \( -name .git -o -name target -o -name corpus -o -name .demo \) -prune -o -type f -print0 |
    xargs -0 awk 'FNR == 1 && /^#!.*[\/ ](sh|bash|dash)( |$)/ { print FILENAME } { nextfile }' | LC_ALL=C sort)
[ -n "$scripts" ] || { echo "no shell scripts are found" >&2; exit 1; }
# shellcheck disable=SC2086 # a list; none has a blank in its name
shellcheck --external-sources $scripts
