#!/usr/bin/env python3
"""Counts idioms that make Rust code hard to read, per 1,000 lines of code without blank lines and comment lines.

usage: density.py [--by-file] [--check] FOLDER...

--by-file prints a row for each file. --check exits with status 1 if the folders together exceed a limit.
The counts are of text, not of syntax: they compare source trees, and do not judge a single line.
"""

import argparse
import re
import sys
from pathlib import Path

PATTERNS = {
    # Of Option, Result and bool.
    "combinators": re.compile(
        r"\.(?:map_or|map_or_else|and_then|then_some|is_none_or|is_some_and|is_ok_and|is_err_and|filter_map|or_else)\("
        r"|\.then\(\|"
    ),
    "local closures": re.compile(r"^\s*let (?:mut )?\w+(?:: [^=]+)? = (?:move )?\|", re.MULTILINE),
    "filter(|_|": re.compile(r"\.filter\(\|_\|"),
    "one-letter parameters": re.compile(r"\|(?:[^|\n]*[\s,(&])?&?\(?[a-z](?:[:,)][^|\n]*)?\|(?!\|)"),
}

# Per 1,000 lines. For comparison, measured by this script in December 2026: sudo-rs e5a01fd 1.4, 1.1, 0, 2.5; ripgrep
# 3fce3b5 1.6, 0.7, 0, 3.7; ntpd-rs 6852816 1.1, 0.1, 0, 4.0; fd ee20f42 3.6, 0.3, 0, 5.6.
LIMITS = {"combinators": 4.0, "local closures": 1.7, "filter(|_|": 0.0, "one-letter parameters": 0.5}


def code_lines(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("//"):
            lines.append(re.sub(r"\s// .*", "", line))
    return lines


def count(paths: list[Path]) -> tuple[int, dict[str, int]]:
    total, found = 0, dict.fromkeys(PATTERNS, 0)
    for path in paths:
        lines = code_lines(path.read_text(encoding="utf-8"))
        total += len(lines)
        text = "\n".join(lines)
        for name, pattern in PATTERNS.items():
            found[name] += len(pattern.findall(text))
    return total, found


def row(label: str, paths: list[Path]) -> str:
    total, found = count(paths)
    cells = (f"{1000 * n / max(total, 1):5.1f} ({n})" for n in found.values())
    return f"{label:44} {total:6} " + " ".join(f"{cell:>13}" for cell in cells)


def check(paths: list[Path]) -> bool:
    total, found = count(paths)
    is_within = True
    for name, limit in LIMITS.items():
        density = 1000 * found[name] / max(total, 1)
        if density > limit:
            is_within = False
            print(f"density.py: {name}: {density:.1f} per 1,000 lines, at most {limit} wanted", file=sys.stderr)
    return is_within


def source_files(folder: str) -> list[Path]:
    root = Path(folder)
    return sorted(root.rglob("*.rs")) if root.is_dir() else [root]


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--by-file", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("folders", nargs="+")
    arguments = parser.parse_args()
    print(f"{'':44} {'lines':>6} " + " ".join(f"{name[:13]:>13}" for name in PATTERNS))
    everything: list[Path] = []
    for folder in arguments.folders:
        paths = source_files(folder)
        everything += paths
        if arguments.by_file:
            for path in paths:
                print(row(str(path), [path]))
        print(row(f"{folder} (total)", paths))
    if len(arguments.folders) > 1:
        print(row("all (total)", everything))
    if arguments.check and not check(everything):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
