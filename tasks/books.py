"""Do the books balance? Every document that went into a stage came out of it, with a reason."""

from schemas.counted import counted
from schemas.manifest import Books


class BooksError(Exception):
    """The books of a run do not balance, so nothing of it can be trusted or published."""


def check_books(ingest: Books, extract: Books) -> None:
    """Check both stages and the boundary between them.

    Raises:
        BooksError: A stage lost or doubled a document, or extraction did not see exactly what
            ingest handed on.
    """
    for stage, books in (("ingest", ingest), ("extract", extract)):
        if not books.balanced:
            raise BooksError(
                f"the books of {stage} do not balance: {counted(books.inputs, 'document')} in, but "
                f"{books.done} done + {sum(books.failed.values())} failed + "
                f"{sum(books.skipped.values())} skipped out; nothing was published"
            )
    if extract.inputs != ingest.done:
        raise BooksError(
            f"ingest handed on {counted(ingest.done, 'document')} and extraction saw "
            f"{extract.inputs}; nothing was published"
        )
