"""Which models can play a role, in which order, and why not the others?"""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.catalog import CatalogModel, load_catalog
from llms.experience import Experience
from llms.pricing import Talkativeness
from llms.priorities import COMFORTABLE_MARGIN, pareto_front
from llms.ranking import Ranking, one_per_model, rank, why_not
from llms.roles import ROLES, CallShape
from schemas.job import Allow
from schemas.roles import Role

MODELS = load_catalog().models


def make_row(slug: str = "m", **values: object) -> CatalogModel:
    """A model good enough for every role at $1 and $2, but for what its test is about."""
    usual: dict[str, object] = {
        "slug": slug,
        "name": slug,
        "creator": "C",
        "api_id": f"c/{slug}",
        "effort": "none",
        "release_date": None,
        "intelligence": 60.0,
        "coding": 60.0,
        "input_price": 1.0,
        "output_price": 2.0,
        "tps": None,
        "ttft": None,
        "context_window": 100_000,
        "image_input": None,
        "open_weights": None,
        "index_output_mtok": 5.0,
        "index_version": "2026-06",
        "as_of": date(2026, 7, 10),
    }
    return CatalogModel(**{**usual, **values})


def slugs(ranking: Ranking) -> list[str]:
    return [candidate.model.slug for candidate in ranking.candidates]


def score() -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(min_value=0, max_value=100).map(lambda x: round(x, 1))


@st.composite
def rows(draw: st.DrawFn) -> list[CatalogModel]:
    price = st.none() | st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 10.0])
    mtok = st.none() | st.floats(min_value=0.1, max_value=300)
    return [
        make_row(
            f"m{i}",
            intelligence=draw(score()),
            coding=draw(score()),
            input_price=draw(price),
            output_price=draw(price),
            index_output_mtok=draw(mtok),
            effort=draw(st.sampled_from([None, "none", "high"])),
            context_window=draw(st.sampled_from([None, 1000, 1_000_000])),
        )
        for i in range(draw(st.integers(min_value=0, max_value=12)))
    ]


@given(models=rows(), role=st.sampled_from(Role), order=st.randoms(use_true_random=False))
def test_a_ranking_is_total_and_does_not_depend_on_the_order_of_the_catalog(
    models: list[CatalogModel], role: Role, order: object
) -> None:
    ranking = rank(role, models)
    order.shuffle(models)

    assert rank(role, models) == ranking
    assert sorted(slugs(ranking) + [e.model.slug for e in ranking.left_out]) == sorted(
        model.slug for model in models
    )


@given(models=rows(), role=st.sampled_from(Role))
def test_no_candidate_is_below_a_threshold_or_of_unknown_price(
    models: list[CatalogModel], role: Role
) -> None:
    spec = ROLES[role]

    for candidate in rank(role, models).candidates:
        model = candidate.model
        assert model.intelligence is not None
        assert model.intelligence >= spec.min_intelligence
        assert spec.min_coding is None or (model.coding or 0) >= spec.min_coding
        assert model.input_price is not None
        assert model.output_price is not None
        assert candidate.margin >= 0
        assert candidate.reason


@given(models=rows())
def test_no_candidate_beats_one_on_the_pareto_front(models: list[CatalogModel]) -> None:
    candidates = rank(Role.REASONING_WORKER, models).candidates
    front = pareto_front(candidates)

    for one in front:
        for other in candidates:
            costs = other.call_usd, -(other.model.intelligence or 0)
            own = one.call_usd, -(one.model.intelligence or 0)
            assert not (costs[0] <= own[0] and costs[1] <= own[1] and costs != own)
    assert [c.model.slug for c in candidates[: len(front)]] == sorted(
        (c.model.slug for c in front), key=[c.model.slug for c in candidates].index
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"intelligence": None}, "intelligence unknown"),
        ({"intelligence": 39.9}, "intelligence 39.9 below 40"),
        ({"coding": None}, "coding unknown"),
        ({"coding": 39.0}, "coding 39 below 40"),
        ({"output_price": None}, "price unknown"),
        ({"context_window": None}, "context window unknown"),
        ({"context_window": 3000}, "context window 3,000 below 3,400 tokens"),
        ({}, None),
    ],
)
def test_a_model_is_left_out_for_the_first_reason(
    values: dict[str, object], reason: str | None
) -> None:
    assert why_not(make_row(**values), ROLES[Role.TOOL_WORKER]) == reason


def test_a_model_that_cannot_be_had_is_left_out() -> None:
    ranking = rank(
        Role.EXTRACTION_WORKER, [make_row()], is_served=lambda _: False, served_by="somebody"
    )

    assert [entry.reason for entry in ranking.left_out] == ["not served by somebody"]


def test_cost_counts_the_thinking_and_not_the_price_per_token() -> None:
    plain = [make_row(f"p{i}", intelligence=10.0) for i in range(3)]
    talkative = make_row("talkative", output_price=1.0, effort="max", index_output_mtok=200.0)
    quiet = make_row("quiet", output_price=10.0)

    assert slugs(rank(Role.EXTRACTION_WORKER, [*plain, talkative, quiet])) == ["quiet", "talkative"]


def test_where_calls_cost_the_same_the_cleverer_model_comes_first() -> None:
    models = [make_row("a"), make_row("b", intelligence=61.0)]

    assert slugs(rank(Role.EXTRACTION_WORKER, models)) == ["b", "a"]


def test_capability_does_not_ask_for_the_price_unless_two_are_equal() -> None:
    models = [
        make_row("cheap", intelligence=58.0, output_price=1.0),
        make_row("dear", intelligence=59.0, output_price=100.0),
        make_row("dearer", intelligence=59.0, output_price=200.0),
    ]

    assert slugs(rank(Role.ORCHESTRATOR, models)) == ["dear", "dearer", "cheap"]


def test_reliability_takes_the_cheapest_with_room_above_the_thresholds() -> None:
    enough = 40 + COMFORTABLE_MARGIN
    models = [
        make_row("narrow", intelligence=41.0, output_price=0.1),
        make_row("narrower", coding=40.5, output_price=0.1),
        make_row("comfortable", intelligence=enough, coding=enough, output_price=2.0),
        make_row("clever", intelligence=90.0, coding=90.0, output_price=3.0),
    ]

    expected = ["comfortable", "clever", "narrow", "narrower"]
    assert slugs(rank(Role.TOOL_WORKER, models)) == expected


def test_balance_prefers_the_knee_of_the_front() -> None:
    models = [
        make_row("cheap", intelligence=46.0, input_price=0.1, output_price=0.1),
        make_row("knee", intelligence=56.0, input_price=0.2, output_price=0.2),
        make_row("beaten", intelligence=55.0, input_price=0.3, output_price=0.3),
        make_row("dear", intelligence=60.0, input_price=20.0, output_price=20.0),
    ]
    ranking = rank(Role.REASONING_WORKER, models)

    assert slugs(ranking) == ["knee", "cheap", "dear", "beaten"]
    assert ranking.candidates[0].reason.startswith("the knee of the front")
    assert ranking.candidates[-1].reason.startswith("beaten, front 2")


def test_a_free_model_can_be_ranked_in_every_role() -> None:
    models = [make_row("free", input_price=0.0, output_price=0.0), make_row("paid")]

    assert all(slugs(rank(role, models))[0] == "free" for role in Role)


def test_a_longer_call_needs_a_longer_window() -> None:
    ranking = rank(Role.EXTRACTION_WORKER, [make_row()], shape=CallShape(100_000, 1))

    assert not ranking.candidates


def test_a_model_fails_over_to_another_model_and_not_to_itself() -> None:
    same = make_row("a-high", api_id="c/a", effort="high", index_output_mtok=50.0)
    models = [make_row("a"), same, make_row("b", output_price=90.0)]

    ranked = one_per_model(rank(Role.EXTRACTION_WORKER, models).candidates)

    assert [candidate.model.slug for candidate in ranked] == ["a", "b"]


def test_every_role_has_candidates_in_the_shipped_catalog() -> None:
    counts = {role: len(rank(role, MODELS).candidates) for role in Role}

    assert counts == {
        Role.ORCHESTRATOR: 6,
        Role.REASONING_WORKER: 24,
        Role.TOOL_WORKER: 37,
        Role.EXTRACTION_WORKER: 56,
        Role.FORMATTING_WORKER: 65,
    }


def test_taking_a_price_away_takes_the_model_away() -> None:
    first = rank(Role.EXTRACTION_WORKER, MODELS).candidates[0].model
    unpriced = [replace(m, input_price=None) if m == first else m for m in MODELS]

    ranking = rank(Role.EXTRACTION_WORKER, unpriced)

    assert first.slug not in slugs(ranking)
    assert (first.slug, "price unknown") in [(e.model.slug, e.reason) for e in ranking.left_out]


@pytest.mark.parametrize("role", [Role.EXTRACTION_WORKER, Role.ORCHESTRATOR])
def test_no_candidate_of_the_catalog_but_the_first_decides_who_is_first(role: Role) -> None:
    talk = Talkativeness.of(MODELS)
    first, *others = slugs(rank(role, MODELS))

    for gone in others:
        left = [model for model in MODELS if model.slug != gone]
        assert slugs(rank(role, left, talk=talk))[0] == first


@given(models=rows(), role=st.sampled_from([Role.EXTRACTION_WORKER, Role.ORCHESTRATOR]))
def test_taking_a_candidate_away_that_is_not_first_leaves_the_first_choice(
    models: list[CatalogModel], role: Role
) -> None:
    talk = Talkativeness.of(models)
    ranked = slugs(rank(role, models))

    for gone in ranked[1:]:
        left = [model for model in models if model.slug != gone]
        assert slugs(rank(role, left, talk=talk))[0] == ranked[0]


@given(
    models=rows(), at=st.integers(min_value=0, max_value=11), share=st.sampled_from([0.0, 0.5, 0.9])
)
def test_a_cheaper_price_never_worsens_a_place_by_cost(
    models: list[CatalogModel], at: int, share: float
) -> None:
    before = slugs(rank(Role.EXTRACTION_WORKER, models))
    if at >= len(before):
        return
    slug = before[at]
    cheaper = [
        replace(
            m, input_price=(m.input_price or 0) * share, output_price=(m.output_price or 0) * share
        )
        if m.slug == slug
        else m
        for m in models
    ]

    assert slugs(rank(Role.EXTRACTION_WORKER, cheaper)).index(slug) <= at


@pytest.mark.parametrize(
    ("role", "values", "reason"),
    [
        (Role.EXTRACTION_WORKER, {"structured_output": False}, "no structured output"),
        (Role.EXTRACTION_WORKER, {"structured_output": None}, None),
        (Role.EXTRACTION_WORKER, {"tool_call": False}, None),
        (Role.TOOL_WORKER, {"tool_call": False}, "no tool calls"),
        (Role.TOOL_WORKER, {"tool_call": None, "structured_output": False}, None),
        (Role.EXTRACTION_WORKER, {"max_output": 499}, "longest answer 499 below 500 tokens"),
        (Role.EXTRACTION_WORKER, {"max_output": 500}, None),
    ],
)
def test_what_a_model_is_known_not_to_be_able_to_do_leaves_it_out(
    role: Role, values: dict[str, object], reason: str | None
) -> None:
    assert why_not(make_row(**values), ROLES[role]) == reason


@pytest.mark.parametrize(
    ("allow", "values", "reason"),
    [
        (Allow(creators=("c",)), {}, None),
        (Allow(creators=("OpenAI", "Google")), {}, "creator C not allowed"),
        (Allow(open_weights=True), {"open_weights": True}, None),
        (Allow(open_weights=True), {"open_weights": None}, "unknown weights not allowed"),
        (Allow(open_weights=False), {"open_weights": True}, "open weights not allowed"),
    ],
)
def test_a_job_may_allow_some_models_only(
    allow: Allow, values: dict[str, object], reason: str | None
) -> None:
    ranking = rank(Role.EXTRACTION_WORKER, [make_row(**values)], allow=allow)

    assert [entry.reason for entry in ranking.left_out] == ([reason] if reason else [])


def test_own_calls_take_the_place_of_the_catalogs_talkativeness() -> None:
    models = [
        *[make_row(f"p{i}", intelligence=10.0) for i in range(3)],
        make_row("talkative", effort="high", index_output_mtok=100.0),
        make_row("quiet", output_price=10.0),
    ]
    seen = Experience(calls=1000, output_tokens=300_000, reasoning_tokens=100_000)

    ranking = rank(
        Role.EXTRACTION_WORKER, models, ledger={(Role.EXTRACTION_WORKER, "talkative"): seen}
    )

    first = ranking.candidates[0]
    assert (first.model.slug, first.factor_from) == ("talkative", "own")
    assert 1.5 < first.thinking_factor < 2.2
    assert slugs(rank(Role.EXTRACTION_WORKER, models))[0] == "quiet"


def test_experience_in_another_role_does_not_count() -> None:
    seen = Experience(calls=1000, failed=1000)

    ranking = rank(Role.TOOL_WORKER, [make_row()], ledger={(Role.EXTRACTION_WORKER, "m"): seen})

    assert ranking.candidates[0].experience == Experience()


def test_reliability_puts_a_model_back_that_failed_in_own_calls() -> None:
    models = [make_row("cheap", output_price=1.0), make_row("dear", output_price=5.0)]
    troubled = {(Role.TOOL_WORKER, "cheap"): Experience(calls=200, failed=10, invalid=20)}
    fine = {(Role.TOOL_WORKER, "cheap"): Experience(calls=200, failed=2)}

    assert slugs(rank(Role.TOOL_WORKER, models, ledger=troubled)) == ["dear", "cheap"]
    assert slugs(rank(Role.TOOL_WORKER, models, ledger=fine)) == ["cheap", "dear"]


def test_a_long_stable_prompt_is_cheaper_on_a_model_with_a_cached_price() -> None:
    models = [make_row("plain"), make_row("caching", input_price=1.1, cached_input_price=0.1)]
    shape = CallShape(3000, 500, stable_tokens=1500)

    assert slugs(rank(Role.EXTRACTION_WORKER, models, shape=shape)) == ["caching", "plain"]
    assert slugs(rank(Role.EXTRACTION_WORKER, models)) == ["plain", "caching"]


def test_the_batch_lane_takes_the_discount_off() -> None:
    models = [make_row("plain"), make_row("half", output_price=2.5, batch_discount=0.5)]

    assert slugs(rank(Role.EXTRACTION_WORKER, models, lane="batch")) == ["half", "plain"]
    assert slugs(rank(Role.EXTRACTION_WORKER, models)) == ["plain", "half"]
