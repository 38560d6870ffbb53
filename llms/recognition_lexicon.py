"""How do seven languages count? The words for numbers, as data."""

from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True)
class Language:
    """How a language counts.

    Attributes:
        small: Words that are added: units, teens, tens, and hundreds with a word of their own.
        hundred: Words that multiply by a hundred.
        scales: Words that multiply by a thousand and more.
        joints: The words for `and` between the parts of a number.
        compound: The parts are written together in one word.
    """

    small: dict[str, int]
    hundred: tuple[str, ...]
    scales: dict[str, int]
    joints: tuple[str, ...]
    compound: bool = False


def _enumerated(start: int, step: int, words: str) -> dict[str, int]:
    """Numbers by word: the words count on from `start` by `step`; a bar parts spellings."""
    return {
        spelling: number
        for number, word in zip(count(start, step), words.split(), strict=False)
        for spelling in word.split("|")
    }


def _language(
    units: str,
    tens: str,
    hundred: str,
    scales: str,
    joints: str,
    hundreds: str = "",
    *,
    compound: bool = False,
) -> Language:
    return Language(
        _enumerated(0, 1, units) | _enumerated(20, 10, tens) | _enumerated(100, 100, hundreds),
        tuple(hundred.split()),
        {w: 1000 ** (n + 1) for n, ws in enumerate(scales.split()) for w in ws.split("|")},
        tuple(joints.split()),
        compound,
    )


LANGUAGES = {
    "en": _language(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen",
        "twenty thirty forty|fourty fifty sixty seventy eighty ninety",
        "hundred",
        "thousand million billion",
        "and",
    ),
    "de": _language(
        "null ein|eins|eine|einen|einem|einer zwei|zwo drei vier fünf|fuenf sechs sieben acht neun "
        "zehn elf zwölf|zwoelf dreizehn vierzehn fünfzehn|fuenfzehn sechzehn siebzehn achtzehn "
        "neunzehn",
        "zwanzig dreißig|dreissig vierzig fünfzig|fuenfzig sechzig siebzig achtzig neunzig",
        "hundert",
        "tausend million|millionen milliarde|milliarden",
        "und",
        compound=True,
    ),
    "fr": _language(
        "zéro un|une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze "
        "quinze seize",
        "vingt|vingts trente quarante cinquante soixante septante huitante|octante nonante",
        "cent cents",
        "mille million|millions milliard|milliards",
        "et",
    ),
    "es": _language(
        "cero un|uno|una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce "
        "quince dieciséis|dieciseis diecisiete dieciocho diecinueve veinte veintiuno|veintiún|"
        "veintiuna veintidós|veintidos veintitrés|veintitres veinticuatro veinticinco "
        "veintiséis|veintiseis veintisiete veintiocho veintinueve",
        "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
        "",
        "mil millón|millon|millones",
        "y",
        "cien|ciento doscientos|doscientas trescientos|trescientas cuatrocientos|"
        "cuatrocientas quinientos|quinientas seiscientos|seiscientas setecientos|setecientas "
        "ochocientos|ochocientas novecientos|novecientas",
    ),
    "it": _language(
        "zero un|uno|una due tre|tré quattro cinque sei sette otto nove dieci undici dodici "
        "tredici quattordici quindici sedici diciassette diciotto diciannove",
        "venti|vent trenta|trent quaranta|quarant cinquanta|cinquant sessanta|sessant "
        "settanta|settant ottanta|ottant novanta|novant",
        "cento cent",
        "mille|mila milione|milioni miliardo|miliardi",
        "e",
        compound=True,
    ),
    "nl": _language(
        "nul een|één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien "
        "vijftien zestien zeventien achttien negentien",
        "twintig dertig veertig vijftig zestig zeventig tachtig negentig",
        "honderd",
        "duizend miljoen miljard",
        "en ën",
        compound=True,
    ),
    "pt": _language(
        "zero um|uma dois|duas três|tres quatro cinco seis sete oito nove dez onze doze treze "
        "catorze|quatorze quinze dezesseis|dezasseis dezessete|dezassete dezoito "
        "dezenove|dezanove",
        "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
        "",
        "mil milhão|milhões bilhão|bilhões",
        "e",
        "cem|cento duzentos|duzentas trezentos|trezentas quatrocentos|quatrocentas "
        "quinhentos|quinhentas seiscentos|seiscentas setecentos|setecentas "
        "oitocentos|oitocentas novecentos|novecentas",
    ),
}
