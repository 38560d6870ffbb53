"""How large are the calls of a job, role by role?"""

from llms.call_shapes import DOCUMENT_TOKENS, shapes_of
from llms.roles import ROLES
from schemas.job import Cascade, Job
from schemas.roles import Role
from tasks.jobs import expand


def make_job(*types: str, **cascade: int) -> Job:
    return expand(Job(types=types, cascade=Cascade.model_validate(cascade)))


def test_a_job_whose_types_are_not_spelled_out_has_the_usual_shapes() -> None:
    assert shapes_of(Job(types=("invoice",))) == {r: spec.shape for r, spec in ROLES.items()}


def test_extraction_sends_instructions_schema_and_document() -> None:
    shape = shapes_of(make_job("invoice"))[Role.EXTRACTION_WORKER]

    assert shape.prompt_tokens == shape.stable_tokens + DOCUMENT_TOKENS
    assert 500 < shape.stable_tokens < 5000
    assert 0 < shape.answer_tokens < shape.longest_answer


def test_more_types_make_routing_longer_and_leave_the_planners_alone() -> None:
    one, two = shapes_of(make_job("invoice")), shapes_of(make_job("invoice", "contract"))
    router = Role.FORMATTING_WORKER

    assert two[router].prompt_tokens > one[router].prompt_tokens
    assert two[Role.ORCHESTRATOR] == ROLES[Role.ORCHESTRATOR].shape


def test_the_longest_prompt_counts_a_token_per_character() -> None:
    shapes = shapes_of(make_job("invoice", max_input_chars=200_000))

    for role in (Role.EXTRACTION_WORKER, Role.REASONING_WORKER):
        assert shapes[role].room > 200_000
        assert shapes[role].prompt_tokens < 10_000


def test_the_second_tier_is_asked_for_less_and_shares_less() -> None:
    shapes = shapes_of(make_job("invoice"))
    first, second = shapes[Role.EXTRACTION_WORKER], shapes[Role.REASONING_WORKER]

    assert second.answer_tokens < first.answer_tokens
    assert second.stable_tokens < first.stable_tokens


def test_a_short_limit_of_a_call_bounds_the_usual_document() -> None:
    shape = shapes_of(make_job("invoice", max_input_chars=2000))[Role.EXTRACTION_WORKER]

    assert shape.prompt_tokens - shape.stable_tokens == 500
