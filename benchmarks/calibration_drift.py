"""Does the audit notice that documents have changed, and keep silent while they have not?

    python benchmarks/calibration_drift.py [--labelled 200] [--fresh 500] [--share 0.1]

Calibrates the offline engines on generated invoices with an audit, then runs the job over other
invoices of the same make, then over invoices whose layout has changed: the label of the date says
`Delivered`, and an order's date, total and number stand above. Prints what each run says of the
audit. The engines are rules, not language models; the careful one is the strong model of the audit.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.calibration_page import write_invoices
from flows.calibrate import calibrate
from flows.wiring import Direct, run_pipeline, start_run
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.jobs import load_job

_DATE = re.compile(
    r"(?:invoice date|rechnungsdatum|date de facture|date d'émission|issue date|date)\b", re.I
)
_ABOVE = "Order date: 2025-11-03\nOrder total: 17.00 EUR\nQuote No: Q-4711\n"


def change(folder: Path) -> None:
    """Give every document of a folder the new layout."""
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            path.write_text(_ABOVE + _DATE.sub("Delivered", text), encoding="utf-8")


def told(labelled: Path, documents: Path, lake: Path) -> str:
    """What a run of the job over some documents says of its audit."""
    settings = {
        "lake": str(lake),
        "profile": "offline",
        "analysis": {"max_insights": 0},
        "shard_size": 64,
    }
    job = load_job(str(labelled), settings)
    source = job.source.model_copy(update={"path": str(documents)})
    done = run_pipeline(start_run(job.model_copy(update={"source": source}), env={}), Direct())
    notes = read_manifest(Lake(done.lake), done.run_id).notes
    return "; ".join(note for note in notes if "audit" in note)


def main() -> int:
    """Read the command line, calibrate, run and print."""
    parser = argparse.ArgumentParser(description="An audit before and after documents change.")
    parser.add_argument("--labelled", type=int, default=200, help="invoices to calibrate on")
    parser.add_argument("--fresh", type=int, default=500, help="invoices per run")
    parser.add_argument("--share", type=float, default=0.1, help="share of the fields audited")
    args = parser.parse_args()
    os.environ.setdefault("DOCMILL_CONFIG", "")
    folder = Path(tempfile.mkdtemp(prefix="docmill-drift-"))
    try:
        labelled = write_invoices(folder / "invoices", args.labelled, 1)
        with (labelled / "docmill.yaml").open("a", encoding="utf-8") as job:
            job.write(f"audit: {{share: {args.share}}}\n")
        lake = folder / "lake"
        done = calibrate(str(labelled), out=str(lake), profile="offline", env={})
        print(f"tolerated: {done.types[0].calibration.tolerated:.3g}")
        alike = write_invoices(folder / "alike", args.fresh, 2)
        print(f"alike: {told(labelled, alike / 'documents', lake)}")
        changed = write_invoices(folder / "changed", args.fresh, 3)
        change(changed / "documents")
        print(f"changed: {told(labelled, changed / 'documents', lake)}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
