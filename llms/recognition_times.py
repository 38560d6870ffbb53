"""Which points in time does a text name: a date with a time of day and, where given, its zone?"""

import re

from llms.recognition_dates import find_dates
from llms.recognition_mention import Mention, disjoint, lowered

_OFFSETS = {
    0: "z utc gmt wet",
    60: "bst west cet mez",
    120: "cest mesz eet",
    180: "eest msk",
    480: "sgt hkt myt",
    540: "jst kst",
    600: "aest",
    660: "aedt",
    720: "nzst",
    780: "nzdt",
    -240: "edt",
    -300: "est cdt",
    -360: "cst mdt",
    -420: "mst pdt",
    -480: "pst akdt",
    -540: "akst",
    -600: "hst",
}
_ZONES = {name: minutes for minutes, names in _OFFSETS.items() for name in names.split()}

_CLOCK = (
    r"(?P<hour>[01]?\d|2[0-3])(?:[:h]|\.(?=[0-5]\d\s?(?:uhr|h)\b))(?P<minute>[0-5]\d)"
    r"(?::(?P<second>[0-5]\d)(?:[.,](?P<fraction>\d{1,9}))?)?(?![\d:])"
    r"(?:\s?(?P<half>[ap])\.?\s?m\b\.?)?(?:\s?uhr\b)?"
)
_ZONE = (
    r"(?P<plain_end>)(?:\s?(?:utc|gmt)?(?P<sign>[+\-−])(?P<hours>[01]\d):?(?P<minutes>[0-5]\d)(?!\d)"
    r"|\s?\(?(?P<zone>z|[a-z]{3,4})\b\)?)?"
)
_AFTER = re.compile(
    rf"(?:t|[\s,;|]{{0,3}}(?:at|um|à|a las|alle|om|às|@|[\-–])?\s{{0,2}}){_CLOCK}{_ZONE}"
)
_COMPACT = re.compile(
    r"t(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?(?P<fraction>)(?P<half>)(?!\d)"
    + _ZONE
)
_BEFORE = re.compile(
    rf"(?<![\d:.]){_CLOCK}{_ZONE}[\s,]{{1,3}}(?:(?:on|am|le|el|il|op|em|of)\s)?"
    r"(?:[^\W\d_]{2,10}\.?,?\s)?\Z"
)
_LOOK_BACK = 40
# As in `Jun  9 04:26:40 1993`.
_INSIDE = re.compile(rf"\s{_CLOCK}{_ZONE}\s")


def find_datetimes(text: str) -> list[Mention]:
    """The points in time that `text` names, in ISO 8601 with seconds.

    A date with a time of day beside it: `2021-07-09T15:15:00-04:00`. The offset is there only where
    the text has one, as a number or as the name of a time zone. The readings of an ambiguous date
    are `alternatives`.
    """
    if ":" not in text and "h" not in text and "T" not in text and "Uhr" not in text:
        return []
    low = lowered(text)
    found = []
    for day in find_dates(text):
        start, end = day.start, day.end
        if match := _INSIDE.search(low, start, end):
            pass
        elif match := _AFTER.match(low, end) or _COMPACT.match(low, end):
            end = match.end() if _has_zone(match) else match.end("plain_end")
        elif match := _BEFORE.search(low, max(0, start - _LOOK_BACK), start):
            start = match.start()
        else:
            continue
        time = _time(match)
        others = tuple(f"{other}T{time}" for other in day.alternatives)
        found.append(Mention(start, end, f"{day.value}T{time}", others))
    return disjoint(found)


def _has_zone(match: re.Match[str]) -> bool:
    return match["sign"] is not None or match["zone"] in _ZONES


def _time(match: re.Match[str]) -> str:
    """The time of day in ISO 8601, with its offset where the text has one."""
    hour = int(match["hour"])
    if match["half"] == "p" and hour < 12:
        hour += 12
    elif match["half"] == "a" and hour == 12:
        hour = 0
    time = f"{hour:02}:{match['minute']}:{match['second'] or '00'}"
    if match["fraction"]:
        time += f".{match['fraction'][:6]:0<6}"
    if match["sign"]:
        # RFC 5322 writes -0000 for a time in UTC of unknown origin.
        is_west = match["sign"] != "+" and (match["hours"], match["minutes"]) != ("00", "00")
        return f"{time}{'-' if is_west else '+'}{match['hours']}:{match['minutes']}"
    if match["zone"] in _ZONES:
        offset = _ZONES[match["zone"]]
        return f"{time}{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    return time
