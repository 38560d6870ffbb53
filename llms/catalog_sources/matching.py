"""Which names of different sources mean the same model? Rather none than a wrong one."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from llms.catalog import CatalogModel
from llms.catalog_sources.rows import NAMES, PartialRow, Reading, told

_PARTS = re.compile(r"[^\W_]+")

_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")

Key = tuple[str, tuple[str, ...]]
"""Maker and the words of a model's name, in alphabetical order."""


def key_of(api_id: str) -> Key:
    """What stays of an API id when makers' habits of spelling are taken out.

    Dots, dashes and the order of words do not count; the order of a version's numbers does:
    `claude-haiku-4.5` is `claude-4-5-haiku`, but no `claude-5-4-haiku`.
    """
    maker, _, bare = api_id.casefold().rpartition("/")
    return maker, _words(bare)


def _words(name: str) -> tuple[str, ...]:
    words: list[str] = []
    is_version = False
    for part in _PARTS.findall(name.casefold()):
        if part.isdecimal() and is_version:
            words[-1] += f".{part}"
        else:
            words.append(part)
        is_version = part.isdecimal()
    return tuple(sorted(words))


@dataclass
class PriceList:
    """The rows of a source that names models by API id, to be found under other spellings.

    Attributes:
        doubtful: API ids of the catalog that could mean several models here, so that none is
            taken.
    """

    rows: Sequence[PartialRow]
    doubtful: set[str] = field(default_factory=set)
    _exact: dict[str, PartialRow] = field(init=False, default_factory=dict)
    _by_key: dict[Key, list[PartialRow]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        by_key: defaultdict[Key, list[PartialRow]] = defaultdict(list)
        for row in self.rows:
            api_id = str(row.figures["api_id"])
            if self._exact.setdefault(api_id.casefold(), row) is row:
                by_key[key_of(api_id)].append(row)
        self._by_key = dict(by_key)

    def find(self, api_id: str, rivals: Mapping[Key, set[str]]) -> PartialRow | None:
        """The row of the model that the catalog calls `api_id`; null if there is none, or a doubt.

        Args:
            api_id: Its name in the catalog.
            rivals: Per key the API ids of the catalog that have it.
        """
        exact = self._exact.get(api_id.casefold())
        if exact is not None:
            return exact
        key = key_of(api_id)
        found = self._by_key.get(key, [])
        if len(found) == 1 and len(rivals.get(key, ())) <= 1:
            return found[0]
        if found:
            self.doubtful.add(api_id)
        return None


def effort_of(name: str) -> str | None:
    """The reasoning effort that a name states in brackets; null if it states none.

    `GPT-5.6 Sol (xhigh)` states `xhigh`, `Grok 4.3 (Non-reasoning)` states `none`, and
    `GLM-5.1 (Reasoning)`, which does not say how much, `default`.
    """
    found = [effort for _, effort in _brackets(name) if effort]
    if "none" in found:
        return "none"
    return next((effort for effort in found if effort != "default"), found[0] if found else None)


def bare_name(name: str) -> str:
    """A name without the effort in its brackets; what else they say is another version of it."""
    rest = [part for part, effort in _brackets(name) if effort is None]
    return " ".join([name.partition("(")[0], *rest])


def _brackets(name: str) -> list[tuple[str, str | None]]:
    """The parts of what stands in brackets, each with the effort it states."""
    parts = name.casefold().partition("(")[2].rstrip(") ").split(",")
    return [(part.strip(), _effort(part.strip())) for part in parts if part.strip()]


def _effort(part: str) -> str | None:
    if "non-reasoning" in part:
        return "none"
    word = part.removesuffix(" effort")
    if word in _EFFORTS:
        return word
    return "default" if "reasoning" in part or "thinking" in part else None


def slug_of(api_id: str) -> str:
    """A key for a model that is known by its API id only."""
    return "-".join(_PARTS.findall(api_id.casefold().rpartition("/")[2])) or api_id


def rivals_of(api_ids: Iterable[str]) -> dict[Key, set[str]]:
    """Per key the API ids that have it."""
    rivals: defaultdict[Key, set[str]] = defaultdict(set)
    for api_id in api_ids:
        rivals[key_of(api_id)].add(api_id.casefold())
    return dict(rivals)


class ApiNames:
    """Finds the API id of a model that a source knows by maker and name only."""

    def __init__(self, known: Sequence[CatalogModel], readings: Iterable[Reading]) -> None:
        """Learn how makers are called in API ids from `known`, and the ids from all of them."""
        makers: defaultdict[str, set[str]] = defaultdict(set)
        for model in known:
            makers[model.creator.casefold()].add(model.api_id.rpartition("/")[0].casefold())
        # A creator with two of them (bought, or renamed) proves nothing.
        self._makers = {name: ids.pop() for name, ids in makers.items() if len(ids) == 1}
        ids = {model.api_id.casefold(): model.api_id for model in known}
        for reading in readings:
            for row in reading.rows:
                api_id = row.figures.get("api_id")
                if isinstance(api_id, str):
                    ids.setdefault(api_id.casefold(), api_id)
        self._ids: defaultdict[Key, list[str]] = defaultdict(list)
        for api_id in ids.values():
            self._ids[key_of(api_id)].append(api_id)

    def find(self, name: str, creator: str) -> str | None:
        """The API id of the model that people call `name`; null if there is none, or a doubt."""
        maker = self._makers.get(creator.casefold(), "-".join(_PARTS.findall(creator.casefold())))
        found = self._ids.get((maker, _words(bare_name(name))), [])
        return found[0] if len(found) == 1 else None


def doubts(reading: Reading, names: PriceList) -> list[str]:
    """A sentence on the models that a source may or may not know, if there are such."""
    if not names.doubtful:
        return []
    models = told(sorted(names.doubtful))
    return [f"{NAMES[reading.source]} has several models that could be meant, none taken: {models}"]
