"""How does a person read an evaluation? Tables of fields, tiers, verifier, and what went wrong."""

from collections.abc import Iterator

from flows.console import money
from flows.evaluate import Evaluated
from schemas.counted import counted
from tasks.evaluation import Score
from tasks.evaluation_intervals import MICRO, Difference, Intervals
from tasks.evaluation_tiers import PlacedMistake, VerifierRecord, Workings

_MOST_MISTAKES = 40


def evaluation_lines(done: Evaluated, *, all_mistakes: bool) -> Iterator[str]:
    """The evaluation as text."""
    result = done.result
    yield f"{done.gold}: {counted(result.documents, 'document')}, answered by {done.engines}"
    yield (
        f"{'field':<34} {'precision':>9} {'recall':>9} {'f1':>9} {'95 % of f1':>15} {'support':>8}"
    )
    for name, score in [*result.fields.items(), (MICRO, result.micro)]:
        yield _score_line(name, score, done.intervals.get(name))
    projected = " (at the prices of the catalog's models)" if done.run.projected_usd else ""
    yield (
        f"{result.unanswered} without a record, {counted(done.run.failed, 'dead letter')}; spent "
        f"{money(done.run.usd)} on {counted(done.run.calls, 'call')}; "
        f"{money(done.usd_per_document)} per document{projected}"
    )
    if done.workings is not None:
        yield from _workings_lines(done.workings)
    for name, gaps in done.compared.items():
        yield ""
        yield f"compared with {name}: F1 here, F1 there, difference and its 95 % interval"
        for field, gap in gaps.items():
            yield _gap_line(field, gap)
    shown = result.mistakes if all_mistakes else result.mistakes[:_MOST_MISTAKES]
    if shown:
        yield ""
        yield f"mistakes ({len(result.mistakes)}):"
    for one in shown:
        yield f"  {one.file}: {one.field}: said {_brief(one.predicted)}, is {_brief(one.gold)}"
    if len(shown) < len(result.mistakes):
        yield f"  ... {len(result.mistakes) - len(shown)} more; --mistakes lists them all"


def _workings_lines(made: Workings) -> Iterator[str]:
    yield ""
    yield f"{'tier':<34} {'answers':>9} {'sound':>9} {'right':>9}"
    for tier in made.tiers:
        name = f"{tier.tier + 1}: {', '.join(tier.models)}"
        yield f"{name:<34} {tier.answers:>9} {tier.sound:>9} {_share(tier.right, tier.answers):>9}"
    up = {name: one for name, one in made.escalation.items() if one.escalated}
    if up:
        yield ""
        yield f"{'asked of the next tier':<34} {'share':>9} {'right before':>13} {'after':>9}"
        for name, one in up.items():
            yield (
                f"{name:<34} {_share(one.escalated, one.documents):>9} {one.right_before:>13} "
                f"{one.right_after:>9}"
            )
    yield ""
    yield verifier_words(made.verifier)
    if made.worst:
        yield ""
        yield "worst documents, with the place in the text (characters) where there is one:"
    for worst in made.worst:
        yield f"  {worst.file}: {len(worst.mistakes)} mistakes"
        for placed in worst.mistakes[:3]:
            yield f"    {_placed(placed)}"


def verifier_words(record: VerifierRecord) -> str:
    """The verifier's own errors in one sentence."""
    right, wrong = record.ok_right + record.bad_right, record.ok_wrong + record.bad_wrong
    if not right + wrong + record.unsure:
        return "verifier: it checked no labelled value"
    return (
        f"verifier: of {right} right values it found {record.bad_right} bad "
        f"({_share(record.bad_right, right)} false alarms), of {wrong} wrong ones it confirmed "
        f"{record.ok_wrong} ({_share(record.ok_wrong, wrong)} missed); {record.unsure} it could "
        "not tell"
    )


def _placed(placed: PlacedMistake) -> str:
    one = placed.mistake
    said, wanted = placed.predicted_at, placed.gold_at
    here = f" at {said.start}-{said.end}" if said else ""
    there = f" at {wanted.start}-{wanted.end}" if wanted else ""
    return f"{one.field}: said {_brief(one.predicted)}{here}, is {_brief(one.gold)}{there}"


def _score_line(name: str, score: Score, found: Intervals | None) -> str:
    figures = (score.precision, score.recall, score.f1)
    cells = " ".join(f"{v:9.3f}" if v is not None else f"{'-':>9}" for v in figures)
    f1 = found.f1 if found else None
    interval = f"{f1.low:.3f} to {f1.high:.3f}" if f1 else "-"
    return f"{name:<34} {cells} {interval:>15} {score.support:>8}"


def _gap_line(name: str, gap: Difference) -> str:
    sure = "" if gap.low > 0 or gap.high < 0 else "  not told apart"
    return (
        f"{name:<34} {gap.f1:9.3f} {gap.other:9.3f} {gap.difference:+9.3f} "
        f"{gap.low:+.3f} to {gap.high:+.3f}{sure}"
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
