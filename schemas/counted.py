"""How is a number of things said? 1 document, 2 documents."""


def counted(number: int, thing: str, things: str | None = None) -> str:
    """A number and what is counted, as `1 query` or `1,200 queries`.

    Args:
        number: How many.
        thing: What one is called.
        things: What several are called; default: with an `s`.
    """
    word = thing if number == 1 else things or f"{thing}s"
    return f"{number:,} {word}"
