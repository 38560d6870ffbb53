"""In which tier should the documents of a type start, by what both tiers said of labelled ones?"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from llms.calibration.fitting import FOLDS, part_of
from llms.calibration.start_fitting import FEWEST_DOCUMENTS, Outcome, Played, fit_start
from llms.calibration.traits import starts_higher, traits_of
from schemas.counted import counted
from schemas.manifest import Manifest
from schemas.start_rule import StartRule
from storage.store import Lake
from tasks.calibration_curve import Prices
from tasks.calibration_fit import FittedType, thresholds
from tasks.calibration_labels import JudgedAnswer


def texts_of(lake: Lake, manifest: Manifest, documents: Collection[str]) -> dict[str, str]:
    """The texts of some documents of a run."""
    return {
        row["doc_id"]: row["text"]
        for shard in manifest.shards
        for row in lake.read_table(shard.documents, ["doc_id", "text"]).to_pylist()
        if row["doc_id"] in documents
    }


def learn_start(
    fitted: FittedType,
    answers: Iterable[JudgedAnswer],
    texts: Mapping[str, str],
    prices: Prices | None,
    target: float,
    context_chars: int,
) -> FittedType:
    """Learn which documents of a type start in the second tier.

    Where some do, the fields' thresholds are decided anew by the others: what only the messy ones
    got wrong need not go up any more.

    Args:
        fitted: Confidences and thresholds without a rule.
        answers: What each tier said of the documents that are for fitting.
        texts: Of these documents.
        prices: Of both tiers; null: unknown, then a rule must make more fields right.
        target: Share of right answers that will be promised.
        context_chars: Characters around a doubtful field that the next tier is shown.
    """
    by_document: dict[str, list[JudgedAnswer]] = defaultdict(list)
    for answer in answers:
        by_document[answer.document].append(answer)
    both = {d: said for d, said in by_document.items() if _is_answered_twice(said)}
    mean_chars = max(1.0, fmean(len(texts[d]) for d in both)) if both else 1.0
    stage = _Stage(fitted, both, texts, prices, target, context_chars, mean_chars)
    rule = fit_start([_outcome(d, said, texts[d]) for d, said in both.items()], stage.play)
    if prices is None:
        rule = rule.model_copy(update={"cost": None})
    if rule.kind == "never":
        return replace(fitted, start=rule)
    rest = [a for d, said in both.items() if not starts_higher(rule, texts[d]) for a in said]
    return replace(thresholds(fitted, rest, target), start=rule)


def _is_answered_twice(said: Sequence[JudgedAnswer]) -> bool:
    """Whether both tiers answered the same fields: neither failed, nor was passed over."""
    first = {a.field for a in said if a.tier == 0}
    return bool(first) and first == {a.field for a in said if a.tier > 0}


def _outcome(document: str, said: Sequence[JudgedAnswer], text: str) -> Outcome:
    gained = sum((1 if a.tier else -1) * a.is_right for a in said)
    return Outcome(document, traits_of(text), gained / len({a.field for a in said}))


@dataclass(frozen=True, slots=True)
class _Stage:
    """The cascade of a type, played on recorded answers; attributes as in `learn_start`."""

    fitted: FittedType
    answers: Mapping[str, Sequence[JudgedAnswer]]
    texts: Mapping[str, str]
    prices: Prices | None
    target: float
    context_chars: int
    mean_chars: float

    def play(self, higher: frozenset[str]) -> list[Played]:
        """Every document under thresholds and confidences that have not seen it."""
        folds = {document: part_of(document, FOLDS, "start") for document in self.answers}
        found: dict[str, Played] = {}
        for fold in sorted(set(folds.values())):
            rest = [
                answer
                for document, said in self.answers.items()
                if folds[document] != fold and document not in higher
                for answer in said
            ]
            levels = thresholds(self.fitted, rest, self.target).escalate_below
            for document in (d for d, own in folds.items() if own == fold):
                found[document] = (
                    self._second_alone(document)
                    if document in higher
                    else self._cascade(document, levels)
                )
        return [found[document] for document in self.answers]

    def _second_alone(self, document: str) -> Played:
        right = [a.is_right for a in self.answers[document] if a.tier > 0]
        asked = self.prices
        cost = asked.second_input * self._longer(document) + asked.second_output if asked else 1.0
        return Played(fmean(right), cost)

    def _cascade(self, document: str, levels: Mapping[str, float]) -> Played:
        second = {a.field: a.is_right for a in self.answers[document] if a.tier > 0}
        right = up = 0
        for answer in self.answers[document]:
            if answer.tier > 0:
                continue
            key = (document, answer.field, answer.model)
            stays = answer.is_sound and self.fitted.held_out[key] >= levels[answer.field]
            up += not stays
            right += answer.is_right if stays else second[answer.field]
        return Played(right / len(second), self._cost(document, up, len(second)))

    def _cost(self, document: str, up: int, fields: int) -> float:
        """Without prices only a start in the second tier costs, so that few of them are best."""
        if self.prices is None:
            return 0.0
        longer = self._longer(document)
        shown = min(1.0, up * self.context_chars / max(len(self.texts[document]), 1))
        again = self.prices.second_input * longer * shown + self.prices.second_output * up / fields
        return self.prices.first * longer + again

    def _longer(self, document: str) -> float:
        """How long a document is beside the average one, whose prices are known."""
        return len(self.texts[document]) / self.mean_chars


def start_words(rule: StartRule, started: int, documents: int) -> Iterator[str]:
    """Where documents start, in a sentence; and what that is expected to change.

    Args:
        rule: The rule.
        started: Documents that start in the second tier by it, of those kept for certifying.
        documents: How many these are.
    """
    if rule.kind == "never":
        yield f"every document starts in tier 1: {_why_not(rule)}"
        return
    who = (
        "every document"
        if rule.cut is None
        else f"documents with a predicted gain over {rule.cut:.3f}"
    )
    cost = "" if rule.cost is None else f", cost {rule.cost:+.0%}"
    yield (
        f"starts in tier 2: {who} ({started} of {documents}); expected of it, by "
        f"{counted(rule.documents, 'other document')}: {rule.gain:+.3f} right{cost}"
    )


def _why_not(rule: StartRule) -> str:
    if rule.documents < FEWEST_DOCUMENTS:
        return (
            f"{counted(rule.documents, 'document is', 'documents are')} too few to learn from, "
            f"it takes {FEWEST_DOCUMENTS} that both tiers answered"
        )
    return (
        f"on {counted(rule.documents, 'document')}, a predicted gain of tier 2 made nothing "
        "better or cheaper "
        "beyond noise"
    )
