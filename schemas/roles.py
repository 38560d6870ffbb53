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
    thinking_factor: float = Field(
        default=1.0,
        ge=1,
        description="Output tokens billed per answer token, thinking included.",
    )


class Resolution(BaseModel):
    """Which models play which role in a run, best first, and how they were chosen."""

    model_config = ConfigDict(frozen=True)

    profile: str
    roles: dict[Role, tuple[Model, ...]]
    baseline: Model | None = Field(
        description="The one strong model that the whole run is compared with; null if unpriced."
    )
    projected: dict[Role, Model] = Field(
        default_factory=dict,
        description="For an offline run: the catalog model each role would have used.",
    )
    catalog_version: str
    catalog_sha256: str
    notes: tuple[str, ...] = ()

    def model(self, role: Role) -> Model:
        """The first choice for `role`."""
        return self.roles[role][0]
