"""How does the simulated provider behave? The scenario: one YAML file, each field described."""

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)

from llms.simulator.faults import Fault
from schemas.setting_errors import first_problem

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)

Probability = Annotated[float, Field(ge=0, le=1)]
RetryAfter = Literal["both", "seconds", "ms", "none"]


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message says which field, and what would be right."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Latency(_Frozen):
    """Seconds from a request to its answer: constant, uniform, or lognormal, plus a time per token.

    A bare number is constant. With `p95_s` it is lognormal, with `high_s` uniform.
    """

    seconds: float = Field(
        default=0,
        ge=0,
        description="The constant time; the median if p95_s is set, the least time if high_s is.",
    )
    p95_s: float | None = Field(
        default=None, gt=0, description="95th percentile of a lognormal distribution."
    )
    high_s: float | None = Field(default=None, gt=0, description="Most of a uniform distribution.")
    per_output_token_s: float = Field(
        default=0, ge=0, description="Seconds more for every output token."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, given: Any) -> Any:
        if not isinstance(given, int | float | Mapping | Latency):
            raise ValueError("should be seconds, such as 0.5, or {seconds: 0.5, p95_s: 2}")
        return {"seconds": given} if isinstance(given, int | float) else given

    @model_validator(mode="after")
    def _is_one_distribution(self) -> Self:
        if self.p95_s is not None and self.high_s is not None:
            raise ValueError("p95_s (lognormal) and high_s (uniform) exclude each other")
        if self.p95_s is not None and not 0 < self.seconds <= self.p95_s:
            raise ValueError("seconds, the median, must be above 0 and at most p95_s")
        if self.high_s is not None and self.high_s < self.seconds:
            raise ValueError("high_s must not be below seconds")
        return self

    def draw(self, chance: float, output_tokens: int = 0) -> float:
        """Seconds for a number drawn evenly from 0 to 1, exclusive."""
        base = self.seconds
        if self.high_s is not None:
            base += (self.high_s - base) * chance
        elif self.p95_s is not None:
            sigma = math.log(self.p95_s / base) / _Z95
            base *= math.exp(sigma * _NORMAL.inv_cdf(chance)) if sigma else 1
        return base + self.per_output_token_s * output_tokens


class Rates(_Frozen):
    """How much the provider takes at a time; null limits nothing."""

    requests_per_minute: int | None = Field(default=None, gt=0, description="Requests.")
    tokens_per_minute: int | None = Field(
        default=None, gt=0, description="Tokens, input and output together."
    )
    input_tokens_per_minute: int | None = Field(default=None, gt=0, description="Input tokens.")
    output_tokens_per_minute: int | None = Field(default=None, gt=0, description="Output tokens.")
    in_flight: int | None = Field(default=None, gt=0, description="Requests in flight at once.")


class Change(Rates):
    """Other rates from a moment on; what is not named stays."""

    at_s: float = Field(ge=0, description="Seconds after the first request.")


class Limits(Rates):
    """Rates, how they are counted, and what the provider says of them."""

    schedule: tuple[Change, ...] = Field(default=(), description="Rates that change over time.")
    per: Literal["model", "account"] = Field(
        default="model", description="Each model has the rates for itself, or all share them."
    )
    window: Literal["sliding", "bucket"] = Field(
        default="sliding",
        description="sliding: never more than the rate in any window_s. bucket: refilled "
        "continuously, full at the start, so that up to a window's worth comes on top once.",
    )
    window_s: float = Field(
        default=60,
        gt=0,
        description="Seconds over which a rate is counted; providers with large "
        "rates count by the second.",
    )
    count_tokens: Literal["used", "reserved"] = Field(
        default="used",
        description="used: input on arrival, output when it has been made. reserved: input and "
        "the request's output limit on arrival, and nothing given back.",
    )
    count_refused: bool = Field(
        default=False, description="Requests that are refused count against the rate as well."
    )
    headers: bool = Field(default=True, description="Send x-ratelimit-* headers.")
    retry_after: RetryAfter = Field(
        default="both", description="Which of retry-after and retry-after-ms a 429 carries."
    )

    # What a change leaves alone must not be written down as a null, which would lift the rate.
    @field_serializer("schedule")
    def _only_what_is_named(self, schedule: tuple[Change, ...]) -> list[dict[str, Any]]:
        return [change.model_dump(mode="json", exclude_unset=True) for change in schedule]


class Prices(_Frozen):
    """US dollars per million tokens."""

    input: float = Field(ge=0, description="Input tokens.")
    output: float = Field(ge=0, description="Output tokens, thinking included.")
    cached_input: float | None = Field(
        default=None, ge=0, description="Input tokens from the prompt cache; null: as any input."
    )
    batch_factor: float = Field(default=0.5, ge=0, description="Price of the batch lane, factor.")
    flex_factor: float = Field(default=0.5, ge=0, description="Price of the flex lane, factor.")


class Behaviour(_Frozen):
    """What may differ from model to model."""

    latency: Latency = Field(default=Latency(), description="How long an answer takes.")
    limits: Limits = Field(default=Limits(), description="Rates, each model's own by default.")
    faults: dict[Fault, Probability] = Field(
        default_factory=dict, description="Share of the requests that meet each fault."
    )
    prices: Prices | None = Field(
        default=None, description="Null: dollars are unknown, and not taken for zero."
    )
    rejects: tuple[str, ...] = Field(
        default=(), description="Parameters of requests that are answered with a 400."
    )
    context_tokens: int | None = Field(
        default=None, gt=0, description="Longest input and output limit together, in tokens."
    )
    thinking_factor: float = Field(
        default=1, ge=1, description="Output tokens billed per token of the answer."
    )
    caches_prompts: bool = Field(
        default=False,
        description="Report 1,024 and more tokens of first message and schema as cached when they "
        "come again.",
    )
    gone_after: int | None = Field(
        default=None, ge=0, description="Answer 404 after this many requests to the model."
    )
    engine: Literal["quick", "careful"] | None = Field(
        default=None, description="Offline rules that answer; null goes by the model's name."
    )

    @model_validator(mode="after")
    def _faults_leave_room(self) -> Self:
        total = sum(self.faults.values())
        if total > 1 + 1e-9:
            raise ValueError(f"faults add up to {total:g}, more than every request")
        return self


class Rule(_Frozen):
    """A fault for certain requests; of several rules the first that matches decides."""

    fault: Fault | None = Field(description="The fault; null exempts what matches from all faults.")
    marker: str | None = Field(
        default=None, min_length=1, description="Only requests that contain this text."
    )
    model: str | None = Field(default=None, description="Only models whose name fits this glob.")
    attempts: int | None = Field(
        default=None, gt=0, description="Only the first attempts of the same request, this many."
    )
    nth: tuple[int, ...] = Field(
        default=(), description="Only these requests, counted from 1 as they arrive."
    )
    first: int | None = Field(default=None, gt=0, description="From this request on.")
    last: int | None = Field(default=None, gt=0, description="Up to and with this request.")
    every: int | None = Field(default=None, gt=0, description="Only every so many requests.")
    from_s: float | None = Field(
        default=None, ge=0, description="From this many seconds after the first request on."
    )
    until_s: float | None = Field(
        default=None, gt=0, description="Before this many seconds after the first request."
    )
    probability: Probability = Field(default=1, description="Share of what matches.")


class Quota(_Frozen):
    """What the account may use before every request is answered with `insufficient_quota`."""

    usd: float | None = Field(default=None, ge=0, description="US dollars; needs prices.")
    requests: int | None = Field(default=None, ge=0, description="Billed answers.")


class Flex(_Frozen):
    """What `service_tier: flex` changes; its price is `flex_factor` of the prices."""

    latency_factor: float = Field(default=4, ge=1, description="Times the latency.")
    unavailable: Probability = Field(
        default=0, description="Share of the flex requests turned away for want of room."
    )
    is_offered: bool = Field(default=True, description="False answers flex requests with a 400.")


class Batches(_Frozen):
    """The Batch API. All times are simulated ones, see `time_scale`."""

    time_scale: float = Field(
        default=1,
        gt=0,
        description="Simulated seconds that pass in one real second: with 3600, "
        "a completion window of 24h is over after 24 seconds.",
    )
    validation_s: float = Field(default=2, ge=0, description="Seconds from creation to work.")
    turnaround: Latency = Field(
        default=Latency(seconds=600),
        description="Seconds from work to the last answer; 600 unless told.",
    )
    finalizing_s: float = Field(default=2, ge=0, description="Seconds to write the output files.")
    cancelling_s: float = Field(default=10, ge=0, description="Seconds a cancellation takes.")
    stuck: Probability = Field(
        default=0, description="Share of the batches that stop working and expire in part."
    )
    stuck_after: Probability = Field(
        default=0.5, description="Share of its answers that a stuck batch still makes."
    )
    ignores_window: bool = Field(
        default=False, description="Stuck batches stay in_progress even after their window."
    )
    enqueued_tokens: int | None = Field(
        default=None,
        gt=0,
        description="Input tokens per model in unfinished batches; a batch "
        "that would exceed it fails.",
    )
    max_requests: int = Field(default=50_000, gt=0, description="Requests per batch.")
    max_file_bytes: int = Field(default=200 << 20, gt=0, description="Bytes per input file.")


class Scenario(Behaviour):
    """Everything about the simulated provider."""

    seed: int = Field(
        default=0, description="The same seed gives the same request the same fate in any order."
    )
    answers: Literal["offline", "lifted", "canned"] = Field(
        default="offline",
        description="offline: the offline rules extract, milliseconds each. lifted: values lifted "
        "from the text by the schema's types. canned: a fixed answer.",
    )
    canned: dict[str, object] = Field(
        default_factory=dict,
        description="Answers by name of the schema, `*` for all others; "
        "without one, the smallest answer that the schema allows.",
    )
    script: tuple[Rule, ...] = Field(default=(), description="Faults for certain requests.")
    quota: Quota = Field(default=Quota(), description="When the account is used up.")
    keys: tuple[str, ...] = Field(
        default=(), description="Keys that are accepted; none named accepts any, and none."
    )
    serves: tuple[str, ...] = Field(
        default=("*",), description="Globs of the models there are; others are answered with 404."
    )
    models: dict[str, Behaviour] = Field(
        default_factory=dict,
        description="By glob of the model's name, what differs; the first that fits counts.",
    )
    flex: Flex = Field(default=Flex(), description="The flex lane.")
    batches: Batches = Field(default=Batches(), description="The batch lane.")
    hang_s: float = Field(default=600, gt=0, description="Seconds after which a hang is given up.")
    slow_body_s: float = Field(default=5, ge=0, description="Seconds that a slow body takes.")
    retry_after_s: float = Field(
        default=1, ge=0, description="Wait that refusals ask for where no rate says how long."
    )

    # As for a schedule: what a model leaves alone is the scenario's.
    @field_serializer("models")
    def _only_what_differs(self, models: dict[str, Behaviour]) -> dict[str, Any]:
        return {
            glob: own.model_dump(mode="json", exclude_unset=True) for glob, own in models.items()
        }

    @model_validator(mode="after")
    def _quota_is_priced(self) -> Self:
        if self.quota.usd is not None and self.prices is None:
            raise ValueError("quota.usd needs prices: without them nobody knows what was used")
        return self

    @classmethod
    def from_yaml(cls, text: str, overrides: Mapping[str, Any] | None = None) -> Self:
        """Read a scenario.

        Args:
            text: YAML; nothing in it makes a provider without faults, limits and latency.
            overrides: Fields that replace those of the text; mappings are merged field by field.

        Raises:
            ScenarioError: It is no YAML mapping, or a field is wrong.
        """
        try:
            given = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ScenarioError(f"it is not YAML: {' '.join(str(error).split())}") from error
        if given is None:
            given = {}
        if not isinstance(given, dict):
            raise ScenarioError("it must hold a mapping, for instance `latency: 0.5`")
        merged = dict(given)
        for name, value in (overrides or {}).items():
            under = merged.get(name)
            is_merged = isinstance(under, dict) and isinstance(value, dict)
            merged[name] = under | value if is_merged else value
        return cls.of(merged)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """A scenario from plain values; raises `ScenarioError` with one sentence."""
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            raise ScenarioError(first_problem(error, cls)) from error

    def behaviour(self, model: str) -> Behaviour:
        """How a model behaves: the scenario, with what differs for the first glob that fits."""
        for glob, own in self.models.items():
            if fnmatchcase(model, glob):
                named = {name: getattr(own, name) for name in own.model_fields_set}
                return self.model_copy(update=named)
        return self

    def is_served(self, model: str) -> bool:
        """Whether there is a model of this name."""
        return any(fnmatchcase(model, glob) for glob in self.serves)
