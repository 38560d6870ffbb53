"""Which values does a text name? Dates, times, amounts, counts, durations, addresses, words."""

from llms.recognition_amounts import (
    find_amounts,
    find_amounts_and_numbers,
    find_integers,
    find_numbers,
)
from llms.recognition_dates import find_dates
from llms.recognition_durations import find_durations
from llms.recognition_emails import find_emails
from llms.recognition_mention import Mention
from llms.recognition_times import find_datetimes
from llms.recognition_words import find_number_words

__all__ = [
    "Mention",
    "find_amounts",
    "find_amounts_and_numbers",
    "find_dates",
    "find_datetimes",
    "find_durations",
    "find_emails",
    "find_integers",
    "find_number_words",
    "find_numbers",
]
