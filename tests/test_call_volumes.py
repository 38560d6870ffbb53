"""Calls and tokens per stage, as if every document needed every stage."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.job import Analysis, Cascade, Job
from schemas.roles import Role
from tasks.call_volumes import (
    ESCALATE,
    EXTRACT,
    EXTRACT_LONG,
    INSIGHTS,
    RETRY,
    RETRY_UP,
    ROUTE,
    VERIFY,
    Texts,
    baseline_volume,
    full_volumes,
    stage_of,
)
from tasks.jobs import expand

TEXTS = st.lists(st.builds(Texts, st.integers(0, 500_000), st.integers(1, 5)), max_size=10)


def make_job(**values: Any) -> Job:
    return expand(Job.model_validate({"types": ("invoice",), **values}))


@given(TEXTS)
def test_every_document_is_read_once_by_one_of_the_tiers(texts: list[Texts]) -> None:
    whole = full_volumes(make_job(cascade=Cascade(max_input_chars=500_000)), texts)

    read = whole[EXTRACT].calls + whole[EXTRACT_LONG].calls
    assert read == whole[VERIFY].calls == sum(t.documents for t in texts)
    assert whole[ESCALATE].calls == whole[EXTRACT].calls


def test_long_documents_start_a_tier_higher_and_are_read_in_pieces() -> None:
    cascade = Cascade(max_input_chars=10_000, long_document_chars=20_000)
    whole = full_volumes(make_job(cascade=cascade), [Texts(50_000, 10)])

    assert whole[EXTRACT].calls == 0
    assert whole[EXTRACT_LONG].calls == whole[RETRY].calls == 60
    assert EXTRACT_LONG.role is Role.REASONING_WORKER


def test_only_documents_of_several_types_are_routed() -> None:
    texts = [Texts(1000, 3)]

    assert full_volumes(make_job(), texts)[ROUTE].calls == 0
    assert full_volumes(make_job(types=("invoice", "receipt")), texts)[ROUTE].calls == 3


def test_figures_are_explained_once_or_not_at_all() -> None:
    texts = [Texts(1000, 3)]
    quiet = make_job(analysis=Analysis(max_insights=0))

    assert full_volumes(make_job(), texts)[INSIGHTS].calls == 1
    assert full_volumes(quiet, texts)[INSIGHTS].calls == 0
    assert full_volumes(make_job(), [])[INSIGHTS].calls == 0


def test_dense_scripts_take_more_tokens_for_text_but_not_for_instructions() -> None:
    job, texts = make_job(), [Texts(8000, 1)]
    latin, dense = (full_volumes(job, texts, chars)[EXTRACT].prompt_tokens for chars in (4, 1))

    assert dense - latin == 8000 - 2000
    assert (
        baseline_volume(job, texts, 1).prompt_tokens - baseline_volume(job, texts).prompt_tokens
        == 6000
    )


@pytest.mark.parametrize(
    ("asks", "role", "stage"),
    [
        ("extract", "extraction_worker", EXTRACT),
        ("extract", "reasoning_worker", EXTRACT_LONG),
        ("retry", "extraction_worker", RETRY),
        ("retry", "reasoning_worker", RETRY_UP),
        ("verify", "reasoning_worker", VERIFY),
        ("insights", "reasoning_worker", INSIGHTS),
        ("explore", "tool_worker", None),
    ],
)
def test_a_row_of_the_ledger_belongs_to_a_stage(asks: str, role: str, stage: object) -> None:
    assert stage_of(asks, role) == stage
