"""Which e-mail addresses stand in a text?"""

import re

from llms.recognition_mention import Mention, disjoint

_LOCAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._%+'/=-]{0,62}[A-Za-z0-9_+-])?\Z|[A-Za-z0-9]\Z")
_DOMAIN = re.compile(r"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24})")


def find_emails(text: str) -> list[Mention]:
    """The e-mail addresses in `text`, as printed."""
    found = []
    for match in _DOMAIN.finditer(text):
        begin = max(0, match.start() - 64)
        local = _LOCAL.search(text[begin : match.start()])
        if local:
            start = begin + local.start()
            found.append(Mention(start, match.end(), text[start : match.end()]))
    return disjoint(found)
