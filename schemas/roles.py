"""Roles, and what a run remembers of the models that played them."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Role(StrEnum):
    """What a model is asked to be; the thresholds stand in `llms.roles`."""

    ORCHESTRATOR = "orchestrator"
    REASONING_WORKER = "reasoning_worker"
    TOOL_WORKER = "tool_worker"
    EXTRACTION_WORKER = "extraction_worker"
    FORMATTING_WORKER = "formatting_worker"


class Model(BaseModel):
    """A model that can be called: a catalog row at a provider, with the prices it is booked at.

    Prices are US dollars per million tokens; null means unknown, which is never taken for zero.
    `kind` is `llm`, or `rules` for the offline engines, and stands wherever an answer is shown.
    """

    model_config = ConfigDict(frozen=True)

    slug: str = Field(description="Key of the catalog row, unique per model and effort.")
    name: str = Field(description="Name that people read.")
    creator: str
    provider: str = Field(description="Name of the provider that serves it.")
    api_id: str = Field(description="Name of the model in the provider's requests.")
    effort: str | None = Field(default=None, description="Reasoning effort of the row, if any.")
    kind: str = "llm"
    input_price: float | None = None
    cached_input_price: float | None = None
    output_price: float | None = None
    batch_discount: float | None = Field(
        default=None, ge=0, le=1, description="Share taken off every price in the batch lane."
    )
    context_window: int | None = Field(default=None, description="In tokens.")
    max_output: int | None = Field(default=None, description="Longest answer, in tokens.")
    logprobs: bool = Field(
        default=False, description="Whether token probabilities can be asked for."
    )
    thinking_factor: float = Field(
        default=1.0,
        ge=1,
        description="Output tokens billed per answer token, thinking included, as the catalog "
        "measured them on its harder questions; output limits leave room for it.",
    )
    own_factor: float | None = Field(
        default=None,
        ge=1,
        description="The same as own calls in the role show it; null without any. Costs are "
        "expected by it.",
    )

    @property
    def shown_name(self) -> str:
        """The name that people read, with the reasoning effort unless it is part of it."""
        if self.effort is None or self.effort in self.name.casefold():
            return self.name
        return f"{self.name}, effort {self.effort}"

    @property
    def expected_factor(self) -> float:
        """Output tokens that a call should bill per answer token."""
        return self.thinking_factor if self.own_factor is None else self.own_factor


class Resolution(BaseModel):
    """Which models play which role in a run, best first, and how they were chosen."""

    model_config = ConfigDict(frozen=True)

    profile: str
    roles: dict[Role, tuple[Model, ...]]
    verifiers: tuple[Model, ...] = Field(
        default=(),
        description="Who checks what the extraction worker's first choice answered, best first: "
        "other model families before its own.",
    )
    baseline: Model | None = Field(
        description="The one strong model that the whole run is compared with; null if unpriced."
    )
    projected: dict[Role, Model] = Field(
        default_factory=dict,
        description="For an offline run: the catalog model each role would have used.",
    )
    catalog_version: str
    catalog_sha256: str
    pinned_from: str | None = Field(
        default=None, description="Run that these models were taken over from; null if resolved."
    )
    notes: tuple[str, ...] = ()

    @property
    def everybody(self) -> tuple[Model, ...]:
        """Every model that may be asked, each once."""
        ranked = (model for models in self.roles.values() for model in models)
        return tuple(dict.fromkeys((*ranked, *self.verifiers)))

    def model(self, role: Role) -> Model:
        """The first choice for `role`."""
        return self.roles[role][0]
