"""Does a calibration keep its promise on documents that it has never seen?

    python benchmarks/calibration_page.py [--write] [--labelled 200] [--fresh 500]

Generates labelled invoices and calibrates the offline engines on them; then runs the job over other
invoices, with defaults and with the calibration, and counts per field how many values were accepted
and wrong. `--write` puts tables and pictures into `docs/calibration.md` and `docs/images`. The
engines are rules, not language models.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.make_documents import TEXT_FORMATS, make_documents
from flows.calibrate import Calibrated, calibrate
from flows.calibrate_cli import lines
from flows.evaluate import Evaluated, score_job
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.calibration_labels import Labels, final_answers
from tasks.charts import FAINT, MARK, svg_of
from tasks.gold import load_gold
from tasks.jobs import load_job
from tasks.plots import WARM, plot

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "calibration.md"
IMAGES = ROOT / "docs" / "images"
TARGET = 0.95


def write_invoices(folder: Path, count: int, seed: int) -> Path:
    """A gold folder of generated invoices."""
    make_documents(
        folder,
        count=count,
        seed=seed,
        formats=TEXT_FORMATS,
        since=date(2026, 1, 1),
        days=181,
        types=("invoice",),
    )
    return folder


@dataclass(frozen=True, slots=True)
class Fresh:
    """A run over documents that nothing was fitted to or certified by.

    Attributes:
        done: Its evaluation.
        wrong: Per field, share of the documents whose answer was accepted and is wrong, be it a
            value or that there is none.
    """

    done: Evaluated
    wrong: dict[str, float]


def on_fresh_documents(labelled: Path, fresh: Path, lake: Path, *, calibrated: bool) -> Fresh:
    """The job of the calibration over documents it has not seen."""
    settings = {"lake": str(lake), "profile": "offline", "analysis": {"max_insights": 0}}
    job = load_job(str(labelled), settings)
    job = job.model_copy(
        update={
            "source": job.source.model_copy(update={"path": str((fresh / "documents").resolve())}),
            "cascade": job.cascade.model_copy(update={"calibrated": calibrated}),
        },
    )
    gold = load_gold(fresh)
    done = score_job(str(fresh), job, gold)
    manifest = read_manifest(Lake(str(lake)), done.run.run_id)
    labels = Labels(gold, Lake(str(lake)), manifest)
    wrong: dict[str, list[bool]] = {}
    for answer in final_answers(Lake(str(lake)), manifest, labels, list(labels.files)):
        if answer.document_type == "invoice":
            is_error = answer.is_accepted and not answer.is_right
            wrong.setdefault(answer.field, []).append(is_error)
    return Fresh(done, {name: sum(seen) / len(seen) for name, seen in wrong.items()})


def table(plain: Fresh, kept: Fresh) -> Iterator[str]:
    """Per field, what was accepted and wrong, what was found, and what went up."""
    yield (
        "| field | defaults: accepted and wrong | found | went up | calibrated: accepted and wrong "
        "| found | went up |"
    )
    yield "|---|---|---|---|---|---|---|"
    for name in plain.wrong:
        cells = [cell for one in (plain, kept) for cell in _cells(one, name)]
        yield f"| {name.replace('_', chr(92) + '_')} | {' | '.join(cells)} |"
    micro = [one.done.result.micro.f1 or 0.0 for one in (plain, kept)]
    answers = sum(t.answers for t in kept.done.workings.tiers[:1]) if kept.done.workings else 0
    yield ""
    yield (
        f"F1 over all fields: {micro[0]:.3f} with defaults, {micro[1]:.3f} calibrated; answers "
        f"asked of the second tier: {_second(plain.done)} and {_second(kept.done)} of {answers}."
    )


def _cells(one: Fresh, name: str) -> tuple[str, str, str]:
    score = one.done.result.fields[f"invoice.{name}"]
    made = one.done.workings.escalation[f"invoice.{name}"] if one.done.workings else None
    up = made.escalated / made.documents if made and made.documents else 0.0
    return f"{one.wrong[name]:.1%}", f"{score.recall or 0.0:.1%}", f"{up:.1%}"


def _second(done: Evaluated) -> int:
    return sum(t.answers for t in done.workings.tiers[1:]) if done.workings else 0


def draw_errors(plain: Fresh, kept: Fresh) -> str:
    """What was accepted and wrong per field, with defaults and calibrated, as SVG."""
    n = plain.done.result.documents
    names = {"defaults": plain, "calibrated": kept}
    values = [
        {"field": name, "how": how, "wrong": wrong}
        for how, one in names.items()
        for name, wrong in one.wrong.items()
    ]
    bars = {
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "field", "type": "nominal", "sort": None, "title": None},
            "yOffset": {"field": "how", "sort": list(names)},
            "x": {
                "field": "wrong",
                "type": "quantitative",
                "title": f"share of {n} new invoices with an answer that was accepted and is wrong",
                "axis": {"format": ".0%"},
            },
            "color": {
                "field": "how",
                "type": "nominal",
                "sort": list(names),
                "scale": {"domain": list(names), "range": [FAINT, MARK]},
                "title": None,
            },
        },
        "data": {"values": values},
    }
    promised = {
        "mark": {"type": "rule", "color": WARM, "strokeDash": [4, 3], "strokeWidth": 1.5},
        "encoding": {"x": {"datum": 1 - TARGET, "type": "quantitative"}},
        "data": {"values": [{}]},
    }
    return svg_of(plot([bars, promised], padding=10, width=460, height={"step": 11})) + "\n"


def put(done: Calibrated, said: list[str], plain: Fresh, kept: Fresh) -> None:
    """Write what came out into the page, and the pictures beside it."""
    (one,) = done.types
    assert one.picture is not None  # both tiers have answered
    (IMAGES / "calibration-curve.svg").write_bytes(Lake(done.lake).read_bytes(one.picture))
    (IMAGES / "calibration-errors.svg").write_text(draw_errors(plain, kept), encoding="utf-8")
    printed = "\n".join([*(line for line in said if "no labelled" not in line), *lines(done)])
    printed = printed.replace(done.lake, "lake")
    page = PAGE.read_text(encoding="utf-8")
    for name, body in {
        "command": f"```\n{printed}\n```",
        "fresh": "\n".join(table(plain, kept)),
    }.items():
        start, end = f"<!-- measured: {name} -->", "<!-- end of measured -->"
        page = re.sub(
            f"{start}.*?{end}",
            lambda _, s=start, b=body, e=end: f"{s}\n{b}\n{e}",
            page,
            flags=re.DOTALL,
        )
    PAGE.write_text(page, encoding="utf-8")


def main() -> int:
    """Read the command line, generate, calibrate, run and print."""
    parser = argparse.ArgumentParser(description="From labelled invoices to a kept promise.")
    parser.add_argument("--labelled", type=int, default=200, help="invoices to calibrate on")
    parser.add_argument("--fresh", type=int, default=500, help="invoices to try it on")
    parser.add_argument("--write", action="store_true", help="put it into docs/calibration.md")
    args = parser.parse_args()
    os.environ.setdefault("DOCMILL_CONFIG", "")
    folder = Path(tempfile.mkdtemp(prefix="docmill-calibration-"))
    try:
        labelled = write_invoices(folder / "invoices", args.labelled, 1)
        fresh = write_invoices(folder / "fresh", args.fresh, 2)
        said: list[str] = []
        done = calibrate(
            str(labelled),
            target=TARGET,
            out=str(folder / "lake"),
            profile="offline",
            say=said.append,
        )
        plain = on_fresh_documents(labelled, fresh, folder / "lake", calibrated=False)
        kept = on_fresh_documents(labelled, fresh, folder / "lake", calibrated=True)
        print("\n".join([*said, *lines(done), *table(plain, kept)]))
        if args.write:
            put(done, said, plain, kept)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
