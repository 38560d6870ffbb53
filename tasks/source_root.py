"""Is the source of a job there, and what is it: a folder or a file?"""

import os
import stat
from pathlib import Path

from schemas.job import Source


class SourceError(Exception):
    """The source of a job is missing, empty or not to be read; says what, where and what to do."""


def source_root(source: Source) -> tuple[Path, os.stat_result]:
    """Where a source lies, links followed, and what the system knows of it; nothing is read.

    Raises:
        SourceError: It is not there, or neither a folder nor a file.
    """
    if "://" in source.path:
        raise SourceError(
            f"the source {source.path!r} is a URL; copy its documents into a folder and name that"
        )
    root = Path(source.path).expanduser()
    try:
        found = root.stat()
        root = root.resolve()
    except FileNotFoundError:
        raise SourceError(
            f"the source {source.path!r} does not exist; name a folder, a file, an archive or a "
            "mailbox"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(f"the source {source.path!r} cannot be read: {words_of(error)}") from None
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise SourceError(f"the source {source.path!r} is neither a folder nor a file")
    return root, found


def words_of(error: BaseException) -> str:
    """What went wrong, as the system says it, to end a sentence with."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
