"""Who may answer a call, in which order, when somebody must not."""

import pytest

from llms.failures import FailureClass
from schemas.roles import Role
from tests.call_bench import MakeBench, benches, make_call, make_completion, make_model

make_bench = pytest.fixture(benches)


def test_a_model_to_avoid_is_passed_over(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other"))
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"small"})))

    assert reply.model == "other"


def test_the_same_model_at_another_effort_comes_after_another_model(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(
        make_model("small-low", api_id="small", effort="low"),
        make_model("small-high", api_id="small", effort="high"),
        make_model("other"),
    )
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"small-low"})))

    assert reply.model == "other"


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({Role.REASONING_WORKER: "big", Role.FORMATTING_WORKER: "tiny"}, "big"),
        ({Role.TOOL_WORKER: "tool", Role.REASONING_WORKER: "big"}, "tool"),
        ({Role.FORMATTING_WORKER: "tiny"}, "tiny"),
    ],
)
def test_where_the_role_has_nobody_else_the_nearest_role_answers(
    make_bench: MakeBench, roles: dict[Role, str], expected: str
) -> None:
    ranked = {role: (make_model(slug),) for role, slug in roles.items()}
    bench = make_bench(roles={Role.EXTRACTION_WORKER: (make_model(),), **ranked})
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"small"})))

    assert reply.model == expected


def test_where_nobody_may_answer_nobody_is_asked(make_bench: MakeBench) -> None:
    bench = make_bench()

    error = bench.fail(make_call(avoid=frozenset({"small"})))

    assert error.failure_class is FailureClass.REFUSED
    assert "no model but small" in str(error)


def test_a_verifier_of_another_family_comes_from_a_stronger_role_if_need_be(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(
        roles={
            Role.EXTRACTION_WORKER: (make_model("gpt-small"), make_model("gpt-other")),
            Role.REASONING_WORKER: (make_model("claude-big"),),
            Role.FORMATTING_WORKER: (make_model("qwen-tiny"),),
        }
    )
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"gpt-small"})))

    assert reply.model == "claude-big"


def test_the_verifiers_of_a_run_come_before_the_roles_own_models(make_bench: MakeBench) -> None:
    bench = make_bench(
        make_model("gpt-small"),
        make_model("qwen-second"),
        verifiers=(make_model("claude-checker"), make_model("gpt-other")),
    )
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"gpt-small"})))

    assert reply.model == "claude-checker"


def test_kin_checks_where_nobody_else_can(make_bench: MakeBench) -> None:
    bench = make_bench(make_model("gpt-small"), make_model("gpt-other"))
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"gpt-small"})))

    assert reply.model == "gpt-other"
