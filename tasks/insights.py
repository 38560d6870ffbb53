"""What stands out in the figures of a run? A model is asked; code checks what it says."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from llms.calls import Ask, Call, Reply
from llms.failures import CallError, FailureClass
from llms.prompts import insights_prompt
from schemas.answers import INSIGHTS, Insight, Insights, insights_schema
from schemas.manifest import Manifest
from schemas.roles import Model, Role
from tasks.figures import Figure, printed, visible
from tasks.metrics import words
from tasks.run_questions import COST, FAILURE_CLASSES, QUALITY, STATUS

STAGE = "insights"

PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
"""Where a figure stands in a sentence; the group is its id."""

_MAX_ROWS = 8
_MOST = {"run": 30, "metrics": 130, "quality": 60}
"""Figures that are offered of each group: a prompt that grows with the job costs and blurs."""

_MAX_TEXT = 700
_MAX_OUTPUT_TOKENS = 2000

_ABOUT_THE_RUN = (STATUS, FAILURE_CLASSES, COST)
_TELLING_QUALITY = ("filled_share", "unresolved")

# Ordinals are left out because they order things as often as they count them.
_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred hundreds thousand thousands million millions billion billions dozen dozens half twice "
    "thrice double doubled triple tripled third thirds quarter quarters"
)
# Only words that are nothing but a number.
_GERMAN = (
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig hundert tausend "
    "millionen hälfte doppelt"
)
_FRENCH = "deux trois quatre cinq sept huit neuf dix vingt trente mille moitié"
_NUMBER_WORDS = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH}".split())


@dataclass(frozen=True, slots=True)
class InsightsResult:
    """What came of asking.

    Attributes:
        insights: Accepted findings, in the model's order.
        dropped: Per finding that was not accepted, why.
        model: Who answered; None where nobody did.
        notes: Sentences that the report says first.
    """

    insights: tuple[Insight, ...] = ()
    dropped: tuple[str, ...] = ()
    model: Model | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Answer:
    """One answer, sorted into what holds and what does not."""

    reply: Reply
    good: list[Insight] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


async def find_insights(
    manifest: Manifest, figures: Sequence[Figure], ask: Ask | None
) -> InsightsResult:
    """Ask for findings about the figures; the model sees figures only, never a document.

    A finding that breaks the rules is sent back once with the reasons; of the two answers the one
    with more sound findings counts. Nobody is asked when `ask` is None, when the job wants no
    insights or when there is no figure.

    Raises:
        CallError: Class `INTERRUPTED`: the run is to stop.
    """
    most = manifest.job.analysis.max_insights
    offered = offered_figures(figures)
    if ask is None or most == 0 or not offered:
        return InsightsResult()
    known = {entry["id"] for entry in offered}
    system, user = insights_prompt(offered, most)
    try:
        answer = _sorted_out(await ask(_call(system, user)), known, most)
    except CallError as error:
        if error.failure_class is FailureClass.INTERRUPTED:
            raise
        return InsightsResult(notes=(f"no insights: {error}",))
    notes: tuple[str, ...] = ()
    if answer.bad:
        try:
            again = await ask(_call(system, f"{user}\n{_feedback(answer.bad)}"))
        except CallError as error:
            if error.failure_class is FailureClass.INTERRUPTED:
                raise
            notes = (f"rejected insights could not be asked again: {error}",)
        else:
            second = _sorted_out(again, known, most)
            answer = second if len(second.good) >= len(answer.good) else answer
    if answer.bad:
        notes += (f"{len(answer.bad)} insight(s) were dropped because they broke the rules",)
    return InsightsResult(
        tuple(answer.good), tuple(answer.bad), _model(manifest, answer.reply.model), notes
    )


def offered_figures(figures: Iterable[Figure]) -> list[dict[str, str]]:
    """The figures a model is shown: of the run, of the metrics and of the quality of the records.

    Objects with `id`, `title`, `value` and `unit`; of each group at most `_MOST`, and of a long
    table the first rows only.
    """
    rows: dict[tuple[str, int], list[Figure]] = {}
    for figure in figures:
        rows.setdefault((figure.metric_id, figure.row), []).append(figure)
    offered: dict[str, list[dict[str, str]]] = {group: [] for group in _MOST}
    for (metric_id, row), cells in rows.items():
        group = _group(metric_id)
        if group is None or (row >= _MAX_ROWS and group != "quality"):
            continue
        labels = [printed(c.value, c.kind) for c in cells if c.kind in ("text", "date")]
        offered[group] += [
            _offer(cell, labels)
            for cell in cells
            if cell.kind == "number"
            and cell.value is not None
            and (group != "quality" or cell.column in _TELLING_QUALITY)
        ]
    return [entry for group, most in _MOST.items() for entry in offered[group][:most]]


def _group(metric_id: str) -> str | None:
    if metric_id in _ABOUT_THE_RUN:
        return "run"
    if metric_id.startswith(QUALITY):
        return "quality"
    return None if metric_id.startswith("run.") else "metrics"


def _offer(figure: Figure, labels: Sequence[str]) -> dict[str, str]:
    title = ": ".join([figure.title, *labels, words(figure.column)])
    return {
        "id": figure.figure_id,
        "title": title,
        "value": figure.value or "",
        "unit": figure.unit,
    }


def faults(insight: Insight, known: Collection[str]) -> list[str]:
    """What is wrong with a finding, a sentence each; none means that it may be shown."""
    found = []
    used = PLACEHOLDER.findall(f"{insight.headline} {insight.text}")
    unknown = sorted({name for name in [*used, *insight.figures] if name not in known})
    if unknown:
        found.append(f"there is no figure {unknown[0]!r}")
    if not used:
        found.append("it names no figure in double braces")
    elif set(used) != set(insight.figures):
        found.append("`figures` does not list exactly the ids in the text")
    prose = PLACEHOLDER.sub(" ", f"{insight.headline} {insight.text}")
    if any(c.isnumeric() for c in prose):
        found.append("it holds digits outside of double braces")
    spelled = sorted(_NUMBER_WORDS & set(re.findall(r"\w+", prose.casefold().replace("_", " "))))
    if spelled:
        found.append(f"it spells a number out ({spelled[0]!r})")
    if "{" in prose or "}" in prose:
        found.append("it holds single braces")
    if not insight.headline.strip() or not insight.text.strip():
        found.append("its headline or text is empty")
    if len(prose) > _MAX_TEXT:
        found.append(f"it is longer than {_MAX_TEXT} characters")
    return found


def _sorted_out(reply: Reply, known: Collection[str], most: int) -> _Answer:
    answer = _Answer(reply)
    for said in Insights.model_validate(reply.data).insights:
        plain = {"headline": visible(said.headline), "text": visible(said.text)}
        insight = said.model_copy(update=plain)
        if wrong := faults(insight, known):
            answer.bad.append(f"{_short(insight.headline)}: {'; '.join(wrong)}")
        elif insight.text not in {other.text for other in answer.good}:
            answer.good.append(insight)
    # More than asked for is not wrong, only not wanted.
    del answer.good[most:]
    return answer


def _feedback(errors: Iterable[str]) -> str:
    lines = "\n".join(f"- {error}" for error in errors).replace("<", "‹")
    return f"<feedback>\nThese findings were not accepted:\n{lines}\n</feedback>"


def _short(text: str) -> str:
    return f'"{printed(text[:80], "text")}"'


def _call(system: str, user: str) -> Call:
    return Call(
        role=Role.REASONING_WORKER,
        stage=STAGE,
        system=system,
        user=user,
        schema_name=INSIGHTS,
        schema=insights_schema(),
        max_output_tokens=_MAX_OUTPUT_TOKENS,
    )


def _model(manifest: Manifest, slug: str) -> Model | None:
    models: Mapping[str, Model] = {
        model.slug: model for ranked in manifest.resolution.roles.values() for model in ranked
    }
    return models.get(slug)
