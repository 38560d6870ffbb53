"""Which documents does the orchestrator decide about, and until when is there money for it?"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from llms.calls import Ask
from llms.cascade import Extraction
from llms.extraction import Document
from llms.failures import JUDGED, PARKING, CallError, FailureClass
from llms.orchestration import STAGE, decide, decide_call, disputes_of, left_open
from llms.pricing import estimate_tokens, expected_call_usd
from llms.sdk import Request
from schemas.fields import DocumentType
from schemas.job import Job
from schemas.manifest import Manifest
from schemas.roles import Role
from storage.store import Lake

_PART_OF_BUDGET = 0.1
"""Of the run's budget, where the job says nothing else."""

_SPARED = (PARKING | JUDGED | {FailureClass.BAD_REQUEST}) - {FailureClass.INTERRUPTED}
"""Failures of a decision that neither the document nor the run has to suffer for."""

_ANSWER_TOKENS = 80
"""Of a decision about one field, reason included, as a usual answer has them."""


@dataclass(frozen=True, slots=True)
class Case:
    """A document that extraction has come to an end with."""

    doc_id: str
    document_type: DocumentType
    extraction: Extraction


def due_cases(cases: Sequence[Case], documents: int, shard: str, manifest: Manifest) -> list[Case]:
    """The cases of a shard that are put to the orchestrator, those without a required field first.

    As many as its share of the documents allows; chance, seeded for the shard, decides about the
    broken part, so that small shards are neither always nor never concerned.

    Args:
        cases: What extraction and verification have done with.
        documents: Documents of the shard that were worked on.
        shard: Name of the shard.
        manifest: The run.
    """
    share = manifest.job.orchestrator.share
    if not share or not manifest.resolution.roles.get(Role.ORCHESTRATOR):
        return []
    draw = random.Random(f"{manifest.job.seed}:{STAGE}:{shard}").random()  # noqa: S311 - a sample
    most = int(documents * share + draw)
    if not most:
        return []
    open_ones = [case for case in cases if disputes_of(case.document_type, case.extraction)]
    open_ones.sort(key=lambda case: (case.extraction.failure is None, case.doc_id))
    return open_ones[:most]


class Decisions:
    """Puts cases to the orchestrator as long as its own money lasts; used on one event loop."""

    def __init__(self, manifest: Manifest, lake: Lake, sharers: int = 1) -> None:
        """Read from the ledger what a run that goes on has spent on decisions.

        `sharers` processes of the run have an equal part of what is left.
        """
        self._manifest = manifest
        self._usd = 0.0
        self._cap_usd = cap_usd(manifest.job)
        if self._cap_usd is not None:
            left_usd = self._cap_usd - _spent(lake, manifest.run_id)
            self._cap_usd = max(0.0, left_usd) / sharers

    async def decide(
        self, document: Document, document_type: DocumentType, extraction: Extraction, ask: Ask
    ) -> Extraction:
        """Have a document decided; it stays as it is when the money for decisions is used up.

        So it does when the run's money is, or when the orchestrator cannot be had: a document that
        extraction has come to an end with is not left for later for want of a second thought. The
        open fields say so.

        Raises:
            CallError: A wrong key, or somebody has interrupted the run.
        """
        policy = self._manifest.job.cascade
        disputes = disputes_of(document_type, extraction)
        expected_usd = 0.0
        if self._cap_usd is not None:
            if self._usd >= self._cap_usd:
                return extraction
            model = self._manifest.resolution.model(Role.ORCHESTRATOR)
            call = decide_call(document, document_type, disputes, policy)
            prompt = estimate_tokens(len(Request.of(call).body(model)))
            expected_usd = expected_call_usd(model, prompt, _ANSWER_TOKENS * len(disputes))
        # Others may ask for money while this one waits for its answer.
        self._usd += expected_usd
        decided = extraction
        try:
            decided = await decide(document, document_type, extraction, ask, policy)
        except CallError as error:
            if error.failure_class not in _SPARED:
                raise
            decided = left_open(document_type, extraction, error.failure_class.value)
        finally:
            news = decided.replies[len(extraction.replies) :]
            self._usd += sum(0.0 if reply.from_store else reply.usd for reply in news)
            self._usd -= expected_usd if news else 0.0
        return decided


def cap_usd(job: Job) -> float | None:
    """What may be spent on decisions in a run, in US dollars; null where nothing limits it."""
    if job.orchestrator.budget_usd is not None:
        return job.orchestrator.budget_usd
    return None if job.budget_usd is None else _PART_OF_BUDGET * job.budget_usd


def _spent(lake: Lake, run_id: str) -> float:
    total = 0.0
    for path in lake.find(f"attempts/{run_id}", ".parquet"):
        table = lake.read_table(path, ["stage", "usd"])
        mine = table.filter(pc.equal(table.column("stage"), STAGE))
        total += pc.sum(mine.column("usd")).as_py() or 0.0
    return total
