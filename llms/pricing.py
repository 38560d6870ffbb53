"""What does a call cost: as billed, at most, and as expected before it is sent?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from llms.catalog import CatalogModel
from llms.experience import Experience
from llms.failures import ProviderError
from schemas.roles import Model

CHARS_PER_TOKEN = 4
"""Rule of thumb for Latin scripts; too high for CJK, where a character is about a token."""

_MILLION = 1_000_000

_USUAL_PLAIN_MTOK = 5.3
"""Baseline where a catalog measures too few models without thinking: the median of 2026-07-10."""

_FEWEST_PLAIN = 3

SHORTEST_CACHED_PREFIX = 1024
"""Tokens that the stable part of a prompt must have before a provider's prompt cache serves it:
OpenAI's minimum, taken for everybody who publishes none."""

_CACHED_FROM = {"Google": 4096, "Anthropic": None}
"""By creator, where it is known to differ: Google's newer models (ai.google.dev, "Context caching",
2026-07); Anthropic caches only what a request marks, and docmill's requests mark nothing."""

_CAUTIOUS_QUANTILE = 0.9
"""An unmeasured model is taken to be as talkative as this share of the measured ones at most."""


class UnknownPriceError(ProviderError):
    """A model without a published price was to be used; nothing may be sent to it."""

    @classmethod
    def of(cls, model: str) -> Self:
        """Build the error for the model called `model`."""
        return cls(
            f"the price of model {model!r} is not known, so nothing may be sent to it; "
            "name a model with a published price under `models` in the job"
        )


def estimate_tokens(chars: int) -> int:
    """Tokens of a text of `chars` characters, rounded up; an estimate, see `CHARS_PER_TOKEN`."""
    return -(-chars // CHARS_PER_TOKEN)


def prices(model: Model) -> tuple[float, float, float]:
    """Input, cached input and output price in US$ per million tokens.

    Cached input costs as much as any other input where no price of its own is known.

    Raises:
        UnknownPriceError: The input or the output price is not known.
    """
    if model.input_price is None or model.output_price is None:
        raise UnknownPriceError.of(model.slug)
    cached = model.input_price if model.cached_input_price is None else model.cached_input_price
    return model.input_price, cached, model.output_price


def cost_usd(model: Model, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
    """What a call cost, from the usage the provider reports.

    Args:
        model: The model, with the prices it is booked at.
        input_tokens: Prompt tokens, the cached ones included.
        cached_tokens: Those of them that came from the provider's prompt cache.
        output_tokens: Tokens of the answer, thinking included.

    Raises:
        UnknownPriceError: A price is not known.
    """
    input_price, cached_price, output_price = prices(model)
    cached = min(cached_tokens, input_tokens)
    fresh = input_tokens - cached
    total = fresh * input_price + cached * cached_price + output_tokens * output_price
    return total / _MILLION


def lane_price(model: Model, lane: str) -> float:
    """What a model costs in a lane, as a share of its list price; 1 where no discount is known.

    OpenAI prices its flex lane like its batches; of the others no flex lane is known.
    """
    has_lane = lane == "batch" or (lane == "flex" and model.provider == "openai")
    return 1 - (model.batch_discount or 0.0) if has_lane else 1.0


def in_lane(model: Model, lane: str) -> Model:
    """A model at the prices of a lane."""
    share = lane_price(model, lane)
    if share == 1 or model.input_price is None or model.output_price is None:
        return model
    cached = model.cached_input_price
    prices_there = {
        "input_price": model.input_price * share,
        "cached_input_price": None if cached is None else cached * share,
        "output_price": model.output_price * share,
        "batch_discount": None,
    }
    return model.model_copy(update=prices_there)


def output_limit(model: Model, answer_tokens: int) -> int:
    """The output limit to send for an answer of at most `answer_tokens`, with room to think.

    Providers count thinking against the limit: a reasoning model that is given the bare answer's
    length is cut off before it has written a word. Never more than the model can write, which a
    provider would reject.
    """
    wanted = math.ceil(answer_tokens * model.thinking_factor)
    return wanted if model.max_output is None else min(wanted, model.max_output)


def worst_case_usd(model: Model, prompt_tokens: int, max_output_tokens: int) -> float:
    """What a call can cost at most: nothing cached, the output limit used up.

    Args:
        model: The model, with the prices it is booked at.
        prompt_tokens: Tokens of the prompt, estimated high.
        max_output_tokens: The output limit that is sent, thinking included (`output_limit`).

    Raises:
        UnknownPriceError: A price is not known.
    """
    input_price, cached_price, output_price = prices(model)
    # A provider may charge more for what it caches than for what it reads.
    dearest = max(input_price, cached_price)
    return (prompt_tokens * dearest + max_output_tokens * output_price) / _MILLION


def expected_call_usd(
    model: Model,
    prompt_tokens: float,
    answer_tokens: float,
    *,
    thinking: float = 1.0,
    cached_tokens: float = 0.0,
    lane: str = "standard",
) -> float:
    """What a call should cost before it is sent, or many calls of so many tokens together.

    Args:
        model: The model, with the prices it is booked at.
        prompt_tokens: Tokens of the prompt, the cached ones included.
        answer_tokens: Tokens of the answer itself.
        thinking: Share of the model's usual thinking that this call takes: 0 for none, 1 for as
            much per answer token as own calls show, else as the catalog measured.
        cached_tokens: Those of the prompt that the provider's cache should hold (`cached_part`).
        lane: Takes off what it takes off, where that is published (`lane_price`).

    Raises:
        UnknownPriceError: The input or the output price is not known.
    """
    input_price, cached_price, output_price = prices(model)
    output = answer_tokens * (1 + (model.expected_factor - 1) * thinking)
    fresh = prompt_tokens - cached_tokens
    usd = (fresh * input_price + cached_tokens * cached_price + output * output_price) / _MILLION
    return usd * lane_price(model, lane)


def cached_part(model: Model, stable_tokens: int) -> int:
    """How many of a prompt's first tokens should come from the provider's prompt cache.

    Args:
        model: The model; without a published price for cached input nothing is taken as cached.
        stable_tokens: Tokens at the beginning that are the same in every call of the stage.

    Returns:
        All of them, once there are enough for a cache to serve them, else none. The calls that
        fill the cache are left out: a run makes many, and they follow each other closely.
    """
    shortest = _CACHED_FROM.get(model.creator, SHORTEST_CACHED_PREFIX)
    if model.cached_input_price is None or shortest is None or stable_tokens < shortest:
        return 0
    return stable_tokens


def baseline_document_usd(
    model: Model,
    document_tokens: float,
    answer_tokens: float,
    prompt_overhead_tokens: float,
    *,
    thinking: float = 1.0,
) -> float:
    """What one document would cost in one call of `model` that asks for everything.

    Args:
        model: The one strong model that a run is compared with.
        document_tokens: Tokens of the document.
        answer_tokens: Tokens of the answer itself.
        prompt_overhead_tokens: Tokens of instructions and schema.
        thinking: Share of the model's usual thinking, as in `expected_call_usd`.

    Raises:
        UnknownPriceError: A price is not known.
    """
    prompt_tokens = document_tokens + prompt_overhead_tokens
    return expected_call_usd(model, prompt_tokens, answer_tokens, thinking=thinking)


@dataclass(frozen=True, slots=True)
class Talkativeness:
    """How many tokens models bill per token of answer, as one catalog measured it.

    The intelligence index puts the same questions to every model. What it took a model in output
    tokens (`index_output_mtok`), over the median of the models measured without thinking (effort
    `none`), is its thinking factor, 1 at least. An unmeasured model gets the cautious end, the
    90th percentile, of the measured ones of its kind (with or without thinking).

    The index asks harder questions than documents do, so thinking is rather over- than
    underestimated. That errs against talkative models where models are ranked, and in their
    favour nowhere but in the baseline, which forecasts therefore show without thinking as well.

    Attributes:
        plain_mtok: Millions of output tokens of the median model without thinking.
        unmeasured: Factor of an unmeasured model that thinks.
        unmeasured_plain: Factor of an unmeasured model at effort `none`.
    """

    plain_mtok: float
    unmeasured: float
    unmeasured_plain: float

    @classmethod
    def of(cls, models: Sequence[CatalogModel]) -> Self:
        """Learn the figures from the models of a catalog."""
        plain = [m.index_output_mtok for m in models if m.index_output_mtok and _is_plain(m)]
        other = [m.index_output_mtok for m in models if m.index_output_mtok and not _is_plain(m)]
        baseline = median(plain) if len(plain) >= _FEWEST_PLAIN else _USUAL_PLAIN_MTOK
        return cls(
            plain_mtok=baseline,
            unmeasured=max(1.0, _cautious(other, baseline) / baseline),
            unmeasured_plain=max(1.0, _cautious(plain, baseline) / baseline),
        )

    def factor(self, model: CatalogModel) -> float:
        """Output tokens billed per answer token, thinking included; 1 at least."""
        if model.index_output_mtok:
            return round(max(1.0, model.index_output_mtok / self.plain_mtok), 2)
        return round(self.unmeasured_plain if _is_plain(model) else self.unmeasured, 2)


def as_model(
    row: CatalogModel,
    talk: Talkativeness,
    *,
    provider: str,
    api_id: str | None = None,
    experience: Experience | None = None,
) -> Model:
    """A catalog row as a model that can be called at a provider, at the catalog's prices.

    Args:
        row: The row.
        talk: The talkativeness of its catalog.
        provider: Name of the provider.
        api_id: The provider's name for it, where that is not the catalog's.
        experience: What own calls in a role say of it.
    """
    factor = talk.factor(row)
    return Model(
        slug=row.slug,
        name=row.name,
        creator=row.creator,
        provider=provider,
        api_id=api_id or row.api_id,
        effort=row.effort,
        input_price=row.input_price,
        cached_input_price=row.cached_input_price,
        output_price=row.output_price,
        batch_discount=row.batch_discount,
        context_window=row.context_window,
        max_output=row.max_output,
        logprobs=bool(row.logprobs),
        thinking_factor=factor,
        own_factor=experience.factor(factor, row.effort) if experience else None,
    )


def _is_plain(model: CatalogModel) -> bool:
    return model.effort == "none"


def _cautious(values: Sequence[float], default: float) -> float:
    if not values:
        return default
    ranked = sorted(values)
    return ranked[math.ceil(_CAUTIOUS_QUANTILE * len(ranked)) - 1]
