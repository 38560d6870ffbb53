"""Documents parsed in this process: what was read, or why not."""

import pytest

from tasks.parse_errors import Unreadable
from tasks.parsing import Parsed, parse


def read(data: bytes, name: str = "") -> Parsed:
    """What is read from a document of this name."""
    return parse(data, name, max_chars=100_000)


def refusal(data: bytes, name: str = "") -> tuple[str, str]:
    """The class and the sentence with which a document is refused."""
    with pytest.raises(Unreadable) as caught:
        read(data, name)
    return caught.value.reason, str(caught.value)
