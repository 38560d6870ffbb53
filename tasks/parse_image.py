"""What is written in a picture, if tesseract is there to read it?"""

import shutil
import subprocess
from collections.abc import Iterable
from functools import cache

from tasks.parse_errors import Reason, Unreadable

_LANGUAGES = ("eng", "deu", "fra", "spa", "ita", "por", "nld")
"""Those of them that are installed are read, in this order."""


def ocr_is_available() -> bool:
    """Whether `tesseract` is on the PATH."""
    return shutil.which("tesseract") is not None


def ocr(pictures: Iterable[bytes], what: str) -> list[str]:
    """The text of each picture (PNG, JPEG, TIFF, GIF, WebP, BMP or PNM).

    Args:
        pictures: The pictures, read one by one.
        what: The document in words, for messages: `picture`, `PDF`.

    Raises:
        Unreadable: ocr_unavailable, or corrupt where tesseract cannot open a picture.
    """
    program = shutil.which("tesseract")
    if program is None:
        raise Unreadable.of(
            Reason.OCR_UNAVAILABLE,
            f"the {what} has no text layer and tesseract is not installed; "
            "install it and run again",
        )
    return [_read(program, picture, what) for picture in pictures]


def _read(program: str, picture: bytes, what: str) -> str:
    done = subprocess.run(
        [program, "stdin", "stdout", "-l", _languages(program)],
        input=picture,
        capture_output=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace").replace("\f", "\n").strip()
    words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    raise Unreadable.of(
        Reason.CORRUPT,
        f"tesseract cannot read the {what}: {words[-1].strip()[:200]}",
    )


@cache
def _languages(program: str) -> str:
    listed = subprocess.run([program, "--list-langs"], capture_output=True, check=False)
    installed = set(listed.stdout.decode("utf-8", "replace").split())
    return "+".join(language for language in _LANGUAGES if language in installed) or "eng"
