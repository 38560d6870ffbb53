"""What does the cascade gain over one tier alone, and what does the verifier add to it?

    python benchmarks/cascade_quality.py [FOLDER ...] [--write]

For every gold folder (default: `sample_docs`) four runs with the offline engines as tiers, over one
response store: the first tier alone, the second alone, the cascade with default thresholds, and the
cascade with every record verified. Printed are F1 over all fields with its 95 % interval, the
difference of each cascade to the better tier alone on the same draws of documents, the verifier's
own errors and the share of every field that went up. `--write` puts the tables into
`docs/quality.md`. The engines are rules, not language models: this says what the cascade does with
two answerers of which the second is not much better, and nothing about models.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flows.evaluate import Evaluated, alone, score_job
from flows.evaluate_view import verifier_words
from schemas.job import Job
from tasks.evaluation_intervals import MICRO, Difference, differences
from tasks.gold import load_gold
from tasks.jobs import load_job

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "quality.md"
START, END = "<!-- measured: cascade -->", "<!-- end of measured -->"
TIERS = ("offline-quick", "offline-careful")


@dataclass(frozen=True, slots=True)
class Measured:
    """The four runs over one folder."""

    name: str
    first: Evaluated
    second: Evaluated
    cascade: Evaluated
    verified: Evaluated

    @property
    def best(self) -> Evaluated:
        """The better tier alone."""
        return max(self.first, self.second, key=lambda one: one.result.micro.f1 or 0.0)

    def gain(self, one: Evaluated) -> Difference | None:
        """How much better a cascade is than the better tier alone."""
        return differences(one.counts, self.best.counts).get(MICRO)


def measure(folder: Path) -> Measured:
    """Run a gold folder four times."""
    gold = load_gold(folder)
    lake = tempfile.mkdtemp(prefix="docmill-cascade-")
    try:
        settings = {"lake": lake, "analysis": {"max_insights": 0}, "profile": "offline"}
        job = load_job(str(folder), settings)

        def scored(one: Job) -> Evaluated:
            print(f"{gold.name}: {one.models.extraction_worker or 'cascade'}", file=sys.stderr)
            return score_job(str(folder), one, gold)

        def checked(share: float) -> Job:
            return job.model_copy(update={"verify": job.verify.model_copy(update={"share": share})})

        return Measured(
            name=gold.name,
            first=scored(alone(job, TIERS[0])),
            second=scored(alone(job, TIERS[1])),
            cascade=scored(checked(0.0)),
            verified=scored(checked(1.0)),
        )
    finally:
        shutil.rmtree(lake, ignore_errors=True)


def tables(measured: Sequence[Measured]) -> Iterator[str]:
    """What was measured, as Markdown."""
    yield "| documents | first tier alone | second alone | cascade | with verifier |"
    yield "|---|---|---|---|---|"
    for one in measured:
        cells = [_f1(run) for run in (one.first, one.second, one.cascade, one.verified)]
        yield f"| {one.name} ({one.cascade.result.documents}) | {' | '.join(cells)} |"
    yield ""
    yield "F1 over all fields, its 95 % interval (bootstrap over documents), precision, recall."
    yield ""
    yield "| documents | cascade less the better tier | with verifier less the same | verdict |"
    yield "|---|---|---|---|"
    for one in measured:
        plain, checked = one.gain(one.cascade), one.gain(one.verified)
        yield f"| {one.name} | {_gap(plain)} | {_gap(checked)} | {_verdict(plain, checked)} |"
    yield ""
    yield "| documents | calls: first alone, second alone, cascade, with verifier | the verifier |"
    yield "|---|---|---|"
    for one in measured:
        calls = ", ".join(
            str(run.asked) for run in (one.first, one.second, one.cascade, one.verified)
        )
        made = one.verified.workings
        words = verifier_words(made.verifier).removeprefix("verifier: ") if made else "-"
        yield f"| {one.name} | {calls} | {words} |"
    yield ""
    yield "Share of the documents in which a field went to the second tier, and what that did:"
    yield ""
    yield "| field | went up | right before | right after |"
    yield "|---|---|---|---|"
    for one in measured:
        made = one.cascade.workings
        for name, field in (made.escalation if made else {}).items():
            share = field.escalated / field.documents if field.documents else 0.0
            shown = name.replace("_", "\\_")
            yield (
                f"| {one.name}: {shown} | {share:.1%} ({field.escalated}) | "
                f"{field.right_before} | {field.right_after} |"
            )


def _f1(done: Evaluated) -> str:
    f1, found = done.result.micro.f1, done.intervals.get(MICRO)
    if f1 is None or found is None or found.f1 is None:
        return "-"
    precision, recall = done.result.micro.precision or 0.0, done.result.micro.recall or 0.0
    return (
        f"**{f1:.3f}** ({found.f1.low:.3f} to {found.f1.high:.3f}), {precision:.3f}, {recall:.3f}"
    )


def _gap(gap: Difference | None) -> str:
    return "-" if gap is None else f"{gap.difference:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"


def _verdict(plain: Difference | None, checked: Difference | None) -> str:
    return f"cascade {_words(plain)}; with verifier {_words(checked)}"


def _words(gap: Difference | None) -> str:
    if gap is None:
        return "not measured"
    return "better" if gap.low > 0 else "worse" if gap.high < 0 else "no gain beyond noise"


def main() -> int:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description="Tier one, tier two, cascade, verifier.")
    parser.add_argument("folders", type=Path, nargs="*", default=[ROOT / "sample_docs"])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/quality.md")
    args = parser.parse_args()
    os.environ.setdefault("DOCMILL_CONFIG", "")
    text = "\n".join(tables([measure(folder) for folder in args.folders]))
    print(text)
    if args.write:
        page = PAGE.read_text(encoding="utf-8")
        body = f"{START}\n{text}\n{END}"
        PAGE.write_text(
            re.sub(f"{re.escape(START)}.*{re.escape(END)}", lambda _: body, page, flags=re.DOTALL),
            encoding="utf-8",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
