"""Which models are there, and what is known of each? The embedded table and its columns."""

import csv
import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from typing import Any, Self

from llms.failures import CatalogError
from schemas.scales import ScaleChange

ATTRIBUTION = "Figures: Artificial Analysis (artificialanalysis.ai), as published on {as_of}."
"""Its terms ask for this wherever the figures are shown."""

TASK_ANSWER_TOKENS = 500
"""Answer that `output_tokens_per_task` is stated for: what an extraction call usually says."""


class UnknownModelError(CatalogError):
    """A model is named that the catalog, or the profile in use, does not have."""

    @classmethod
    def of(cls, name: str, *, where: str, known: Collection[str]) -> Self:
        """Build the error; `where` says who names the model, `known` is what it may have meant."""
        folded = {candidate.casefold(): candidate for candidate in sorted(known)}
        guess = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
        hint = f"; did you mean {folded[guess[0]]!r}?" if guess else ""
        return cls(f"{where} names model {name!r}, which is not to be had{hint}")


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """One model at one reasoning effort; null is what nobody published, never zero.

    The meaning and unit of each attribute stand in `COLUMNS`.
    """

    slug: str
    name: str
    creator: str
    api_id: str
    effort: str | None
    release_date: date | None
    intelligence: float | None
    coding: float | None
    input_price: float | None
    output_price: float | None
    tps: float | None
    ttft: float | None
    context_window: int | None
    image_input: bool | None
    open_weights: bool | None
    index_output_mtok: float | None
    index_version: str
    as_of: date
    math: float | None = None
    cached_input_price: float | None = None
    batch_discount: float | None = None
    max_output: int | None = None
    structured_output: bool | None = None
    tool_call: bool | None = None
    logprobs: bool | None = None
    reasoning: bool | None = None
    output_tokens_per_task: float | None = None

    @property
    def price(self) -> float | None:
        """Blended price at three input tokens to one output token; null unless both are known."""
        if self.input_price is None or self.output_price is None:
            return None
        return round((3 * self.input_price + self.output_price) / 4, 6)

    @property
    def bare_name(self) -> str:
        """The model's name without the provider before the slash."""
        return self.api_id.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table `llms`: its name, DuckDB type, meaning and unit."""

    name: str
    type: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("slug", "VARCHAR", "Key of the row, unique per model and reasoning effort."),
    Column("name", "VARCHAR", "Name that people read."),
    Column("creator", "VARCHAR", "Who made the model."),
    Column("intelligence", "DOUBLE", "Intelligence index, 0 to 100 points."),
    Column("coding", "DOUBLE", "Coding index, 0 to 100 points."),
    Column("math", "DOUBLE", "Math index, 0 to 100 points."),
    Column("price", "DOUBLE", "Blended price, (3 * input + output) / 4, US$ per million tokens."),
    Column("input_price", "DOUBLE", "US$ per million input tokens."),
    Column("output_price", "DOUBLE", "US$ per million output tokens, thinking included."),
    Column("cached_input_price", "DOUBLE", "US$ per million tokens read from the prompt cache."),
    Column("batch_discount", "DOUBLE", "Share taken off the prices in the batch lane, 0 to 1."),
    Column("tps", "DOUBLE", "Median output tokens per second."),
    Column("ttft", "DOUBLE", "Seconds to the first token."),
    Column("context_window", "BIGINT", "Tokens that prompt and answer may have together."),
    Column("max_output", "BIGINT", "Longest answer in tokens, thinking included."),
    Column("structured_output", "BOOLEAN", "Whether answers can be held to a JSON schema."),
    Column("tool_call", "BOOLEAN", "Whether the model can call tools."),
    Column("logprobs", "BOOLEAN", "Whether token probabilities can be asked for."),
    Column("image_input", "BOOLEAN", "Whether the model reads images."),
    Column("reasoning", "BOOLEAN", "Whether the row thinks before it answers."),
    Column("effort", "VARCHAR", "Reasoning effort the row was measured at; none: no thinking."),
    Column("api_id", "VARCHAR", "Usual provider/model name in requests."),
    Column("open_weights", "BOOLEAN", "Whether the weights can be downloaded."),
    Column("release_date", "DATE", "Day of release."),
    Column(
        "index_output_mtok",
        "DOUBLE",
        "Millions of output tokens, thinking included, that the intelligence index took.",
    ),
    Column(
        "output_tokens_per_task",
        "DOUBLE",
        f"Estimate: tokens billed for a {TASK_ANSWER_TOKENS}-token answer, thinking included; "
        "that many, times index_output_mtok over its median among models without thinking.",
    ),
    Column("index_version", "VARCHAR", "Scale that the indices stand on."),
    Column("as_of", "DATE", "Day the figures were published."),
)


_TYPES = {column.name: column.type for column in COLUMNS}

_AT_MOST = {"batch_discount": 1.0, "intelligence": 100.0, "coding": 100.0, "math": 100.0}

Figure = str | float | int | bool | date
"""What a cell of the table may hold when it is not null."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """A snapshot of the catalog.

    Attributes:
        models: The rows, in the order of the file.
        version: The day of the snapshot, ISO 8601.
        sha256: Digest of the bytes it was read from.
        scales: Re-basings of an index since the thresholds were written, oldest first.
    """

    models: tuple[CatalogModel, ...]
    version: str
    sha256: str
    scales: tuple[ScaleChange, ...] = ()

    @property
    def attribution(self) -> str:
        """The sentence that has to stand wherever the figures are shown."""
        return ATTRIBUTION.format(as_of=self.version)

    def find(self, name: str, *, where: str = "the command") -> tuple[CatalogModel, ...]:
        """The models called `name`: by slug, else by name, else by API id with or without provider.

        A slug or a name is one row, an API id all the efforts of the model. Case does not matter.

        Raises:
            UnknownModelError: Nothing is called so; the message guesses what was meant.
        """
        return find(self.models, name, where=where)


def find(models: Sequence[CatalogModel], name: str, *, where: str) -> tuple[CatalogModel, ...]:
    """As `Catalog.find`, among some of the models."""
    wanted = name.strip().casefold()
    # A slug may equal a bare name (gpt-5-5 is both a row and, nearly, a family): the row wins.
    for keys in (("slug",), ("name",), ("api_id", "bare_name")):
        found = tuple(m for m in models if wanted in {getattr(m, k).casefold() for k in keys})
        if found:
            return found
    known = {getattr(m, k) for m in models for k in ("slug", "name", "api_id", "bare_name")}
    raise UnknownModelError.of(name, where=where, known=known)


@lru_cache(maxsize=1)
def load_catalog() -> Catalog:
    """The catalog that ships with docmill."""
    data = resources.files("llms").joinpath("data", "catalog.csv").read_bytes()
    return read_catalog(data)


def read_catalog(data: bytes) -> Catalog:
    """Read a catalog from the bytes of a CSV file with the columns of `CatalogModel`.

    Raises:
        CatalogError: A column is missing, a figure is no number, a slug stands twice, or there is
            no row; the message names the line.
    """
    reader = csv.DictReader(io.StringIO(data.decode("utf-8")))
    needed = {f.name for f in fields(CatalogModel) if f.default is MISSING}
    missing = sorted(needed - set(reader.fieldnames or ()))
    if missing:
        raise CatalogError(f"the catalog lacks the column {missing[0]!r}")
    models: list[CatalogModel] = []
    slugs: set[str] = set()
    for row in reader:
        try:
            model = _model(row)
        except ValueError as error:
            raise CatalogError(f"line {reader.line_num} of the catalog: {error}") from None
        if model.slug in slugs:
            raise CatalogError(f"line {reader.line_num} of the catalog repeats {model.slug!r}")
        slugs.add(model.slug)
        models.append(model)
    if not models:
        raise CatalogError("the catalog holds no model")
    version = max(model.as_of for model in models).isoformat()
    return Catalog(with_output_tokens(models), version, hashlib.sha256(data).hexdigest())


def with_output_tokens(models: Sequence[CatalogModel]) -> tuple[CatalogModel, ...]:
    """The models of a whole catalog with `output_tokens_per_task` worked out.

    No source publishes tokens per task. The figure is the thinking factor that selection ranks
    by, in tokens; a model that was not measured has none.
    """
    # Imported here: pricing knows what a model is, so it stands above this module.
    from llms.pricing import Talkativeness

    talkativeness = Talkativeness.of(models)
    return tuple(
        replace(
            model,
            output_tokens_per_task=round(TASK_ANSWER_TOKENS * talkativeness.factor(model), 1)
            if model.index_output_mtok
            else None,
        )
        for model in models
    )


def _model(row: Mapping[str, str]) -> CatalogModel:
    figures = {
        f.name: figure_of_text(f.name, row[f.name]) for f in fields(CatalogModel) if row.get(f.name)
    }
    for column in ("slug", "name", "creator", "api_id", "index_version", "as_of"):
        if column not in figures:
            raise ValueError(f"{column} is empty")
    if "effort" in figures:
        figures.setdefault("reasoning", figures["effort"] != "none")
    cells: dict[str, Any] = dict.fromkeys(f.name for f in fields(CatalogModel))
    return CatalogModel(**(cells | figures))


def figure_of_text(column: str, text: str) -> Figure:
    """The value of a non-empty cell in the type of its column.

    Raises:
        ValueError: The text is no such value, or the value cannot be; the message names the column.
    """
    kind = _TYPES.get(column, "VARCHAR")
    if kind == "BOOLEAN":
        if text.casefold() not in {"true", "false"}:
            raise ValueError(f"{column} is {text!r}, not true or false")
        return text.casefold() == "true"
    if kind == "DATE":
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{column} is {text!r}, not a day such as 2026-07-10") from None
    if kind == "VARCHAR":
        return text
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a number") from None
    return checked_number(column, number) if kind == "DOUBLE" else checked_count(column, number)


def checked_number(column: str, value: float) -> float:
    """`value`, if a figure of `column` can be so; ValueError otherwise."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"{column} is {value:g}, but cannot be negative or without end")
    most = _AT_MOST.get(column)
    if most is not None and value > most:
        raise ValueError(f"{column} is {value:g}, but {most:g} is the most it can be")
    return value


def checked_count(column: str, value: float) -> int:
    """`value` as a whole number of tokens; ValueError if it is none."""
    if not value.is_integer() or value < 1:
        raise ValueError(f"{column} is {value:g}, not a whole number of tokens")
    return int(value)
