"""The commonest words of the languages that share the Latin script.

Function words alone: no word of a subject tells a language. Left out are those that are words of programs
too (`for`, `in`, `is`, `not`, ...), and single letters.
"""

from __future__ import annotations

from llmmonitor_api.report.features import LANGUAGE_CODES

_LISTS = {
    "en": "the of and to that it you was are be have what how my can please your we they which an"
    " has but who does would should could there their me its were been will when where than"
    " then these those at our i'm don't",
    "de": "der die das und ist nicht ich ein eine zu den mit auf für von dem sie des sich auch wie"
    " im es wird werden oder einen einer kann sind nach bei aus dass wenn aber nur mir mein"
    " wir bitte was haben hat zum zur über",
    "fr": "le la les de des et à est une du que qui dans pour pas sur au avec ce il elle vous nous je ne"
    " sont plus par cette mais ou être aux ces comment quel quelle mon votre leur été ont peut"
    " si d'un n'est c'est",
    "es": "el la los las de que y en un una es por con para no se del al lo como más pero sus su o"
    " este esta está qué cómo cuál mi muy son ha hay también entre sobre puede ser fue sin"
    " cuando porque nos le",
    "pt": "o os as de que e da em um uma é para com não no na dos das por mais como mas ao se foi"
    " seu sua ou são está você qual isso pelo pela nos nas também ser meu minha pode tem este"
    " esta à até já",
    "it": "il lo la gli di che è un una per non con del della dei delle sono si come da più ma nel"
    " nella questo questa al alla i le anche se essere hai mio cosa quale dal dalla loro ha"
    " può",
    "nl": "de het een en van ik te dat die op aan met niet voor zijn er als wat naar bij ook maar"
    " om uit dan hoe kan wordt worden deze dit mijn heeft geen moet tot wel u",
    "pl": "i w na z się nie to że jest jak co po od za dla czy przez oraz ale lub są może tylko"
    " jego już być mam ten tego który która które ma moje o tym aby ze być został",
    "tr": "ve bir bu için ile da de ne nasıl çok daha gibi olarak var değil mi olan en kadar sonra"  # noqa: RUF001 - a letter of Turkish
    " ben bana ama veya mı nedir her şu bunu lütfen olabilir içinde tarafından",  # noqa: RUF001 - a letter of Turkish
    "vi": "và của là có không một cho được trong với các những người này đã để tôi bạn như khi từ"
    " về đó cũng nào thế hay phải ra làm theo",
    "id": "yang dan di untuk dengan tidak ini itu dari dalam adalah akan pada saya ke bisa ada atau"
    " oleh juga anda apa bagaimana telah lebih karena kami sebagai tersebut dapat harus",
    "sv": "och att det är en som på av för med till den inte om ett jag har de var kan men eller så"
    " vi från hur vad när vid min ska detta måste inga finns",
    "cs": "a je na se že to s v z jak ale pro si jsem jsou nebo co tak když po které který která"
    " jako není od při být jeho také bude musí lze mezi ve",
    "ro": "și de la în cu care este nu pe un o din să ce mai sunt pentru fi dar sau ca au cum acest"
    " această prin după fost poate trebuie cel lui dintre",
}


def _by_word() -> dict[bytes, tuple[int, ...]]:
    found: dict[bytes, tuple[int, ...]] = {}
    for name, listed in _LISTS.items():
        code = LANGUAGE_CODES.index(name)
        for word in dict.fromkeys(listed.encode().split()):
            if len(word) > 1:
                found[word] = (*found.get(word, ()), code)
    return found


_LETTERS = {
    "de": "ß",
    "es": "ñ¿¡",
    "pt": "ãõ",
    "pl": "ąęłńśźż",
    "tr": "ğşı",
    "vi": "ạảấầẩậắằẳặẹẻẽếềểễệịỉĩọỏốồổỗộớờởợụủứừửữựơư",
    "cs": "ěřůč",
    "ro": "șță",
    "sv": "å",
}

STOP_WORDS = _by_word()
"""By word in UTF-8: the languages that have it, as indices of `LANGUAGE_CODES`."""
LETTERS = {letter: LANGUAGE_CODES.index(name) for name, letters in _LETTERS.items() for letter in letters}
"""Letters that are of one of these languages alone, or nearly so."""
