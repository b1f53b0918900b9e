"""What is found in texts for drift: languages, character classes, and words under a key."""

from __future__ import annotations

import random

import pytest
from tests.sidecar.detectors.conversation import Chat
from tests.sidecar.test_dialect_openai import STOP, _choice, _chunk, _stream

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.features import (
    ANSWER_CHARACTER_CLASSES,
    ANSWER_LANGUAGES,
    ANSWER_VOCABULARY,
    BUCKETS_LIMIT,
    CHARACTER_CLASSES,
    LANGUAGE_CODES,
    LANGUAGES,
    MEAN_LOGPROB,
    REFUSAL,
    REPETITION,
    VOCABULARY,
    VOCABULARY_BUCKETS,
    FeatureCounts,
    logprob_bucket,
)
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.signals.features import Features
from llmmonitor_sidecar.text_features.character_classes import character_classes
from llmmonitor_sidecar.text_features.languages import language
from llmmonitor_sidecar.text_features.words import WORDS_LIMIT, words

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PROSE = "Please tell me what the weather is like in the north, and whether we should go there by train."
PROGRAM = 'for (int i = 0; i < n; ++i) {\n    total[i] += f(x[i]) / 2;\n    puts("\\n");\n}\n'


def told(text: str) -> str:
    return LANGUAGE_CODES[language(text, words(text))]


def counts_of(chat: Chat) -> FeatureCounts:
    _ = chat.counts
    return chat.reader.totals.features


def only(counts: FeatureCounts, feature: str) -> int:
    (bucket,) = counts.counts[feature]
    return bucket


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (PROSE, "en"),
        ("Kannst du mir bitte sagen, wie das Wetter morgen wird und ob ich einen Schirm brauche?", "de"),
        ("Est-ce que vous pouvez me dire comment on va de la gare à l'hôtel avec le bus ?", "fr"),
        ("¿Puedes decirme cómo se hace una tortilla de patatas para cuatro personas?", "es"),
        ("Você pode me dizer como não perder os dados que estão no meu computador?", "pt"),
        ("Puoi dirmi come si prepara una torta di mele per la festa della mia amica?", "it"),
        ("Powiedz mi, proszę, jak się robi pierogi i czy można je zamrozić.", "pl"),
        ("Bana bu akşam için kolay ve hızlı bir yemek tarifi verir misin?", "tr"),  # noqa: RUF001 - as it is spelled
        ("明日の天気はどうですか。傘を持って行ったほうがいいですか。", "ja"),
        ("请告诉我明天北京的天气怎么样,需要带伞吗?", "zh"),
        ("내일 날씨가 어떤지 알려 주세요.", "ko"),
        ("Расскажите, пожалуйста, какая завтра будет погода и нужен ли мне зонт, если я выйду.", "ru"),
        ("Скажіть, будь ласка, якою буде погода в Києві і чи потрібна мені парасоля.", "uk"),  # noqa: RUF001 - as it is spelled
        ("ما هو الطقس غدا وهل أحتاج إلى مظلة؟", "ar"),
        ("कल मौसम कैसा रहेगा?", "hi"),
        (PROGRAM, "code"),
        ("Windows 11 Pro", "latin"),
        ("12 + 30 = ?", "code"),
        ("🜨🜨🜨", "code"),
        ("", "none"),
        ("  \n", "none"),
    ],
)
def test_a_languages_script_and_commonest_words_tell_it(text: str, name: str) -> None:
    assert told(text) == name


def test_prose_programs_tables_and_noise_are_written_differently() -> None:
    table = "| 12.5 | 99.1 |\n| 8.25 | 17.0 |\n" * 4
    noise = "".join(random.Random(1).choices("ABCDEF#$%^&*()12345678", k=300))
    texts = (PROSE, PROGRAM, table, noise, "明日の天気はどうですか。", "WHY DO YOU NOT ANSWER ME", "")

    codes = [character_classes(text) for text in texts]

    assert len(set(codes)) == len(texts)
    assert codes[-1] == 0
    assert max(codes) < BUCKETS_LIMIT


def test_requests_count_by_their_new_words_and_answers_by_theirs() -> None:
    chat = Chat()
    chat.say([("system", PROGRAM), ("user", PROGRAM), ("assistant", "Ja."), ("user", PROSE)], PROGRAM)

    counts = counts_of(chat)

    assert counts.texts == counts.requests == 1
    assert LANGUAGE_CODES[only(counts, LANGUAGES)] == "en"
    assert LANGUAGE_CODES[only(counts, ANSWER_LANGUAGES)] == "code"
    assert only(counts, CHARACTER_CLASSES) == character_classes(PROSE)
    assert only(counts, ANSWER_CHARACTER_CLASSES) == character_classes(PROGRAM)


def test_detectors_findings_are_counted_beside_those_without() -> None:
    chat = Chat()
    chat.say(PROSE, "I'm sorry, but I can't help with that request.")
    chat.say(PROSE, "la la " * 200)
    chat.say(PROSE, "Take the train.")

    counts = counts_of(chat)

    assert counts.counts[REFUSAL] == {0: 2, 1: 1}
    assert counts.counts[REPETITION] == {0: 2, 1: 1}


def test_what_was_not_answered_is_in_no_text_feature() -> None:
    chat = Chat()
    chat.exchange({"messages": [{"role": "user", "content": PROSE}]}, b"nothing like an answer")

    assert counts_of(chat).texts == 0
    assert LANGUAGES not in counts_of(chat).counts


def test_words_are_counted_under_a_key_alone_and_by_it_on_every_replica_alike() -> None:
    replicas = [Chat() for _ in range(4)]
    for chat, key in zip(replicas, (KEY, KEY, OTHER_KEY, b""), strict=True):
        chat.reader.features.count_words_by("id", key)
        chat.say(PROSE, "Take the train.")

    one, same, other, without = (counts_of(chat) for chat in replicas)

    assert one.counts[VOCABULARY] == same.counts[VOCABULARY] != other.counts[VOCABULARY]
    assert sum(one.counts[VOCABULARY].values()) == len(set(words(PROSE)))
    assert one.known == {VOCABULARY: 1, ANSWER_VOCABULARY: 1}
    assert max(one.counts[VOCABULARY]) < VOCABULARY_BUCKETS
    assert VOCABULARY not in without.counts
    assert replicas[3].reader.features.vocabulary_key == ""


def test_a_key_of_another_length_is_none() -> None:
    features = Features(FeatureCounts())

    with pytest.raises(ValueError, match="a key of 5 bytes; it has 32"):
        features.count_words_by("id", b"short")

    assert features.vocabulary_key == ""


def test_a_long_text_counts_no_more_words_than_others() -> None:
    text = " ".join(f"word{number}" for number in range(5_000))

    assert WORDS_LIMIT // 2 < len(words(text)) <= WORDS_LIMIT
    assert words(text)[-1] != words(text)[0]


def test_only_what_is_judged_is_looked_for() -> None:
    chat = Chat()
    chat.reader.features.count_words_by("id", KEY)
    chat.reader.configure(Configuration(drift_features=("PromptTokens", "Refusal")))
    chat.say(PROSE, PROSE)

    found = counts_of(chat).counts.keys()

    assert REFUSAL in found
    assert not {LANGUAGES, ANSWER_LANGUAGES, CHARACTER_CLASSES, VOCABULARY, REPETITION} & found


@pytest.mark.parametrize(
    ("logprobs", "bucket"),
    [
        ({"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}]}, logprob_bucket(-1)),
        ({"tokens": ["a", "b"], "token_logprobs": [None, -2.0]}, logprob_bucket(-2)),
        (
            {"content": [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -9999.0}]},
            logprob_bucket(-0.1),
        ),
        ({"content": [{"token": "a", "logprob": 0}]}, 0),
        ({"content": [{"token": "a", "logprob": -9999.0}]}, None),
        ({"content": [{"token": "a", "logprob": "high"}, {"token": "b"}]}, None),
        (None, None),
    ],
)
def test_the_mean_logprob_is_of_the_tokens_that_have_one(
    logprobs: dict[str, object] | None, bucket: int | None
) -> None:
    delta = _choice({"content": "ab"}) if logprobs is None else _choice({"content": "ab"}, logprobs=logprobs)

    counts = ended(_stream(_chunk(delta), STOP, "[DONE]"))

    assert counts.counts.get(MEAN_LOGPROB) == (None if bucket is None else {bucket: 1})


def ended(exchange: Exchange) -> FeatureCounts:
    counts = FeatureCounts()
    exchange.outcome = Outcome.OK
    Features(counts).handle(ExchangeEvent(EventKind.ENDED, exchange, exchange.ended_ns))
    return counts


def test_inventive_texts_fill_no_memory() -> None:
    draw, counts = random.Random(7), FeatureCounts()
    chat = Chat()
    chat.reader.features.count_words_by("id", KEY)
    for _ in range(300):
        text = "".join(
            chr(draw.choice((draw.randrange(32, 127), draw.randrange(160, 0xD000)))) for _ in range(90)
        )
        chat.say(text, text)

    counts = counts_of(chat)

    assert counts.texts == 300
    assert all(len(buckets) <= BUCKETS_LIMIT for buckets in counts.counts.values())
    assert all(0 <= one < len(LANGUAGE_CODES) for one in counts.counts[LANGUAGES])
