"""How does one write a policy in a line? `a@0.8 > b@0.9 > c`, `a = b > c`, or just `a`."""

import math

from llms.policies.families import Family
from llms.policies.fixed import Agreement, Cascade, Single
from llms.policies.plays import Policy
from llms.policies.recorded import Recorded, ReplayError, check_model


def parse_policy(text: str, recorded: Recorded) -> tuple[Family, Policy]:
    """The policy that a line stands for, and its family.

    `a` asks one model. `a@0.8 > b` asks b where the confidence of a is under 0.8; any number of
    stages. `a = b > c` asks a and b, and c where they differ.

    Raises:
        ReplayError: The line cannot be read, names an unknown model, or a model in it has no
            confidence or no answers.
    """
    stages = [part.strip() for part in text.split(">")]
    if not all(stages):
        raise ReplayError(
            f"policy {text!r} has an empty stage; write it like 'a@0.8 > b', 'a = b > c' or 'a'"
        )
    if "=" in text:
        return Family.AGREEMENT, _agreement(text, stages, recorded)
    last = check_model(recorded, stages[-1])
    if len(stages) == 1:
        return Family.SINGLE, Single(last)
    pairs = [_stage(text, stage, recorded) for stage in stages[:-1]]
    models = (*(model for model, _ in pairs), last)
    if len(set(models)) < len(models):
        raise ReplayError(f"policy {text!r} asks a model twice, which brings the same answer")
    return Family.CASCADE, Cascade(models, tuple(least for _, least in pairs))


def _agreement(text: str, stages: list[str], recorded: Recorded) -> Agreement:
    both = [part.strip() for part in stages[0].split("=")]
    if len(stages) != 2 or len(both) != 2:
        raise ReplayError(f"policy {text!r} is not two models and a judge, like 'a = b > c'")
    first, second, judge = (check_model(recorded, name) for name in (*both, stages[1]))
    if len({first, second, judge}) < 3:
        raise ReplayError(f"policy {text!r} asks a model twice, which brings the same answer")
    for model in (first, second):
        if not any(recorded.answer.get(model, ())):
            raise ReplayError(
                f"{recorded.dataset} records no answers of {model}, so nothing can agree; "
                "it needs the column answer"
            )
    return Agreement(first, second, judge)


def _stage(text: str, stage: str, recorded: Recorded) -> tuple[str, float]:
    name, at, number = stage.rpartition("@")
    if not at:
        raise ReplayError(
            f"policy {text!r}: stage {stage!r} has no threshold; write it like '{stage}@0.8'"
        )
    model = check_model(recorded, name.strip())
    try:
        least = float(number)
    except ValueError:
        least = math.nan
    if math.isnan(least):
        raise ReplayError(f"policy {text!r}: {number!r} is no threshold; write a number like 0.8")
    if not recorded.has_confidence(model):
        raise ReplayError(
            f"{recorded.dataset} has no confidence of {model}, so no threshold applies to it; "
            "it can only be the last stage"
        )
    return model, least
