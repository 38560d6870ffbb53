"""What does a forecast rest on? Its assumptions, in sentences."""

from collections.abc import Sequence

from llms.pricing import CHARS_PER_TOKEN
from schemas.counted import counted
from schemas.job import Job
from schemas.roles import Model
from tasks.call_volumes import DECIDE, ROUTE, VERIFY, Stage
from tasks.forecast_beliefs import LEAST_THINKING, MOST_THINKING, Beliefs
from tasks.source_survey import Survey


def assumptions(
    job: Job,
    survey: Survey,
    beliefs: Beliefs,
    plan: Sequence[Stage],
    *,
    strong: Model | None,
    is_projected: bool,
) -> tuple[str, ...]:
    """The assumptions behind a forecast, those about the documents first."""
    source = survey.source
    said = [_about_text(survey)]
    if beliefs.runs:
        said.append(
            f"what calls there are and how long they come out is learned from {beliefs.runs} own "
            "run(s); `docmill forecast --check` says how often the range held on them"
        )
        if is_projected:
            said.append("those runs were not answered by the models above, which may do otherwise")
    else:
        said.append(
            "no own run has taught this forecast anything: the probability is subjective, it "
            "follows from the assumptions below; in benchmarks such ranges held less often than "
            "stated, and nearly all misses cost more"
        )
        script = "" if survey.text_factor == 1 else f" times {survey.text_factor:.2f} (its script)"
        said.append(
            f"a token is {CHARS_PER_TOKEN} characters of text{script}; no tokenizer was asked"
        )
    if source.done:
        said.append(f"in the lake with all answers, at no cost: {counted(source.done, 'document')}")
    if ROUTE in plan:
        said.append(f"{beliefs.routed.middle:.0%} of the documents need a model to find their type")
    said.append(f"{beliefs.escalated.middle:.0%} of the documents have fields for the second tier")
    if VERIFY in plan:
        said.append(f"{job.verify.share:.0%} of the records are verified, and the bad ones mended")
    if DECIDE in plan:
        said.append(
            f"the orchestrator decides about {job.orchestrator.share:.0%} of the documents at most"
        )
    said.append(
        f"models think per token of answer {LEAST_THINKING:g} to {MOST_THINKING:g} times as much "
        "as the catalog measured on harder questions, unless own runs showed it"
    )
    if strong is not None:
        said.append("the one strong model reads each document once and is asked for everything")
    return tuple(said)


def _about_text(survey: Survey) -> str:
    source = survey.source
    if source.measured == source.asked:
        return "the text of every document is known"
    if not source.measured and not survey.known:
        return "how much text a file holds is guessed from its size and kind; nothing was parsed"
    measured = source.measured + len(survey.known)
    cut = "; parsing more took too long" if survey.is_cut_short else ""
    return (
        f"how much text the files hold is estimated from {counted(measured, 'document')} of "
        f"known text, by size and kind ({source.sampled:,} parsed for this forecast{cut})"
    )
