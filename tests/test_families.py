"""Which models are kin, so that one should not check what the other said?"""

import pytest

from llms.families import family, kinship
from schemas.roles import Model


def make_model(slug: str, creator: str = "OpenAI", **values: object) -> Model:
    usual = {"slug": slug, "name": slug, "creator": creator, "provider": "p", "api_id": slug}
    return Model.model_validate({**usual, **values})


@pytest.mark.parametrize(
    ("slug", "creator", "expected"),
    [
        ("gpt-5-4-nano", "OpenAI", ("openai", "gpt")),
        ("gpt-5-6-sol-high", "OpenAI", ("openai", "gpt")),
        ("gpt-oss-120b", "OpenAI", ("openai", "gpt")),
        ("o3", "OpenAI", ("openai", "o")),
        ("claude-opus-4-8", "Anthropic", ("anthropic", "claude")),
        ("gemini-3-5-flash", "Google", ("google", "gemini")),
        ("gemma-4-26b-a4b", "Google", ("google", "gemma")),
        ("qwen3-6-27b", "Alibaba", ("alibaba", "qwen")),
        ("local/qwen3:8b", "one's own", ("one's own", "qwen")),
        ("local/7b", "one's own", ("one's own", "7b")),
    ],
)
def test_generations_sizes_and_efforts_are_one_family(
    slug: str, creator: str, expected: tuple[str, str]
) -> None:
    assert family(make_model(slug, creator)) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (make_model("claude-haiku", "Anthropic"), 0),
        (make_model("gpt-of-somebody-else", "Else"), 0),
        (make_model("gpt-5-4-mini"), 1),
        (make_model("gpt-5-4-nano-high", api_id="gpt-5.4-nano"), 2),
        (make_model("gpt-5-4-nano-low", api_id="openai/gpt-5.4-nano"), 2),
    ],
)
def test_kinship_tells_families_models_and_efforts_apart(other: Model, expected: int) -> None:
    model = make_model("gpt-5-4-nano", api_id="gpt-5.4-nano")

    assert kinship(model, other) == kinship(other, model) == expected
