"""What injections, jailbreaks and extractions ask for, as patterns in nine languages.

Each is made of what must stand together (to set aside, and instructions; to have no, and rules), in the few
orders that languages have, within one sentence; RE2 reads a text once for all of them. In the owner's own
system prompt and in answers the model gave they mean nothing and are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import re2

from llmmonitor_api.interactions import kinds, table
from llmmonitor_sidecar.detectors.finding import Finding, ends
from llmmonitor_sidecar.detectors.said import Message

CHARACTERS = 32_768
_MEMORY_BYTES = 16 * 1024 * 1024


def _near(*parts: str) -> str:
    """The parts in this order in one sentence."""
    return r"[^.!?\n]*".join(f"(?:{part})" for part in parts)


_SET_ASIDE = (
    r"\b(?:ignor(?:e|ing|ed)|disregard|forget|overrid(?:e|es|den)|bypass|discard|neglect|drop|abandon|erase|"
    r"do not (?:follow|obey)|stop (?:following|obeying)|pay no attention to)\b"
)
_BEFORE = r"\b(?:previous|prior|above|earlier|preceding|former|original|initial|system|developer|existing|all|any|your|the other)\b"
_INSTRUCTIONS = (
    r"\b(?:instructions?|prompts?|rules?|guidelines?|directives?|directions|commands?|orders|constraints|programming|"
    r"restrictions|polic(?:y|ies)|safeguards|guardrails|context|everything (?:above|before)|"
    r"(?:you (?:were|have been) told))\b"
)
_INJECTION: Final = (
    _near(_SET_ASIDE, _BEFORE, _INSTRUCTIONS),
    _near(
        _SET_ASIDE,
        r"\beverything\b|\ball\b|\banything\b",
        r"\babove\b|\bbefore\b|\bpreviously\b|\byou were told\b",
    ),
    r"\b(?:new|updated|real|actual|important) (?:system )?(?:instructions?|task|directives?|prompt)\s*[:!*<-]",
    r"(?:^|\n)\s*(?:\[|<|#+ |\*\*)?\s*(?:system|admin|developer) ?(?:message|prompt|override|note|instruction)s?\s*(?:\]|>|\*\*)?\s*:",
    r"<\|(?:im_start|system|start_header_id)\|>\s*system|\[/?INST\]|<<SYS>>|</?system>",
    _near(
        r"\b(?:attention|note to|message (?:to|for)|instructions? (?:to|for))\b",
        r"\b(?:ai|llm|assistants?|language models?|agents?|bots?|chatgpt|claude|copilot|gemini)\b[^.\n]{0,30}[:!,]",
    ),
    _near(
        r"\b(?:if you are|when you|as) an? (?:ai|llm|language model|assistant|agent)\b",
        r"\b(?:must|should|reading|processing|summari[sz]ing|please)\b",
        r"\b(?:instead|also|ignore|include|send|call|execute|say|output|add)\b",
    ),
    _near(
        r"\b(?:before|after) (?:you )?(?:answer|solv|complet|respond|finish|do)\w*\b",
        r"\b(?:must|please|need to|have to)\b",
        r"\b(?:send|transfer|forward|delete|email|execute|run|upload|click|visit|post|curl)\b",
    ),
    _near(
        r"\b(?:ignoriere?|vergiss|missachte|verwirf)\b",
        r"\b(?:vorherigen?|bisherigen?|obigen?|alle|deine|früheren)\b",
        r"\b(?:anweisungen?|regeln|vorgaben|befehle|instruktionen)\b",
    ),
    _near(
        r"\b(?:ignore[zr]?|oublie[zr]?|ne tiens pas compte|fais abstraction)\b",
        r"\b(?:instructions?|consignes|règles|directives)\b",
    ),
    _near(
        r"\b(?:ignora|olvida|omite|descarta|haz caso omiso)\w*\b",
        r"\b(?:instrucciones|reglas|indicaciones|órdenes|directrices)\b",
    ),
    _near(
        r"\b(?:ignore|esqueça|desconsidere|descarte)\b",
        r"\b(?:instruções|regras|orientações|comandos|diretrizes)\b",
    ),
    _near(r"\b(?:ignora|dimentica|trascura)\b", r"\b(?:istruzioni|regole|indicazioni|direttive)\b"),
    r"(?:忽略|忘记|忘掉|无视|無視|忽視|不要理会).{0,12}(?:指令|指示|规则|規則|提示|说明|要求)",
    r"(?:指示|命令|ルール|プロンプト|指令).{0,10}(?:無視|忘れ|破棄|従わな)",
    _near(
        r"(?:игнорируй|забудь|проигнорируй|отбрось|не следуй)\w*", r"(?:инструкци|указани|правил|команд)\w*"
    ),
    _near(
        r"(?:önceki|yukarıdaki|tüm)\b",
        r"(?:talimat|kural|yönerge|komut)\w*",
        r"(?:unut|yok say|görmezden gel|dikkate alma)\w*",
    ),
    r"(?:이전|위의|모든).{0,12}(?:지시|명령|규칙|지침).{0,8}(?:무시|잊)",
    _near(r"(?:تجاهل|انس[َى]?|اهمل)", r"(?:التعليمات|الأوامر|القواعد|تعليمات)"),
)
_JAILBREAK: Final = (
    r"\bdo anything now\b|\bDAN (?:mode|prompt)\b|\b(?:act|respond|answer|behave|pretend|operate)\w* (?:as|like) (?:a )?DAN\b|\bjailbr(?:eak|oken)\b",
    r"\b(?:developer|god|sudo|evil|unfiltered|unrestricted|debug|opposite|jailbreak) mode\b[^.\n]{0,40}\b(?:enabled?|on|activated?|output|now|unlock\w*)\b",
    _near(
        r"\b(?:pretend|imagine|act|roleplay|role-play|simulate|you are now|from now on|you will be|become|take on)\b",
        r"\b(?:no|without|free (?:of|from)|not bound by|unbound by|any|zero|unrestricted by|lacks?)\b",
        r"\b(?:restrictions?|rules|filters?|limits|limitations|guidelines|ethic\w*|moral\w*|censorship|constraints|safety|policies|safeguards)\b",
    ),
    r"\b(?:unfiltered|uncensored|unrestricted|amoral|unethical|unaligned) (?:and \w+ )?(?:ai|chatbot|assistant|bot|model|version|language model|response|character|advice)\b",
    _near(
        r"\b(?:never|not|don['’]t|cannot|can['’]t|without)\b",
        r"\b(?:refus\w+|declin\w+|say(?:ing)? (?:no|sorry|that)|apologi[sz]\w+|warn\w*|disclaimers?|moraliz\w+)\b",
        r"\b(?:request|question|answer|task|prompt|response|must|always|under any circumstances|ever)\b",
    ),
    r"\b(?:never|don['’]t|do not) (?:break|leave|get out of) (?:your )?character\b|\bstay in(?: |-)character\b",
    _near(
        r"\b(?:start|begin|prefix)\b",
        r"\b(?:response|answer|reply|output|every message)s?\b",
        r"\b(?:with|by)\b",
        r"[\"'“‘`](?:sure|absolutely|of course|certainly|yes|here)",
    ),
    _near(
        r"\b(?:two|both|dual|2)\b",
        r"\b(?:responses?|answers?|paragraphs?|ways)\b",
        r"\b(?:classic|normal|gpt|unfiltered|jailbreak|dan|evil|🔓)",
    ),
    _near(
        r"\b(?:ohne|keine)\b",
        r"\b(?:einschränkungen|regeln|filter|zensur|ethik\w*)\b",
        r"\b(?:antworte|verhalte|spiele?|bist|agiere|ki)\b",
    ),
    _near(
        r"\b(?:sin|sans|sem|senza)\b",
        r"\b(?:restricciones|censura|filtros|restrictions|censure|filtres|restrições|restrizioni|limiti|éticas?)\b",
        r"\b(?:responde|actúa|réponds|agis|responda|aja|rispondi|comportati|ia|ai)\b",
    ),
    r"(?:没有|不受|无|没有任何|沒有).{0,8}(?:限制|约束|道德|审查|过滤|規則).{0,20}(?:AI|助手|模型|角色|回答)|(?:越狱|越獄|开发者)模式",
    r"(?:制限|制約|検閲|フィルター|倫理).{0,6}(?:なし|ない|無視|なく).{0,20}(?:AI|答え|回答|振る舞)",
    _near(r"(?:без)\b", r"(?:ограничени|цензур|фильтр|правил)\w*", r"(?:отвечай|веди себя|ты|ии|действуй)"),
)
_EXTRACTION: Final = (
    _near(
        r"\b(?:reveal|show|print|output|repeat|display|tell me|give me|write|recite|leak|share|paste|copy|quote|dump|expose|return|summari[sz]e|translate|encode|what (?:is|are|were|was)|list)\b",
        r"\b(?:your|the|its|initial|original|full|exact|entire|above|hidden|secret)\b",
        r"\b(?:system (?:prompt|message|instructions?)|initial (?:prompt|instructions?)|(?:hidden|secret|original|internal|confidential|exact|full|custom|developer) (?:prompt|instructions?|rules|guidelines)|prompt (?:above|you were given)|instructions (?:above|you were given|you (?:have )?received)|pre-?prompt)\b",
    ),
    _near(r"\b(?:repeat|print|output|copy|write|return|recite)\b", r"\b(?:everything|all|the (?:words|text|content)s?|verbatim|word for word)\b", r"\b(?:above|before (?:this|that)|so far|starting with|beginning with)\b"),
    _near(r"\b(?:zeige?|nenne|wiederhole|gib)\b", r"\b(?:system-?prompt|systemanweisung\w*|ursprünglichen anweisungen)\b"),
    _near(r"\b(?:montre|affiche|révèle|répète|muestra|revela|repite|mostre|repita|mostra|ripeti)\w*\b", r"\b(?:prompt|instructions (?:système|initiales)|instrucciones (?:del sistema|iniciales)|instruções (?:do sistema|iniciais)|istruzioni (?:di sistema|iniziali))\b"),
    r"(?:显示|输出|重复|告诉我|透露|打印|顯示).{0,12}(?:系统提示|系统指令|初始指令|提示词|系統提示)",
    r"(?:システムプロンプト|初期指示|最初の指示).{0,12}(?:表示|教え|出力|見せ|繰り返)",
    _near(r"(?:покажи|выведи|повтори|раскрой)\w*", r"(?:системн\w+ (?:промпт|инструкци|сообщени)\w*|промпт)"),
)  # fmt: skip
_KINDS: Final = (
    *((kinds.PROMPT_INJECTION.name, pattern) for pattern in _INJECTION),
    *((kinds.JAILBREAK.name, pattern) for pattern in _JAILBREAK),
    *((kinds.PROMPT_EXTRACTION.name, pattern) for pattern in _EXTRACTION),
)


@cache
def _set() -> Any:
    """All patterns as one automaton, made at the first use."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    patterns = re2.Set.SearchSet(options)
    for _, pattern in _KINDS:
        patterns.Add(pattern)
    patterns.Compile()
    return patterns


def kinds_in(text: str) -> frozenset[str]:
    """The kinds of what `text` asks for."""
    return frozenset(_KINDS[number][0] for number in _set().Match(ends(text, CHARACTERS)) or ())


def judge(message: Message) -> Iterator[Finding]:
    """Every kind that a message asks for."""
    facts = table.INJECTION_RULES
    for kind in kinds_in(message.text):
        yield Finding(kind, facts.name, facts.version, message.origin)
