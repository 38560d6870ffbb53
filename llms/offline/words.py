"""How words are told apart and compared: lower case, letters and digits only, accents optional."""

import re
import unicodedata

TOKEN = re.compile(r"[^\W_]+")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SAME = {
    "nr": "number",
    "no": "number",
    "num": "number",
    "nbr": "number",
    "amt": "amount",
    "addr": "address",
    "desc": "description",
    "descr": "description",
    "org": "organisation",
    "qty": "quantity",
    "tel": "phone",
    "identifier": "id",
    "names": "name",
    "n": "number",
    "dt": "date",
}


def lowered(text: str) -> str:
    """`text` in lower case with every character where it was (some letters grow when lowered)."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def words(text: str) -> tuple[str, ...]:
    """The words of `text`, in lower case."""
    return tuple(TOKEN.findall(text.lower()))


def bare(text: str) -> str:
    """`text` without its accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def name_words(name: str) -> tuple[str, ...]:
    """The words of a field name or phrase, singular and with abbreviations spelled out."""
    return tuple(_normal(word) for word in words(_CAMEL.sub(" ", name).replace("_", " ")))


def _normal(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return _SAME.get(word, word)
