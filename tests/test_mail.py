"""What is read of e-mail messages and mailboxes, however oddly they were written."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.mail import decode_header, header_date, mailbox_messages, message_text

ADDRESSES = ("from", "to", "cc")
DATA = Path(__file__).parents[2] / "shared" / "data" / "docs" / "mail-messages"


def message(*lines: str, encoding: str = "utf-8") -> bytes:
    return "\r\n".join(lines).encode(encoding)


def test_a_message_is_a_block_of_headers_and_its_body() -> None:
    data = message(
        "Received: from somewhere",
        "Date: Fri, 17 May 2024 10:30:00 +0200",
        "Message-ID: <1@example.org>",
        "Subject: A subject",
        " on two lines",
        "To: b@example.org",
        "Cc: c@example.org",
        "From: A <a@example.org>",
        "",
        "The body.",
        "",
        "Its second paragraph.",
    )

    assert message_text(data) == (
        "From: A <a@example.org>\n"
        "To: b@example.org\n"
        "Cc: c@example.org\n"
        "Subject: A subject on two lines\n"
        "Date: Fri, 17 May 2024 10:30:00 +0200\n"
        "Message-ID: <1@example.org>\n"
        "\n"
        "The body.\r\n\r\nIts second paragraph.".replace("\r\n", "\n")
    )


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("plain", "plain"),
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?UTF-8?B?R3LDvMOfZQ==?= end", "Grüße end"),
        ("=?iso-8859-1?q?Gr=FC=DFe?=\r\n =?iso-8859-1?q?_zwei?=", "Grüße zwei"),
        ("=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),
        ("=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?no-such-code?Q?x?=", "=?no-such-code?Q?x?="),
        ("=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        ("=?iso-8859-1?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
    ],
)
def test_encoded_words_are_decoded(raw: str, plain: str) -> None:
    assert decode_header(raw) == plain


def test_a_decoded_name_does_not_read_as_two_addresses() -> None:
    shown = decode_header("=?utf-8?Q?M=C3=BCller,_Jo?= <m@example.org>", is_address=True)

    assert getaddresses([shown]) == [("Müller, Jo", "m@example.org")]


@settings(deadline=None)
@given(st.text(), st.booleans())
def test_no_header_is_too_odd(value: str, is_address: bool) -> None:
    assert "\n" not in decode_header(value, is_address=is_address)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_message_is_too_odd(data: bytes) -> None:
    message_text(b"From: a@example.org\nContent-Type: " + data)


def test_headers_in_raw_bytes_are_read() -> None:
    assert "Subject: Grüße" in message_text(message("Subject: Grüße", "", "", encoding="cp1252"))
    assert "Subject: Grüße" in message_text(message("Subject: Grüße", "", "", encoding="utf-8"))


def test_a_message_in_utf_16_is_read() -> None:
    data = message("From: a@example.org", "Subject: Grüße", "", "Text", encoding="utf-16")

    assert message_text(data) == "From: a@example.org\nSubject: Grüße\n\nText"


def multipart(kind: str, *parts: tuple[str, str]) -> bytes:
    lines = ["Subject: s", f'Content-Type: multipart/{kind}; boundary="x"', ""]
    for headers, body in parts:
        lines += ["--x", *headers.split("|"), "", body]
    return message(*lines, "--x--")


def test_of_alternatives_the_plain_text_is_taken() -> None:
    data = multipart(
        "alternative", ("Content-Type: text/html", "<p>rich"), ("Content-Type: text/plain", "plain")
    )

    assert message_text(data) == "Subject: s\n\nplain"


def test_an_empty_plain_alternative_gives_way_to_the_page() -> None:
    data = multipart(
        "alternative",
        ("Content-Type: text/plain", " "),
        ("Content-Type: text/html", "<p>one</p><p>two</p><script>x</script>"),
    )

    assert message_text(data) == "Subject: s\n\none\n\ntwo"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('Content-Disposition: attachment; filename="a b.pdf"', "a b.pdf"),
        ("Content-Disposition: attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "Größe.pdf"),
        (
            'Content-Disposition: attachment; filename="=?utf-8?Q?Gr=C3=B6=C3=9Fe.pdf?="',
            "Größe.pdf",
        ),
        (
            'Content-Disposition: attachment; filename*0="long";|\tfilename*1="name.pdf"',
            "longname.pdf",
        ),
        ('Content-Type: application/pdf; name="Größe.pdf"', "Größe.pdf"),
    ],
)
def test_attachments_are_listed_by_their_decoded_names(header: str, name: str) -> None:
    data = multipart("mixed", ("Content-Type: text/plain", "body"), (header, "JVBERi0="))

    assert message_text(data) == f"Subject: s\nAttachments: {name}\n\nbody"


def test_an_enclosed_message_follows_with_its_own_headers() -> None:
    data = multipart(
        "mixed",
        ("Content-Type: text/plain", "see below"),
        ("Content-Type: message/rfc822", "From: b@example.org\r\nSubject: inner\r\n\r\nwords"),
    )

    assert message_text(data) == (
        "Subject: s\n\nsee below\n\nFrom: b@example.org\nSubject: inner\n\nwords"
    )


def test_a_body_with_an_unknown_or_wrong_charset_is_read_all_the_same() -> None:
    for charset in ("x-unknown", "utf-8", "us-ascii"):
        data = message(
            f"Content-Type: text/plain; charset={charset}", "", "Grüße", encoding="cp1252"
        )

        assert message_text(data).endswith("Grüße")


def test_messages_nested_without_end_are_read_to_a_depth() -> None:
    data = "Content-Type: message/rfc822\r\n\r\n" * 60 + "Subject: innermost\r\n\r\n"

    assert isinstance(message_text(data.encode()), str)


@pytest.mark.parametrize(
    ("header", "instant"),
    [
        ("Date: Fri, 17 May 2024 10:30:00 +0200", datetime(2024, 5, 17, 8, 30, tzinfo=UTC)),
        ("DATE: 17 May 2024 10:30:00 GMT", datetime(2024, 5, 17, 10, 30, tzinfo=UTC)),
        ("Date:\r\n Fri, 17 May 2024 10:30:00 -0000", datetime(2024, 5, 17, 10, 30, tzinfo=UTC)),
        ("Date: yesterday", None),
        ("Subject: none", None),
        ("Date: Fri, 99 May 2024 10:30:00 +0200", None),
    ],
)
def test_the_date_header_is_an_instant(header: str, instant: datetime | None) -> None:
    found = header_date(
        f"From: a\r\n{header}\r\n\r\nDate: Sat, 18 May 2024 00:00:00 +0000".encode()
    )

    assert found == instant


def test_the_date_header_keeps_its_offset() -> None:
    found = header_date(b"Date: Fri, 17 May 2024 23:30:00 -0500\n\n")

    assert found is not None
    assert found.tzinfo == timezone(timedelta(hours=-5))


MAILBOX = b"""From a@example.org Fri May 17 10:30:00 2024
Subject: one

From here on it is text, not a message.
>From the quoted one.

From b@example.org Sat May 18 10:30:00 2024
Subject: two

body
"""


def test_a_mailbox_falls_into_its_messages() -> None:
    assert list(mailbox_messages(io.BytesIO(MAILBOX), 1000)) == [
        b"Subject: one\n\nFrom here on it is text, not a message.\nFrom the quoted one.\n\n",
        b"Subject: two\n\nbody\n",
    ]


def test_a_message_that_is_too_large_is_passed_over() -> None:
    found = list(mailbox_messages(io.BytesIO(MAILBOX), 40))

    assert found == [None, b"Subject: two\n\nbody\n"]


def test_a_mailbox_of_one_endless_line_has_no_messages() -> None:
    assert list(mailbox_messages(io.BytesIO(b"x" * 1_000_000), 10)) == []


@pytest.mark.skipif(not DATA.exists(), reason="the labelled messages are not here")
def test_labelled_messages_show_what_their_labels_say() -> None:
    wrong: dict[str, int] = {}
    for line in (DATA / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        label = json.loads(line)
        gold = label["fields"]
        text = message_text((DATA / "documents" / label["file"]).read_bytes())
        head = dict(
            entry.split(": ", 1) for entry in text.split("\n\n")[0].split("\n") if ": " in entry
        )
        found = {
            "from": [a for _, a in getaddresses([head.get("From", "")]) if "@" in a],
            "to": [a for _, a in getaddresses([head.get("To", "")]) if "@" in a],
            "cc": [a for _, a in getaddresses([head.get("Cc", "")]) if "@" in a],
            "subject": head.get("Subject"),
            "message_id": head.get("Message-ID", "").strip("<>") or None,
            "attachment_names": [n for n in head.get("Attachments", "").split("; ") if n],
        }
        for name, value in found.items():
            # A list's name in the place of an address is no address.
            expected = [a for a in gold[name] if "@" in a] if name in ADDRESSES else gold[name]
            wrong[name] = wrong.get(name, 0) + (value != expected)
        if gold["date"]:
            date = parsedate_to_datetime(head["Date"])
            wrong["date"] = wrong.get("date", 0) + (date != datetime.fromisoformat(gold["date"]))

    # Of the 8 differences 5 are characters that the gold lost (U+FFFD), 2 are backslashes that it
    # dropped, one is the path of a file outside of the message.
    assert wrong == {
        "from": 0,
        "to": 0,
        "cc": 0,
        "date": 0,
        "subject": 3,
        "message_id": 0,
        "attachment_names": 5,
    }
