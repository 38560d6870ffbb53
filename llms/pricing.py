"""What does a call cost: as billed, at most, and as expected before it is sent?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from llms.catalog import CatalogModel
from llms.failures import ProviderError
from schemas.roles import Model

CHARS_PER_TOKEN = 4
"""Rule of thumb for Latin scripts; too high for CJK, where a character is about a token."""

_MILLION = 1_000_000

_USUAL_PLAIN_MTOK = 5.3
"""Baseline where a catalog measures too few models without thinking: the median of 2026-07-10."""

_FEWEST_PLAIN = 3

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


def output_limit(model: Model, answer_tokens: int) -> int:
    """The output limit to send for an answer of at most `answer_tokens`, with room to think.

    Providers count thinking against the limit: a reasoning model that is given the bare answer's
    length is cut off before it has written a word.
    """
    return math.ceil(answer_tokens * model.thinking_factor)


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
    model: Model, prompt_tokens: float, answer_tokens: float, *, thinking: float = 1.0
) -> float:
    """What a call should cost before anything is known of it.

    Args:
        model: The model, with the prices it is booked at.
        prompt_tokens: Tokens of the prompt, none of them cached.
        answer_tokens: Tokens of the answer itself.
        thinking: Share of the model's usual thinking that this call takes: 0 for none, 1 for as
            much per answer token as the catalog measured.

    Raises:
        UnknownPriceError: A price is not known.
    """
    input_price, _, output_price = prices(model)
    output = answer_tokens * (1 + (model.thinking_factor - 1) * thinking)
    return (prompt_tokens * input_price + output * output_price) / _MILLION


def baseline_document_usd(
    model: Model, document_tokens: float, answer_tokens: float, prompt_overhead_tokens: float
) -> float:
    """What one document would cost in one call of `model` that asks for everything.

    Args:
        model: The one strong model that a run is compared with.
        document_tokens: Tokens of the document.
        answer_tokens: Tokens of the answer itself.
        prompt_overhead_tokens: Tokens of instructions and schema.

    Raises:
        UnknownPriceError: A price is not known.
    """
    return expected_call_usd(model, document_tokens + prompt_overhead_tokens, answer_tokens)


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


def _is_plain(model: CatalogModel) -> bool:
    return model.effort == "none"


def _cautious(values: Sequence[float], default: float) -> float:
    if not values:
        return default
    ranked = sorted(values)
    return ranked[math.ceil(_CAUTIOUS_QUANTILE * len(ranked)) - 1]
