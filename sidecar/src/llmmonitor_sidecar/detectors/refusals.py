"""Answers that refuse: by how refusals begin, in nine languages, or by the API's own word.

A model that refuses says so at once, or after a sentence of sympathy; what stands further on is an answer
with a caveat. So only the beginning is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import re2

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard

BEGINNING = 320
"""Characters that are looked at."""
_CANNOT = r"(?:can(?:no|['’]?)t|can not|could(?:n['’]t| not)|won['’]?t|will not|(?:am|['’]m) (?:not able|unable|not going)|am not comfortable|['’]m not comfortable|must (?:decline|refuse)|have to (?:decline|refuse)|decline|refuse|do(?:n['’]t| not) feel comfortable|am not (?:allowed|permitted|programmed)|['’]m not (?:allowed|permitted|programmed))"
_DO = r"(?:help|assist|fulfil|fulfill|provide|support|comply|complete|generate|create|write|produce|answer|do that|do this|engage|participate|continue|share|discuss|offer|give|respond|condone|facilitate|promote|encourage|make|tell|say|in good conscience|that|this|to)"
_HARMLESS = re2.compile(r"(?i)\bcan(?:not|['’]t) (?:wait|help but|stress|believe|overstate|recommend)")
_REFUSALS = (
    rf"\b(?:i|we)(?: am|['’]m)?(?: really| very| truly| so)?(?: sorry|afraid)?[,;]?(?: but)?(?: that)?(?: i| we)? {_CANNOT}\b.*\b{_DO}\b",
    rf"\b(?:i['’]m|we['’]re) (?:unable|not (?:able|going|comfortable|allowed|permitted|programmed))\b.*\b{_DO}\b",
    rf"\b(?:sorry|apologi[sz]e|apologies|unfortunately)\b.*\b(?:i|we)(?: am|['’]m)? ?{_CANNOT}",
    r"\bas an? (?:ai|language model|artificial|responsible|ethical)\b.*\b(?:cannot|can['’]t|unable|not able|must not|won['’]t|don['’]t)\b",
    r"\b(?:against|violates?|violate) (?:my|our|the|openai|any)\b.*\b(?:polic|guideline|principle|programming|ethic|rules|terms)",
    r"\bi (?:must|have to) (?:respectfully |politely )?(?:decline|refuse)\b",
    r"\b(?:is|would be) (?:not appropriate|inappropriate|unethical|illegal|not something i)\b.*\b(?:i|me|provide|assist|help|engage|can)\b",
    r"\b(?:ich kann|kann ich|ich darf|tut mir leid)\b.*\b(?:nicht|leider|keine)\b",
    r"\b(?:je suis désolé|désolé|je ne peux pas|je ne suis pas en mesure|je ne peux malheureusement)",
    r"\b(?:lo siento|no puedo (?:ayudar|proporcionar|cumplir|hacer|asistir|generar|responder)|no me es posible)",
    r"\b(?:desculpe|sinto muito|não posso (?:ajudar|fornecer|atender|fazer|responder|criar))",
    r"\b(?:mi dispiace|non posso (?:aiutar|fornir|soddisfare|assister|rispondere|creare))",
    r"(?:извините|к сожалению|простите).*не могу|я не могу (?:помочь|предоставить|выполнить)",
    r"(?:抱歉|对不起|對不起|很遗憾).*(?:不能|无法|無法)|我(?:不能|无法|無法)(?:提供|协助|帮助|满足|回答|協助)",
    r"(?:申し訳(?:ありません|ございません)|すみません).*(?:できません|お答えできません|いたしかねます)",
)  # fmt: skip


@cache
def _pattern() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    return re2.compile("|".join(f"(?:{one})" for one in _REFUSALS), options)


def is_refusal(answer: str) -> bool:
    """Whether `answer` begins as refusals do."""
    return bool(_pattern().search(_HARMLESS.sub("", answer[:BEGINNING])))


def judge(heard: Heard) -> Iterator[Finding]:
    """Every choice refuses, or the API says that the answer is refused."""
    said = heard.refused or "content_filter" in heard.finish_reasons
    if said or (heard.answers and all(is_refusal(answer) for answer in heard.answers)):
        facts = table.REFUSALS
        yield Finding(kinds.REFUSALS.name, facts.name, facts.version, Origin.ANSWER, said)
