"""Where are the files of the Batch API? In memory: uploads, and the results that batches write."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class UploadError(ValueError):
    """An upload that cannot be read; the message is for the client."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file: its id, name, purpose, bytes, and when it was made in seconds since the epoch."""

    file_id: str
    name: str
    purpose: str
    content: bytes
    created: int

    def as_json(self) -> dict[str, Any]:
        """The file object of the API."""
        return {
            "id": self.file_id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


class Files:
    """The files of an account, oldest first."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._made = 0

    def add(self, name: str, purpose: str, content: bytes, created: int) -> StoredFile:
        """Keep a file under a new id."""
        self._made += 1
        stored = StoredFile(f"file-{self._made:06}", name, purpose, content, created)
        self._files[stored.file_id] = stored
        return stored

    def get(self, file_id: str) -> StoredFile | None:
        """A file by its id; null if there is none."""
        return self._files.get(file_id)

    def remove(self, file_id: str) -> bool:
        """Forget a file; false if there is none."""
        return self._files.pop(file_id, None) is not None

    def all(self) -> list[StoredFile]:
        """Every file, newest first."""
        return list(reversed(self._files.values()))


def read_form(content_type: str, body: bytes) -> Mapping[str, tuple[str, bytes]]:
    """The parts of a multipart form: by name, the file name (empty for none) and the bytes.

    Raises:
        UploadError: It is no multipart form.
    """
    kind, _, rest = content_type.partition(";")
    boundary = _parameters(rest).get("boundary")
    if kind.strip().lower() != "multipart/form-data" or not boundary:
        raise UploadError("The upload must be multipart/form-data.")
    parts: dict[str, tuple[str, bytes]] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        head, separator, content = part.partition(b"\r\n\r\n")
        if not separator:
            continue  # the closing mark
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-disposition":
                named = _parameters(value.partition(";")[2])
                parts[named.get("name", "")] = named.get("filename", ""), content
    return parts


def _parameters(text: str) -> dict[str, str]:
    """Parameters of a header: `name="part"; filename="a.jsonl"`."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
