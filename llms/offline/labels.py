"""Which words are printed labels, and for which field or concept does each of them speak?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from llms.offline.lexicon import CONCEPTS
from llms.offline.vocabulary import WEAK_LABELS
from llms.offline.words import bare, words

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a schema.

    Attributes:
        length: Its number of words.
        weak: It is also an ordinary word.
        fields: How much it speaks for which field of the schema, by index; about 1 is certain.
        concepts: The concepts whose label it is.
    """

    length: int
    weak: bool
    fields: Mapping[int, float]
    concepts: frozenset[str]


class LabelNode(dict[str, "LabelNode"]):
    """A word on the way to a label; `words` is the whole label where one ends, else null."""

    __slots__ = ("words",)

    def __init__(self, following: Mapping[str, "LabelNode"], words: Words | None) -> None:
        super().__init__(following)
        self.words = words


class Labels:
    """The labels that are looked for on behalf of a schema: those of every concept, whether it is
    asked for or not, and those of the schema's own fields.

    Args:
        fields: Per field, how much each label speaks for it.

    Attributes:
        root: Every label, word by word.
    """

    def __init__(self, fields: Sequence[Mapping[Words, float]]) -> None:
        self._fields = fields
        self._concepts = concept_labels()
        own = {label for weights in fields for label in weights if label not in self._concepts}
        # The thousands of labels that all schemas have in common are shared and not copied.
        self.root = _grown(_concept_root(), own)
        self._labels: dict[Words, Label] = {}

    def label(self, words: Words) -> Label:
        """The label that a node of `root` ends."""
        if words not in self._labels:
            weak = len(words) == 1 and (len(words[0]) < 4 or words[0] in WEAK_LABELS)
            spoken_for = {i: own[words] for i, own in enumerate(self._fields) if words in own}
            concepts = self._concepts.get(words, frozenset())
            self._labels[words] = Label(len(words), weak, spoken_for, concepts)
        return self._labels[words]


@lru_cache(maxsize=8192)
def spellings(label: str) -> tuple[Words, ...]:
    """The word sequences that print a label: as it is, without accents, as a key of data."""
    found: dict[Words, None] = {}
    for spelling in (label, bare(label)):
        sequence = words(spelling)
        if sequence:
            found[sequence] = None
            if 2 <= len(sequence) <= 3 and spelling.isascii():
                # As keys of data are written: `dueDate`, `duedate`.
                found[("".join(sequence),)] = None
    return tuple(found)


@cache
def concept_labels() -> Mapping[Words, frozenset[str]]:
    """Every label of the lexicon with the concepts it is printed for."""
    found: defaultdict[Words, set[str]] = defaultdict(set)
    for name, concept in CONCEPTS.items():
        for label in concept.labels.split(";"):
            for sequence in spellings(label):
                found[sequence].add(name)
    return {sequence: frozenset(names) for sequence, names in found.items()}


@cache
def _concept_root() -> LabelNode:
    return _grown(LabelNode({}, None), concept_labels())


def _grown(node: LabelNode, labels: Iterable[Words], depth: int = 0) -> LabelNode:
    """A copy of `node` with more labels below it; nodes off their way are shared, not copied."""
    grown = LabelNode(node, node.words)
    following: defaultdict[str, list[Words]] = defaultdict(list)
    for label in labels:
        if len(label) == depth:
            grown.words = label
        else:
            following[label[depth]].append(label)
    for word, longer in following.items():
        known = node[word] if word in node else LabelNode({}, None)
        grown[word] = _grown(known, longer, depth + 1)
    return grown
