"""How a message becomes an EML file: MIME with encoded headers, the same bytes on every run."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with a message."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """An e-mail before it is written; addresses are pairs of display name and address."""

    sender: tuple[str, str]
    recipients: Sequence[tuple[str, str]]
    subject: str
    sent_at: datetime
    body: str
    message_id: str | None = None
    html: str | None = None
    attachments: Sequence[Attachment] = ()
    charset: str = "utf-8"


def as_eml(message: Message) -> bytes:
    """The message as RFC 5322 text with `\\n` line ends."""
    headers = [
        f"From: {_address(message.sender)}",
        "To: " + ",\n ".join(_address(address) for address in message.recipients),
        f"Subject: {_encoded(message.subject)}",
        f"Date: {format_datetime(message.sent_at)}",
    ]
    if message.message_id:
        headers.append(f"Message-ID: <{message.message_id}>")
    headers.append("MIME-Version: 1.0")
    body = _text_part(message.body, "plain", message.charset)
    if message.html:
        # The boundary comes from the message itself: nothing random, nothing repeated.
        parts = [body, _text_part(message.html, "html", message.charset)]
        body = _multipart("alternative", parts, "alt-0b7e")
    if message.attachments:
        body = _multipart("mixed", [body, *map(_attached, message.attachments)], "mix-51c2")
    return ("\n".join(headers) + "\n" + body).encode("ascii")


def _text_part(text: str, kind: str, charset: str) -> str:
    head = f"Content-Type: text/{kind}; charset={charset}\nContent-Transfer-Encoding: "
    if text.isascii():
        return f"{head}7bit\n\n{text}"
    return f"{head}base64\n\n{_base64(text.encode(charset))}"


def _attached(attachment: Attachment) -> str:
    return (
        f"Content-Type: {attachment.media_type}\n"
        f'Content-Disposition: attachment; filename="{attachment.name}"\n'
        f"Content-Transfer-Encoding: base64\n\n{_base64(attachment.content)}"
    )


def _multipart(kind: str, parts: Sequence[str], boundary: str) -> str:
    inner = "".join(f"--{boundary}\n{part.rstrip()}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{inner}--{boundary}--\n'


def _base64(data: bytes) -> str:
    return base64.encodebytes(data).decode("ascii")


def _address(address: tuple[str, str]) -> str:
    name, mailbox = address
    return formataddr((name, mailbox), charset="utf-8") if name else mailbox


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()
