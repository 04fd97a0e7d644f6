"""What is shown: medians with their spread, ratios taken inside a round, and what they were meant to be."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


def number(value):
    """Three digits that count."""
    if value is None:
        return ""
    for limit, digits in ((100, 0), (10, 1), (1, 2), (0.1, 3)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.4f}" if value else "0"


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    return f"{number(min(values))} to {number(max(values))}" if len(values) > 1 else ""


def ratios(ours, theirs):
    """Round by round: a machine whose speed drifts favours nobody."""
    return [our / their for our, their in zip(ours, theirs) if their]


def table(head, rows):
    """Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


@dataclass(frozen=True)
class Goal:
    """A bound that must hold and one to aim at; `at_most` where less is better."""

    what: str
    must: float
    aim: float | None = None
    at_most: bool = False
    unit: str = ""

    def verdict(self, value):
        def holds(bound):
            return value <= bound if self.at_most else value >= bound

        if self.aim is not None and holds(self.aim):
            return "aim reached"
        if holds(self.must):
            return "holds"
        return "**missed**"

    def bound(self, bound):
        if bound is None:
            return ""
        return f"{'≤' if self.at_most else '≥'} {number(bound)}{self.unit}"


@dataclass
class Report:
    """Printed as it grows; the goals stand together at its end."""

    parts: list[str] = field(default_factory=list)
    judged: list[tuple[Goal, list[float]]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    # What makes the whole a failure: a count that has grown, a subject that could not be measured.
    failures: list[str] = field(default_factory=list)

    def say(self, text):
        self.parts.append(text)
        print(text + "\n", flush=True)

    def judge(self, goal, values):
        """Values: one a round, or the only one."""
        if values:
            self.judged.append((goal, values))

    def leave_out(self, what, why):
        self.left_out.append(f"{what}: {why}")
        print(f"left out: {what}: {why}\n", flush=True)

    def fail(self, what):
        self.failures.append(what)
        self.say(f"**Failed:** {what}")

    def finish(self):
        if self.judged:
            rows = [
                (
                    goal.what,
                    number(median(values)) + goal.unit,
                    spread(values),
                    goal.bound(goal.must),
                    goal.bound(goal.aim),
                    goal.verdict(median(values)),
                )
                for goal, values in self.judged
            ]
            self.say("### Against the goals\n\n" + table(["", "median", "spread", "must", "aim", ""], rows))
        if self.left_out:
            self.say("Left out:\n\n" + "\n".join(f"- {line}" for line in self.left_out))

    def text(self):
        return "\n\n".join(self.parts)
