"""Is a run's report true? Everything is computed again from the records and compared."""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any

from jinja2 import UndefinedError
from pydantic import BaseModel, ConfigDict, Field

from schemas.counted import counted
from schemas.manifest import Books, Manifest
from schemas.shadow import Counterfactual
from storage.manifests import read_manifest
from storage.store import Lake, LakeError
from tasks.analysis import METRICS_FILE, Computed, compute_figures
from tasks.costs import run_cost
from tasks.counterfactual import counterfactual
from tasks.evidence_check import check_evidence
from tasks.page_check import check_html, check_markdown, quoted, report_figures, shown
from tasks.record_sql import RecordSql, RecordSqlError
from tasks.record_tables import open_records
from tasks.report import HTML, JSON, MARKDOWN
from tasks.report_context import build_content, read_computed
from tasks.run_checks import check_rows, found_books, member_ids
from tasks.shadow import SHADOW_FILE

_ODD_REPORT = (LookupError, TypeError, ValueError, ArithmeticError, UndefinedError)
"""What laying out a report raises whose JSON somebody has changed."""

MAX_DIFFERENCES = 200
"""Differences that are told; more are counted."""


class Verification(BaseModel):
    """What was checked of a run and every difference that was found, one sentence each."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    figures: int = Field(default=0, description="Figures computed again and compared.")
    documents: int = Field(default=0, description="Documents in the books.")
    records: int = Field(default=0, description="Records whose evidence was checked.")
    spans: int = Field(default=0, description="Evidence spans compared with the texts.")
    files: int = Field(default=0, description="Files whose checksum was compared.")
    differences: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def verify_run(lake: Lake, run_id: str) -> Verification:
    """Compute a run's report again from its records and compare it with what is on disk.

    Checked: the checksums of the report; every figure of report.json and of metrics.parquet; the
    figures and the words of report.html and report.md against report.json; books, dead letters and
    cost against sources, outcomes and ledger; every evidence span against the text it points into.

    Raises:
        LakeError: There is no such run, or its manifest is damaged.
    """
    return _Verifier(lake, read_manifest(lake, run_id)).run()


class _Verifier:
    """One verification under way."""

    def __init__(self, lake: Lake, manifest: Manifest) -> None:
        self.lake = lake
        self.manifest = manifest
        self.differences: list[str] = []
        self.counts = dict.fromkeys(("figures", "documents", "records", "spans", "files"), 0)

    def run(self) -> Verification:
        self._check_checksums()
        report = self._report()
        try:
            with open_records(self.manifest, self.lake, on_missing=self.differences.append) as sql:
                self._check_books(sql)
                self._check_figures(sql, report)
                self._check_spans(sql)
        except (LakeError, RecordSqlError) as error:
            self.differences.append(str(error))
        self._check_cost()
        self._check_counterfactual()
        if report is not None:
            self._check_pages(report)
        told = list(dict.fromkeys(self.differences))
        if len(told) > MAX_DIFFERENCES:
            told[MAX_DIFFERENCES:] = [
                f"… and {counted(len(told) - MAX_DIFFERENCES, 'more difference')}"
            ]
        return Verification(run_id=self.manifest.run_id, differences=tuple(told), **self.counts)

    def _text(self, name: str) -> str | None:
        """A file of the run; None, and a difference, when it is missing or no text."""
        try:
            return self.lake.read_bytes(self.lake.run(self.manifest.run_id, name)).decode()
        except LakeError as error:
            self.differences.append(str(error))
        except UnicodeDecodeError:
            self.differences.append(f"{name} is not UTF-8 text")
        return None

    def _check_checksums(self) -> None:
        for name in (HTML, MARKDOWN, JSON):
            if name not in self.manifest.outputs:
                self.differences.append(f"manifest.json names no checksum of {name}")
        for name, expected in sorted(self.manifest.outputs.items()):
            try:
                data = self.lake.read_bytes(self.lake.run(self.manifest.run_id, name))
            except LakeError as error:
                self.differences.append(str(error))
                continue
            self.counts["files"] += 1
            found = hashlib.sha256(data).hexdigest()
            if found != expected:
                self.differences.append(
                    f"{name} was changed after the run: its SHA-256 should be {expected[:16]}…, "
                    f"but is {found[:16]}…"
                )

    def _report(self) -> dict[str, Any] | None:
        text = self._text(JSON)
        try:
            content = json.loads(text) if text is not None else None
        except ValueError as error:
            self.differences.append(f"{JSON} is not JSON: {error}")
            return None
        if content is not None and not _is_report(content):
            self.differences.append(f"{JSON} is not a report: figures or this_run are missing")
            return None
        return content

    def _check_books(self, sql: RecordSql) -> None:
        """The manifest's books, their balance, and one row for every document they count."""
        found = found_books(sql)
        self.counts["documents"] = found["ingest"].inputs
        of_shards = sum((shard.books for shard in self.manifest.shards), Books())
        for where, expected, told in (
            ("ingest", found["ingest"], self.manifest.ingest),
            ("extract", found["extract"], self.manifest.extract),
            ("extract, summed over its shards,", found["extract"], of_shards),
        ):
            if not told.balanced:
                self.differences.append(f"manifest.json: the books of {where} do not balance")
            for name in ("inputs", "done", "failed", "skipped"):
                right, said = getattr(expected, name), getattr(told, name)
                if right != said:
                    self.differences.append(
                        f"manifest.json: {name} of {where} should be {right} by sources and "
                        f"outcomes, but is {said}"
                    )
        self.differences += check_rows(sql, self.manifest)

    def _check_figures(self, sql: RecordSql, report: dict[str, Any] | None) -> None:
        computed = compute_figures(self.manifest, sql)
        try:
            stored, notes = read_computed(self.manifest, self.lake)
        except LakeError as error:
            self.differences.append(str(error))
            stored, notes = Computed([], {}, {}), []
        if self._is_same_version(report):
            self._compare_stored(computed, stored)
        if report is None:
            return
        content = build_content(self.manifest, self.lake, computed, notes)
        right = report_figures(content)
        said = report_figures(report)
        self.counts["figures"] = len(said)
        # Another version may ask more or less of the same records.
        names = right | said if self._is_same_version(report) else right.keys() & said.keys()
        for name in sorted(names):
            if right.get(name) != said.get(name):
                self.differences.append(
                    f"{JSON}: figure {name} should be {shown(right.get(name))} by the records, "
                    f"but is {shown(said.get(name))}"
                )
        if self._is_same_version(report):
            for path, expected, value in _deviations(_words(content), _words(report), ""):
                self.differences.append(
                    f"{JSON}: {path} should be {quoted(expected)}, but is {quoted(value)}"
                )

    def _compare_stored(self, computed: Computed, stored: Computed) -> None:
        right = {f.figure_id: f for f in computed.figures}
        said = {f.figure_id: f for f in stored.figures}
        for name in sorted(right.keys() | said.keys()):
            if right.get(name) != said.get(name):
                one, other = right.get(name), said.get(name)
                self.differences.append(
                    f"{METRICS_FILE}: figure {name} should be "
                    f"{quoted(one.value if one else None)} by the records, but is "
                    f"{quoted(other.value if other else None)}"
                )
        if computed.errors.keys() != stored.errors.keys():
            odd = sorted(computed.errors.keys() ^ stored.errors.keys())
            self.differences.append(
                f"metric {odd[0]!r} can be computed now and could not before, or the reverse"
            )

    def _check_spans(self, sql: RecordSql) -> None:
        check = check_evidence(self.manifest, self.lake, member_ids(sql))
        self.counts["records"], self.counts["spans"] = check.records, check.spans
        self.differences += check.differences

    def _check_cost(self) -> None:
        try:
            cost = run_cost(self.lake, self.manifest, self.manifest.shards)
        except LakeError as error:
            self.differences.append(str(error))
            return
        for name, right in cost.model_dump().items():
            said = getattr(self.manifest.cost, name)
            if name == "unconfirmed_usd" and said is None:  # by a version that did not tell it
                continue
            if (right is None) != (said is None) or (
                right is not None and not isclose(right, said, rel_tol=1e-9, abs_tol=1e-12)
            ):
                self.differences.append(
                    f"manifest.json: cost.{name} should be {right} by outcomes and ledger, "
                    f"but is {said}"
                )

    def _check_counterfactual(self) -> None:
        try:
            right = counterfactual(self.manifest, self.lake)
        except LakeError as error:
            self.differences.append(str(error))
            return
        told = self.manifest.counterfactual
        for name in Counterfactual.model_fields:
            expected, said = getattr(right, name, None), getattr(told, name, None)
            if expected != said:
                self.differences.append(
                    f"manifest.json: counterfactual.{name} should be {expected} by records and "
                    f"{SHADOW_FILE}, but is {said}"
                )

    def _check_pages(self, report: dict[str, Any]) -> None:
        html, markdown = self._text(HTML), self._text(MARKDOWN)
        is_ours = self._is_same_version(report)
        try:
            if html is not None:
                self.differences += check_html(html, report, is_ours=is_ours)
            if markdown is not None and is_ours:
                self.differences += check_markdown(markdown, report)
        except _ODD_REPORT as error:
            # A changed name of a figure or of a column leaves a page that nobody can lay out.
            self.differences.append(f"{JSON} cannot be laid out as pages: {error!r}")

    def _is_same_version(self, report: Mapping[str, Any] | None) -> bool:
        """Whether this docmill wrote the report: another one may ask and lay out differently."""
        try:
            return self.manifest.version == importlib.metadata.version("docmill")
        except importlib.metadata.PackageNotFoundError:
            return True


def _is_report(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and isinstance(content.get("figures"), dict)
        and isinstance(content.get("metrics"), list)
        and isinstance(content.get("this_run"), dict)
        and isinstance(content["this_run"].get("figures"), dict)
        and all(
            isinstance(figure, dict) and {"value", "text"} <= figure.keys()
            for figures in (content["figures"], content["this_run"]["figures"])
            for figure in figures.values()
        )
    )


def _words(content: Mapping[str, Any]) -> dict[str, Any]:
    """A report without its figures: titles, tables, findings, models."""
    this_run = {k: v for k, v in content["this_run"].items() if k != "figures"}
    return {**{k: v for k, v in content.items() if k != "figures"}, "this_run": this_run}


def _deviations(right: Any, said: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ: the path, what is right, what is there."""
    if isinstance(right, dict) and isinstance(said, dict):
        for key in sorted(right.keys() | said.keys()):
            yield from _deviations(right.get(key), said.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(right, list | tuple) and isinstance(said, list) and len(right) == len(said):
        for number, (one, other) in enumerate(zip(right, said, strict=True)):
            yield from _deviations(one, other, f"{path}[{number}]")
    elif right != said:
        yield path, right, said
