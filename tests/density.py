#!/usr/bin/env python3
"""Counts idioms that make Rust code hard to read, per 1,000 lines of code without blank lines and comment lines.

usage: density.py [--by-file] FOLDER...

The counts are of text, not of syntax: they compare source trees, and do not judge a single line.
"""

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


def main() -> None:
    arguments = [a for a in sys.argv[1:] if a != "--by-file"]
    print(f"{'':44} {'lines':>6} " + " ".join(f"{name[:13]:>13}" for name in PATTERNS))
    for folder in arguments:
        root = Path(folder)
        paths = sorted(root.rglob("*.rs")) if root.is_dir() else [root]
        if "--by-file" in sys.argv:
            for path in paths:
                print(row(str(path), [path]))
        print(row(f"{folder} (total)", paths))


if __name__ == "__main__":
    main()
