"""Values are recognised in whatever notation, and nothing else is taken for one."""

from collections.abc import Callable

import pytest

from llms.recognition import (
    Mention,
    find_amounts,
    find_dates,
    find_datetimes,
    find_durations,
    find_emails,
    find_integers,
    find_number_words,
    find_numbers,
)

Finder = Callable[[str], list[Mention]]


def values(find: Finder, text: str) -> list[str]:
    return [mention.value for mention in find(text)]


def shown(find: Finder, text: str) -> list[tuple[str, str]]:
    return [(text[m.start : m.end], m.value) for m in find(text)]


@pytest.mark.parametrize(
    "notation",
    [
        "2021-03-05",
        "2021/03/05",
        "2021.3.5",
        "05.03.2021",
        "5. 3. 2021",
        "05/03/2021 and 25/03/2021",
        "20210305",
        "5 March 2021",
        "5th of March, 2021",
        "5 th day of March 2021",
        "March 5, 2021",
        "March 5,2021",
        "Mar. 5th 2021",
        "March __5__, 2021",
        "March\u00a05\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0, 2021",
        "March 5,\n2021",
        "05-Mar-2021",
        "05/MAR/2021",
        "5 MAR 21",
        "05MAR2021",
        "Mar-05-2021",
        "Fri, 05 Mar 2021 10:15:00 +0000",
        "Fri Mar  5 10:15:00 2021",
        "fifth day of March, 2021",
        "fifth (5th) day of March 2021",
        "5. März 2021",
        "5 mars 2021",
        "5 de marzo de 2021",
        "5 marzo 2021",
        "5 maart 2021",
        "5 de março de 2021",
        "5 mrt. 2021",
        "5e mars 2021",
    ],
)
def test_a_day_is_read_in_many_notations(notation: str) -> None:
    assert values(find_dates, f"on {notation} or so")[0] == "2021-03-05"


@pytest.mark.parametrize(
    ("notation", "iso"),
    [
        ("1er janvier 2020", "2020-01-01"),
        ("12 févr. 2020", "2020-02-12"),
        ("3 août 2020", "2020-08-03"),
        ("24. Dezember 1999", "1999-12-24"),
        ("Okt 3 2020", "2020-10-03"),
        ("1° gennaio 2020", "2020-01-01"),
        ("7 giugno 2020", "2020-06-07"),
        ("9 sept 2020", "2020-09-09"),
        ("1º de dezembro de 2020", "2020-12-01"),
        ("14 augustus 2020", "2020-08-14"),
        ("twenty-first day of May, 2011", "2011-05-21"),
        ("5th of April '99", "1999-04-05"),
        ("31-12-69", "2069-12-31"),
        ("31-12-70", "1970-12-31"),
        ("99-12-31", "1999-12-31"),
        ("Jun-05-18", "2018-06-05"),
        ("Feb 01/02/2000", "2000-02-01"),
    ],
)
def test_a_day_is_read_in_seven_languages_and_with_short_years(notation: str, iso: str) -> None:
    assert values(find_dates, notation) == [iso]


@pytest.mark.parametrize(
    "text",
    [
        "31.02.2021",
        "2021-13-01",
        "version 4.2.12",
        "1.2.2018.5",
        "10-20-30-40",
        "192.168.10.12",
        "INV-20210405",
        "phone +20210405",
        "120210405",
        "March 2021",
        "5 May 30 people came",
        "28 MAR 18:30",
        "5 apples 2021",
        "12345 March 2021",
        "0/0/2000",
    ],
)
def test_what_only_looks_like_a_day_is_left_alone(text: str) -> None:
    assert find_dates(text) == []


def test_a_number_before_a_date_does_not_swallow_it() -> None:
    text = "No 0033871\n\nDatum 23. Februar 2026, room 12 14 May 2026, May 3 12, 2026"

    assert values(find_dates, text) == ["2026-02-23", "2026-05-14"]


def test_an_ambiguous_day_is_read_day_first_and_keeps_its_other_reading() -> None:
    (mention,) = find_dates("03/04/2021")

    assert (mention.value, mention.alternatives) == ("2021-04-03", ("2021-03-04",))


@pytest.mark.parametrize(
    "sign", ["also 12/25/2020", "July 9, 2020", "at 3:15 PM EDT", "Springfield, IL 62704"]
)
def test_a_text_that_writes_the_month_first_is_read_so(sign: str) -> None:
    assert values(find_dates, f"03/04/2021, {sign}")[0] == "2021-03-04"


def test_clear_days_outweigh_signs_of_the_united_states() -> None:
    assert values(find_dates, "03/04/2021 and 25/04/2021, 3:15 PM EDT")[0] == "2021-04-03"


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2000-05-17T19:18:39-04:00", "2000-05-17T19:18:39-04:00"),
        ("2000-05-17T19:18:39.25Z", "2000-05-17T19:18:39.250000+00:00"),
        ("2000-05-17 19:18", "2000-05-17T19:18:00"),
        ("20000517T191839Z", "2000-05-17T19:18:39+00:00"),
        ("Wed, 17 May 2000 19:18:39 -0400 (EDT)", "2000-05-17T19:18:39-04:00"),
        ("Wed, 17 May 2000 19:18:39 -0000", "2000-05-17T19:18:39+00:00"),
        ("Wed May 17 19:18:39 2000", "2000-05-17T19:18:39"),
        ("May 17, 2000 at 7:18 PM EDT", "2000-05-17T19:18:00-04:00"),
        ("May 17, 2000 12:05 a.m.", "2000-05-17T00:05:00"),
        ("7:18 p.m. PST on May 17, 2000", "2000-05-17T19:18:00-08:00"),
        ("17.05.2000, 19.18 Uhr", "2000-05-17T19:18:00"),
        ("17. Mai 2000 um 19:18 Uhr MESZ", "2000-05-17T19:18:00+02:00"),
        ("17 mai 2000 à 19h18", "2000-05-17T19:18:00"),
        ("25/12/2018 8:13:39 PM", "2018-12-25T20:13:39"),
    ],
)
def test_a_point_in_time_is_read_with_the_offset_that_stands_there(text: str, iso: str) -> None:
    assert values(find_datetimes, text) == [iso]


def test_a_word_behind_the_clock_is_no_part_of_the_time() -> None:
    assert shown(find_datetimes, "2021-04-05 10:15 from") == [
        ("2021-04-05 10:15", "2021-04-05T10:15:00")
    ]


def test_a_day_without_a_clock_is_no_point_in_time() -> None:
    assert find_datetimes("2021-04-05: the end") == []


@pytest.mark.parametrize(
    ("notation", "value", "unit"),
    [
        ("1,234.50", "1234.50", None),
        ("1.234,50", "1234.50", None),
        ("1 234,50", "1234.50", None),
        ("1\u202f234,50", "1234.50", None),
        ("1'234.50", "1234.50", None),
        ("1’234.50", "1234.50", None),
        ("12,34,567.00", "1234567.00", None),
        ("1.234.567", "1234567", None),
        ("-12.00", "-12.00", None),
        ("−12.00", "-12.00", None),
        ("12.00-", "-12.00", None),
        ("RM 12.00", "12.00", "MYR"),
        ("RM12.00", "12.00", "MYR"),
        ("12,00 €", "12.00", "EUR"),
        ("€12", "12", "EUR"),
        ("EUR 10 000", "10000", "EUR"),
        ("10 000 €", "10000", "EUR"),
        ("€ 1.234", "1234", "EUR"),
        ("$-12.00", "-12.00", "USD"),
        ("-$12.00", "-12.00", "USD"),
        ("US$ 1,000.00", "1000.00", "USD"),
        ("CHF 1'000.00", "1000.00", "CHF"),
        ("Fr. 50.-", "50", "CHF"),
        ("50,- €", "50", "EUR"),
        ("¥ 1,000", "1000", "JPY"),
        ("£3.20", "3.20", "GBP"),
        ("500 kr", "500", None),
        ("$1.5 million", "1500000", "USD"),
        ("EUR 3,25 Mio.", "3250000", "EUR"),
        ("$50k", "50000", "USD"),
        ("9.00SR", "9.00", None),
    ],
)
def test_an_amount_is_read_in_many_notations(notation: str, value: str, unit: str | None) -> None:
    (mention,) = find_amounts(f"to pay {notation} now")

    assert (mention.value, mention.unit) == (value, unit)


@pytest.mark.parametrize(
    "text",
    [
        "19.00 %",
        "19,00%",
        "19.0 percent",
        "25.12.2018",
        "2018.12.25",
        "12:30:45.22",
        "10.05 Uhr",
        "+49 30 123456",
        "03-1234 5678",
        "555.123.4567",
        "192.168.10.12",
        "v1.20",
        "0.305 kg",
        "1.50 m",
        "room 1200",
        "page 1/2",
        "A12.50",
    ],
)
def test_dates_phones_percentages_and_measures_are_no_amounts(text: str) -> None:
    assert find_amounts(text) == []


def test_accountants_brackets_mean_minus_unless_they_repeat_what_words_say() -> None:
    (alone,) = find_amounts("(12.00)")
    (repeated,) = find_amounts("one thousand dollars ($1,000.00)")

    assert (alone.value, alone.alternatives) == ("-12.00", ("12.00",))
    assert (repeated.value, repeated.alternatives) == ("1000.00", ("-1000.00",))


@pytest.mark.parametrize(
    ("text", "value", "other"),
    [
        ("1.234", "1.234", "1234"),
        ("1.234 and 5,50", "1234", "1.234"),
        ("1,234", "1234", "1.234"),
        ("1,234 and 5,50", "1.234", "1234"),
    ],
)
def test_other_numbers_decide_whether_a_mark_parts_thousands(
    text: str, value: str, other: str
) -> None:
    mention = find_amounts(text)[0]

    assert (mention.value, mention.alternatives) == (value, (other,))


def test_a_count_beside_a_price_is_no_part_of_it_where_dots_part_thousands() -> None:
    assert values(find_amounts, "2 100,00\n1.234,50") == ["100.00", "1234.50"]


def test_a_currency_between_two_amounts_belongs_to_the_one_behind() -> None:
    assert [(m.value, m.unit) for m in find_amounts("7.00 RM 3.00")] == [
        ("7.00", None),
        ("3.00", "MYR"),
    ]


def test_whole_numbers_are_found_bare_and_with_thousands_apart() -> None:
    text = "12 parts, 1,234 each, -5 left, 3.5 more, 10:15, B12, 25/12/2018, 1234567890123456789"

    assert values(find_integers, text) == ["12", "1234", "-5"]


def test_numbers_keep_measures_and_percentages() -> None:
    assert values(find_numbers, "0.305 kg at 19 % or 4.2") == ["0.305", "19", "4.2"]


@pytest.mark.parametrize(
    ("text", "notation", "value"),
    [
        ("for 2 years only", "2 years", "2 years"),
        ("a term of one year.", "one year", "1 year"),
        ("twenty-four (24) months", "twenty-four (24) months", "24 months"),
        ("3 (three) years", "3 (three) years", "3 years"),
        ("thirty (30) business days' notice", "thirty (30) business days", "30 days"),
        ("a two-year term", "two-year", "2 years"),
        ("a 36-month term", "36-month", "36 months"),
        ("three (3) year(s)", "three (3) year(s)", "3 years"),
        ("1.5 years", "1.5 years", "1.5 years"),
        ("zwei Jahre", "zwei Jahre", "2 years"),
        ("mit einer Frist von drei Monaten", "drei Monaten", "3 months"),
        ("einundzwanzig Tage", "einundzwanzig Tage", "21 days"),
        ("un an", "un an", "1 year"),
        ("dix-huit mois", "dix-huit mois", "18 months"),
        ("dos años", "dos años", "2 years"),
        ("sei mesi", "sei mesi", "6 months"),
        ("twaalf maanden", "twaalf maanden", "12 months"),
        ("trinta dias", "trinta dias", "30 days"),
        ("2 weeks", "2 weeks", "2 weeks"),
    ],
)
def test_a_duration_is_read_with_its_number(text: str, notation: str, value: str) -> None:
    assert shown(find_durations, text) == [(notation, value)]


@pytest.mark.parametrize(
    "text", ["many years", "per year", "May 5", "10:30 days", "the 2010/11 years"]
)
def test_a_unit_without_a_number_is_no_duration(text: str) -> None:
    assert find_durations(text) == []


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("one thousand two hundred and 50/100 dollars", "1200.50", "USD"),
        ("One Thousand Two Hundred Thirty-Four Dollars and Fifty Cents", "1234.50", "USD"),
        ("RINGGIT MALAYSIA ONE HUNDRED AND CENTS FIVE ONLY", "100.05", "MYR"),
        ("three hundred million", "300000000", None),
        ("twelve hundred euros", "1200", "EUR"),
        ("zweitausend", "2000", None),
        ("zweitausenddreihundertvierundfünfzig Euro", "2354", "EUR"),
        ("siebenundzwanzig Euro und zehn Cent", "27.10", "EUR"),
        ("zwei Millionen", "2000000", None),
        ("mille deux cents", "1200", None),
        ("quatre-vingt-dix-sept", "97", None),
        ("soixante et onze", "71", None),
        ("mille neuf cent quatre-vingt-quatre euros et cinquante centimes", "1984.50", "EUR"),
        ("dos mil trescientos cuarenta y cinco", "2345", None),
        ("duemilatrecentoquarantacinque", "2345", None),
        ("tweeduizend driehonderd vijfenvijftig euro", "2355", "EUR"),
        ("dois mil e quinhentos", "2500", None),
        ("forty-three pounds and sixty pence", "43.60", "GBP"),
        ("ten pounds sterling", "10", "GBP"),
        ("one dollar", "1", "USD"),
    ],
)
def test_a_total_in_words_is_read(text: str, value: str, unit: str | None) -> None:
    assert [(m.value, m.unit) for m in find_number_words(text)] == [(value, unit)]


@pytest.mark.parametrize(
    "text",
    ["one of them", "un homme", "once upon a time", "3 million", "Vierzylinder", "and und et"],
)
def test_words_that_are_no_numbers_on_their_own_are_left_alone(text: str) -> None:
    assert find_number_words(text) == []


def test_two_numbers_in_words_stay_two() -> None:
    assert values(find_number_words, "twenty twenty, seven and eight") == ["20", "20", "7", "8"]


def test_addresses_are_found_as_printed() -> None:
    text = "From: A <Ann.B+c@mail.example.com>, x@y, 'o@example.org', @home.net\nB\n@mail.de"

    assert values(find_emails, text) == ["Ann.B+c@mail.example.com", "o@example.org"]


def test_positions_survive_letters_whose_lower_case_is_longer() -> None:
    assert shown(find_dates, "İİ 5 May 2020")[0] == ("5 May 2020", "2020-05-05")
