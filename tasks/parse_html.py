"""What does a web page say: its title, what its head declares, and the text a reader sees?"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tasks.parse_text import decode

# Noncharacters: never part of a text, so they can mark what white space must survive.
_EDGE, _TAB, _LINE, _SPACE, _PARAGRAPH = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3", "\ufdd4"
_MARKS = str.maketrans(dict.fromkeys((_EDGE, _TAB, _LINE, _SPACE, _PARAGRAPH), "\ufffd"))

_DROPPED = ["script", "style", "template", "noscript", "svg", "iframe", "object", "canvas"]
_TIGHT = "dd,div,dt,li,option,tr,caption,legend,summary,title,figcaption,center,textarea"
_LOOSE = (
    "address,article,aside,blockquote,details,dialog,dl,fieldset,figure,footer,form,h1,h2,h3,h4,h5,"
    "h6,header,hr,main,nav,ol,p,pre,section,table,ul"
)
_BREAKS = f" {_EDGE}{_LINE}{_PARAGRAPH}"
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.I
)
_XML_CHARSET = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})", re.I)

_META_WORDS = re.compile(
    r"^(?:(?:og|article|book|video|music|dc|dcterms|citation|sailthru|parsely|twitter|bt|rnews)"
    r"[:._-].*(?:date|time|created|modified|issued|published|author|creator|title|site_name"
    r"|description|publisher|section)"
    r"|.*(?:date|published|modified|created|pub_?time|timestamp|last-updated).*"
    r"|description|author|keywords|publisher|copyright|subject|language|news_keywords|byl)$",
    re.I,
)
_JSON_LD_NAMES = (
    "datePublished",
    "dateModified",
    "dateCreated",
    "uploadDate",
    "startDate",
    "endDate",
    "headline",
    "author",
    "publisher",
)
_MAX_LINES = 40
_MAX_VALUE = 300


def html_text(data: bytes, declared: str | None = None) -> str:
    """The text of a page: title, `name: value` lines from its head, an empty line, its body.

    Blocks are lines and table cells are parted by tabs. Scripts, styles and what browsers hide by
    the element are left out; what style sheets hide is not known here and stays.

    Args:
        data: The page.
        declared: The encoding that the page's envelope names; the page's own word comes first.
    """
    return page_text(decode(data, declared_encoding(data) or declared))


def declared_encoding(data: bytes) -> str | None:
    """The encoding that the page names in its own head, as written there."""
    head = data[:4096]
    match = _META_CHARSET.search(head) or _XML_CHARSET.search(head)
    if not match:
        return None
    label = match.group(1).decode("ascii").lower()
    # Whoever could write this word in ASCII bytes is not writing UTF-16.
    return "utf-8" if label.startswith("utf-16") else label


def page_text(source: str) -> str:
    """The text of a page that is decoded already; see `html_text`."""
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(source.replace("\x00", "").translate(_MARKS))
    title = page.css_first("head > title") or page.css_first("title")
    title_text = _squeezed(title.text()) if title else ""
    facts = list(_facts(page, title_text))
    body = _body_text(page)
    top = ([title_text] if title_text else []) + facts
    return "\n".join([*top, "", body] if top else [body])


def _facts(page: Any, title: str) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    count = 0
    for name, raw in _raw_facts(page):
        value = _squeezed(raw)[:_MAX_VALUE]
        key = (name.rsplit(":", 1)[-1].lower(), value)
        if not value or value == title or key in seen:
            continue
        seen.add(key)
        yield f"{name}: {value}"
        count += 1
        if count >= _MAX_LINES:
            return


def _raw_facts(page: Any) -> Iterator[tuple[str, str]]:
    for node in page.css("meta[content]"):
        attributes = node.attributes
        name = attributes.get("name") or attributes.get("property") or attributes.get("itemprop")
        if name and _META_WORDS.match(name.strip()):
            yield _squeezed(name), attributes.get("content") or ""
    for node in page.css('link[rel="canonical"]'):
        yield "canonical", node.attributes.get("href") or ""
    for node in page.css('script[type="application/ld+json"]'):
        yield from _json_ld(node.text())
    for node in page.css("time[datetime]"):
        yield "time", node.attributes.get("datetime") or ""
    for node in page.css('[itemprop^="date"][content], abbr.published[title]'):
        attributes = node.attributes
        yield (
            attributes.get("itemprop") or "published",
            attributes.get("content") or attributes.get("title") or "",
        )


def _json_ld(source: str) -> Iterator[tuple[str, str]]:
    try:
        pending: list[Any] = [json.loads(source, strict=False)]
    except (ValueError, RecursionError):
        return
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(reversed(node[:100]))
        elif isinstance(node, dict):
            for name in _JSON_LD_NAMES:
                value = node.get(name)
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, dict):
                        item = item.get("name")
                    if isinstance(item, str):
                        yield name, item
            pending.extend(
                v for k, v in reversed(node.items()) if k not in _JSON_LD_NAMES and v is not None
            )


def _body_text(page: Any) -> str:
    page.strip_tags(_DROPPED)
    body = page.body or page.root
    if body is None:
        return ""
    for node in body.css("pre,textarea"):
        # A list: the tree must not change under a traversal.
        leaves = [leaf for leaf in node.traverse(include_text=True) if leaf.tag == "-text"]
        for leaf in leaves:
            written = (leaf.text_content or "").replace("\r\n", "\n").expandtabs(4)
            if written.strip(" ") != written or "\n" in written or "  " in written:
                leaf.replace_with(written.replace("\n", _LINE).replace(" ", _SPACE))
    for node in body.css("br"):
        node.replace_with(_LINE)
    for node in body.css("td p, th p, li p"):  # lines of a cell or a point, no paragraphs
        node.insert_before(_EDGE)
        node.insert_after(_EDGE)
        node.unwrap()
    for blocks, mark in ((_TIGHT, _EDGE), (_LOOSE, _PARAGRAPH)):
        for node in body.css(blocks):
            node.insert_before(mark)
            node.insert_after(mark)
    for node in body.css("td + td, td + th, th + td, th + th"):
        node.insert_before(_TAB)
    text = " ".join(body.text().split())
    # A block at the edge of a cell must not part the cells of a row.
    text = re.sub(f"[{_BREAKS}]*{_TAB}[{_BREAKS}]*", "\t", text)
    text = re.sub(f"[{_BREAKS}]*[{_EDGE}{_LINE}{_PARAGRAPH}][{_BREAKS}]*", _line_break, text)
    lines = [line.rstrip(f" \t{_SPACE}").lstrip("\t") for line in text.split("\n")]
    return "\n".join(lines).replace(_SPACE, " ").strip("\n")


def _line_break(match: re.Match[str]) -> str:
    """What a run of block edges and line breaks looks like: a new line or an empty one too."""
    run = match.group()
    return "\n\n" if _PARAGRAPH in run or run.count(_LINE) > 1 else "\n"


def _squeezed(text: str) -> str:
    return " ".join(text.split())
