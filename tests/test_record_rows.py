"""How a document's extraction becomes rows, and when it is a new question."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from llms import prompts
from llms.cascade import Extraction
from llms.resolution import resolve
from schemas.fields import DocumentType
from schemas.job import Job
from schemas.tables import OUTCOMES, records_schema
from storage.store import Lake
from tasks.jobs import expand
from tasks.record_rows import extraction_key, outcome_row, record_row

NOTE = {
    "name": "note",
    "description": "A delivery note.",
    "fields": [
        {"name": "number", "required": True},
        {"name": "day", "type": "date"},
        {"name": "weight", "type": "decimal"},
        {"name": "items", "multi": True},
    ],
}
DOCUMENT = {
    "doc_id": "d1", "uri": "a.txt", "sha256": "f" * 64, "parser": "text/1", "tokens": 100,
    "text": "Note N-1 of 1 March 2026: 12.50 kg, bolts, nuts",
}  # fmt: skip


def make_job(**changes: Any) -> Job:
    return expand(Job.model_validate({"types": (NOTE,), **changes}))


def key(job: Job) -> str:
    return extraction_key(job, resolve(job, {}))


def changed_field(**changes: Any) -> dict[str, Any]:
    first, *others = NOTE["fields"]
    return {"types": ({**NOTE, "fields": [{**first, **changes}, *others]},)}


class TestExtractionKey:
    @pytest.mark.parametrize(
        "changes",
        [
            changed_field(description="The number of the note."),
            changed_field(labels=["No"]),
            changed_field(required=False),
            {"types": ({**NOTE, "description": "Another."},)},
            {"types": (NOTE, "invoice")},
            {"fallback_type": "generic"},
            {"cascade": {"min_confidence": 0.9}},
            {"verify": {"share": 0.5}},
            {"seed": 7},
            {"models": {"extraction_worker": "offline-careful"}},
            {"orchestrator": {"share": 0.5}},
        ],
        ids=[
            "description of a field",
            "labels of a field",
            "a field that is not required",
            "description of a type",
            "one more type",
            "fallback",
            "threshold",
            "share of checks",
            "seed",
            "model",
            "share of decisions",
        ],
    )
    def test_what_decides_a_record_is_part_of_it(self, changes: dict[str, Any]) -> None:
        assert key(make_job(**changes)) != key(make_job())

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": "other"},
            {"lake": "elsewhere"},
            {"source": {"path": "x", "limit": 3}},
            {"budget_usd": 3},
            {"shard_size": 1},
            {"concurrency": 1},
            {"report": {"title": "Another"}},
            {"analysis": {"max_insights": 0}},
            {"parsing": {"workers": 1}},
            {"models": {"orchestrator": "offline-quick"}},
            {"orchestrator": {"budget_usd": 3}},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_what_does_not_is_not(self, changes: dict[str, Any]) -> None:
        assert key(make_job(**changes)) == key(make_job())

    def test_other_prompts_are_another_question(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = key(make_job())
        monkeypatch.setattr(prompts, "VERSION", "next")

        assert key(make_job()) != before

    def test_another_model_is_another_question(self) -> None:
        job = make_job()
        paid = make_job(profile="openrouter")

        assert extraction_key(job, resolve(job, {})) != extraction_key(paid, resolve(paid, {}))


class TestRows:
    TYPE = DocumentType.model_validate(NOTE)

    def extraction(self, **values: Any) -> Extraction:
        """What the cascade would have made of the document."""
        import asyncio

        from llms.calls import Call, Reply
        from llms.cascade import extract
        from llms.extraction import Document
        from schemas.job import Cascade

        async def ask(call: Call) -> Reply:
            data = {
                name: [_found(v) for v in value] if isinstance(value, list) else _found(value)
                for name, value in values.items()
            }
            return Reply(data, "small", 0.0, from_store=False, attempts=1)

        document = Document.of("d1", str(DOCUMENT["text"]))
        return asyncio.run(extract(document, self.TYPE, ask, Cascade()))

    def test_a_record_has_the_columns_of_its_type_and_typed_values(self) -> None:
        found = self.extraction(
            number="N-1", day="2026-03-01", weight="12.50", items=["bolts", "nuts"]
        )

        row = record_row(DOCUMENT, self.TYPE, found, "k1")

        lake = Lake("memory://record-rows")
        lake.write_rows("t.parquet", [row], records_schema(self.TYPE))
        (read,) = lake.read_table("t.parquet").to_pylist()
        assert (read["number"], read["day"]) == ("N-1", date(2026, 3, 1))
        assert (read["weight"], read["items"]) == (Decimal("12.500000"), ["bolts", "nuts"])
        for name in ("number", "day", "weight", "items"):
            for span in read[f"{name}__evidence"]:
                assert DOCUMENT["text"][span["start"] : span["end"]] == span["quote"]
        assert read["number__model"] == "small"

    def test_the_record_key_is_of_bytes_parser_and_question(self) -> None:
        found = self.extraction(number="N-1", day=None, weight=None, items=[])

        def record_key(extraction_key: str = "k1", **document: str) -> Any:
            row = record_row({**DOCUMENT, **document}, self.TYPE, found, extraction_key)
            return row["record_key"]

        assert record_key() == record_key(uri="moved/b.txt")
        keys = {
            record_key(),
            record_key("k2"),
            record_key(sha256="0"),
            record_key(parser="2"),
        }
        assert len(keys) == 4

    def test_a_failure_keeps_its_reason_and_raw_answer_and_a_success_neither(self) -> None:
        def outcome(failure: tuple[str, str] | None) -> dict[str, Any]:
            return outcome_row(
                DOCUMENT,
                document_type=self.TYPE,
                routed_by="only",
                failure=failure,
                raw_answer="{",
                escalated=1,
                verdict=None,
                attempts=[],
                resolution=resolve(make_job(), {}),
            )

        bad, good = outcome(("invalid_answer", "not JSON")), outcome(None)

        Lake("memory://record-rows").write_rows("o.parquet", [bad, good], OUTCOMES)
        assert (bad["status"], bad["failure_class"], bad["raw_answer"]) == (
            "failed", "invalid_answer", "{",
        )  # fmt: skip
        assert (good["status"], good["message"], good["raw_answer"]) == ("extracted", None, None)


def _found(value: str | None) -> dict[str, Any]:
    quote = "1 March 2026" if value == "2026-03-01" else value
    return {"value": value, "quote": quote, "confidence": 0.95}
