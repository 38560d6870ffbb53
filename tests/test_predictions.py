"""What a run said about each file, as an evaluation compares it."""

from pathlib import Path

from storage.manifests import read_manifest
from storage.store import Lake
from tasks.predictions import predictions
from tests.small_runs import invoice, make_job, run, write_folder

TICKET = {
    "name": "ticket",
    "description": "A weighbridge ticket.",
    "match": ["tickets/**"],
    "fields": [
        {"name": "number", "labels": ["Ticket no"], "required": True},
        {"name": "weight", "type": "decimal", "labels": ["Weight"]},
        {"name": "day", "type": "date", "labels": ["Date"]},
        {"name": "note", "labels": ["Note"]},
    ],
}


def test_values_are_canonical_duplicates_repeat_and_failures_are_left_out(tmp_path: Path) -> None:
    text = "Ticket no: W-1\nWeight: 1250.50\nDate: 3 May 2026\n"
    source = write_folder(
        tmp_path / "docs",
        {
            "tickets/a.txt": text,
            "tickets/copy.txt": text,
            "tickets/whole.txt": text.replace("1250.50", "900.00"),
            "tickets/empty.txt": "",
            "other/b.txt": invoice(3, "10.00"),
        },
    )
    done = run(make_job(source, types=[TICKET, "invoice"]))
    lake = Lake(done.lake)

    found = predictions(lake, read_manifest(lake, done.run_id))

    ticket = {"number": "W-1", "weight": "1250.5", "day": "2026-05-03", "note": None}
    assert found["tickets/a.txt"] == ("ticket", ticket)
    assert found["tickets/copy.txt"] == found["tickets/a.txt"]
    assert found["tickets/whole.txt"][1]["weight"] == "900"
    assert "tickets/empty.txt" not in found
    assert found["other/b.txt"][0] == "invoice"
    assert found["other/b.txt"][1]["grand_total"] == "10"
