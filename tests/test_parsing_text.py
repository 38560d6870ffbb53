"""Plain texts, tables, JSON and web pages: decoded, put in order and estimated."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.parse_html import page_text
from tasks.parse_text import decode, json_lines, normalise
from tasks.parsing import estimate_tokens
from tests.parsed import read

# --- text -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(alphabet=st.characters(blacklist_categories=())))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)

    assert normalise(once) == once
    assert "\r" not in once
    assert "\x00" not in once
    once.encode("utf-8")


def test_line_ends_and_control_characters_are_put_in_order() -> None:
    assert normalise("\ufeffa\r\nb\rc\x00\x07\td\x0ce\ud800") == "a\nb\nc\td\x0ce\ufffd"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Grüße aus Köln, 日本語"),
        ("utf-8-sig", "Grüße"),
        ("utf-16", "Grüße"),
        ("utf-16-le", "Ordinary words in a wide encoding"),
        ("utf-32", "Grüße"),
        ("cp1252", "Grüße"),
        ("cp1252", "Prix : 100 € — à l’été"),
        ("cp1251", "Съешь же ещё этих мягких французских булок, да выпей чаю"),
        ("iso2022_jp", "日本語のテキスト"),
        ("shift_jis", "これは日本語の文章です。文字コードを推測する必要があります。"),
    ],
)
def test_texts_are_decoded_whatever_their_encoding(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)).lstrip("\ufeff") == text


def test_a_declared_encoding_is_believed_where_it_fits() -> None:
    assert decode("Łódź".encode("iso-8859-2"), "iso-8859-2") == "Łódź"
    assert decode("Łódź".encode(), "iso-8859-2") == "Łódź"
    assert decode("Grüße".encode("cp1252"), "no-such-encoding") == "Grüße"


@settings(deadline=None)
@given(st.binary(), st.sampled_from([None, "utf-8", "utf-16", "hz", "idna", "base64", "x"]))
def test_no_bytes_are_too_odd_to_be_decoded(data: bytes, declared: str | None) -> None:
    assert isinstance(decode(data, declared), str)


def test_tables_as_text_stay_as_they_are() -> None:
    assert read(b"a;b\r\n1;2\r\n", "a.csv").text == "a;b\n1;2\n"
    assert read(b"# Title\n\n<p>text</p>\n", "a.md").text == "# Title\n\n<p>text</p>\n"


def test_json_is_one_value_per_line_and_keeps_its_numbers() -> None:
    parsed = read(
        b'{"total": 1.10, "name": "Gr\\u00fc\\u00dfe", "list": [1, {"a": null}], "e": {}}', "a.json"
    )

    assert parsed.text.split("\n") == [
        "{",
        ' "total": 1.10,',
        ' "name": "Grüße",',
        ' "list": [',
        "  1,",
        "  {",
        '   "a": null',
        "  }",
        " ],",
        ' "e": {',
        " }",
        "}",
    ]


def test_json_that_is_none_stays_text() -> None:
    assert json_lines('{"a": 1,') == '{"a": 1,'
    assert json_lines("[" * 100_000) == "[" * 100_000


def test_tokens_are_estimated_by_the_length_of_a_text() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]


# --- web pages ------------------------------------------------------------------------------


def test_a_page_is_its_title_its_facts_and_what_is_seen() -> None:
    page = """<!doctype html><html><head><title> A  page </title>
        <meta name="author" content="Jo"><meta name="viewport" content="width=1">
        <meta property="article:published_time" content="2024-05-17T10:00:00Z">
        <link rel="canonical" href="https://example.org/a">
        <script type="application/ld+json">{"@graph": [{"datePublished": "2024-05-16",
          "author": {"name": "Jo Doe"}}]}</script><style>p {color: red}</style></head>
        <body><h1>A page</h1><p>One <b>bold</b>
        line<br>and another</p><ul><li>1<li>2</ul><script>x()</script>
        <table><tr><td>a</td><td><p>b</p></td></tr><tr><td>c<td>d</table>
        <pre>kept
          lines</pre><time datetime="2024-05-15">yesterday</time></body></html>"""

    assert page_text(page) == (
        "A page\n"
        "author: Jo\n"
        "article:published_time: 2024-05-17T10:00:00Z\n"
        "canonical: https://example.org/a\n"
        "datePublished: 2024-05-16\n"
        "author: Jo Doe\n"
        "time: 2024-05-15\n"
        "\n"
        "A page\n\nOne bold line\nand another\n\n1\n2\n\na\tb\nc\td\n\n"
        "kept\n          lines\n\nyesterday"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('<html><meta charset="iso-8859-2"><p>Łódź'.encode("iso-8859-2"), "Łódź"),
        (
            "<html><meta http-equiv=x content='text/html; charset=windows-1251'>Привет".encode(
                "cp1251"
            ),
            "Привет",
        ),
        ('<?xml version="1.0" encoding="cp1252"?><html><p>Grüße'.encode("cp1252"), "Grüße"),
        ("<html><p>Grüße".encode("utf-16"), "Grüße"),
        ("<html><meta charset=utf-16><p>Grüße".encode(), "Grüße"),
    ],
)
def test_a_page_is_decoded_by_its_own_word(data: bytes, words: str) -> None:
    assert words in read(data, "a.html").text


ODD_TAGS = [
    *("<p>", "</p>", "<pre>", "</pre>", "<br>", "<td>", "</td>", "<tr>", "<table>", "<li>", "<ul>"),
    *("<textarea>", "<svg>", "<template>", "<script>", "<title>", "<form>", "<body>", "</html>"),
    *("a", "b ", " ", "\n", "&", "&amp;", "-->", "<!--", "\ufdd0", "\t"),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(ODD_TAGS)))
def test_no_page_is_too_odd(parts: list[str]) -> None:
    assert "\ufdd0" not in page_text("".join(parts))
