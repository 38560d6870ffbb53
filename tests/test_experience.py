"""What do own calls teach about a model in a role, and how is it read from a lake?"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.experience import EXPECTED_TROUBLE, FACTOR_PRIOR_CALLS, Experience
from schemas.roles import Role
from schemas.tables import ATTEMPTS
from storage.store import Lake
from tasks.experience import experience_of
from tests.ledger import EXTRACTION, make_attempt

COUNT = st.integers(min_value=0, max_value=10**6)


def make_lake(name: str, **runs: list[dict[str, Any]]) -> Lake:
    lake = Lake(f"memory://{name}")
    for run_id, rows in runs.items():
        lake.write_rows(lake.attempts(run_id, "s0"), rows, ATTEMPTS)
    return lake


@given(calls=COUNT, failed=COUNT, invalid=COUNT)
def test_a_rate_lies_between_what_is_expected_and_what_was_seen(
    calls: int, failed: int, invalid: int
) -> None:
    failed = min(failed, calls)
    invalid = min(invalid, calls - failed)
    known = Experience(calls=calls, failed=failed, invalid=invalid)

    seen = failed / calls if calls else EXPECTED_TROUBLE
    assert min(seen, EXPECTED_TROUBLE) <= known.failure_rate <= max(seen, EXPECTED_TROUBLE)
    seen = invalid / known.answered if known.answered else EXPECTED_TROUBLE
    assert min(seen, EXPECTED_TROUBLE) <= known.invalid_rate <= max(seen, EXPECTED_TROUBLE)


@given(
    prior=st.floats(min_value=1, max_value=60),
    calls=st.integers(min_value=1, max_value=10**6),
    answer=st.integers(min_value=1, max_value=10**6),
    thinking=st.integers(min_value=1, max_value=10**7),
)
def test_a_factor_lies_between_the_catalogs_and_the_one_seen(
    prior: float, calls: int, answer: int, thinking: int
) -> None:
    known = Experience(calls=calls, output_tokens=answer + thinking, reasoning_tokens=thinking)

    seen = known.seen_factor("high")
    factor = known.factor(prior, "high")
    assert seen is not None
    assert factor is not None
    assert min(prior, seen) - 0.01 <= factor <= max(prior, seen) + 0.01


def test_the_catalogs_factor_weighs_as_much_as_so_many_calls() -> None:
    known = Experience(calls=FACTOR_PRIOR_CALLS, output_tokens=300, reasoning_tokens=200)

    assert known.factor(9.0, "high") == pytest.approx((9 + 3) / 2)


@pytest.mark.parametrize(
    ("effort", "expected"), [("high", None), (None, None), ("none", 1.0)], ids=str
)
def test_thinking_that_nobody_reports_is_not_taken_for_none(
    effort: str | None, expected: float | None
) -> None:
    known = Experience(calls=1000, output_tokens=100_000)

    assert known.seen_factor(effort) == expected


def test_a_ledger_is_summed_per_role_and_model() -> None:
    lake = make_lake(
        "experience-sums",
        r1=[
            make_attempt(),
            make_attempt(outcome="invalid_answer", latency_ms=4000.0),
            make_attempt(outcome="timeout", output_tokens=0, reasoning_tokens=0),
            make_attempt(outcome="refused", output_tokens=50, reasoning_tokens=0),
            make_attempt(role="tool_worker"),
        ],
        r2=[make_attempt(model="small", output_tokens=10, reasoning_tokens=0)],
    )

    assert experience_of(lake) == {
        (EXTRACTION, "big"): Experience(
            calls=4, failed=2, invalid=1, output_tokens=600, reasoning_tokens=400, latency_s=3.0
        ),
        (Role.TOOL_WORKER, "big"): Experience(
            calls=1, output_tokens=300, reasoning_tokens=200, latency_s=2.0
        ),
        (EXTRACTION, "small"): Experience(calls=1, output_tokens=10, latency_s=2.0),
    }


@pytest.mark.parametrize(
    "values",
    [
        {"from_store": True},
        {"provider": "offline", "model": "offline-quick"},
        {"outcome": "rate_limited"},
        {"outcome": "budget"},
        {"outcome": "cancelled"},
        {"outcome": "lost", "stage": "lost", "role": "lost"},
    ],
    ids=lambda values: next(iter(values.values())),
)
def test_what_says_nothing_of_a_model_does_not_count(values: dict[str, Any]) -> None:
    lake = make_lake(f"experience-{next(iter(values.values()))}", r1=[make_attempt(**values)])

    assert experience_of(lake) == {}


def test_only_the_newest_runs_are_looked_at() -> None:
    lake = make_lake(
        "experience-newest",
        **{
            "20260101T000000-a": [make_attempt(model="old")],
            "20260301T000000-a": [make_attempt(model="new")],
            "backfill-20260201T000000-a-2026-01": [make_attempt(model="between")],
        },
    )

    newest = experience_of(lake, newest=2)

    assert {model for _, model in newest} == {"new", "between"}
    assert {model for _, model in experience_of(lake, most_files=1)} == {"new"}


def test_a_lake_without_a_ledger_teaches_nothing() -> None:
    assert experience_of(Lake("memory://experience-nothing")) == {}
