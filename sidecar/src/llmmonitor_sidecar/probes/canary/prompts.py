"""The prompts, in our own words: such that many first tokens are possible, so that small changes show.

Another prompt is another suite: raise SUITE.
"""

from typing import Final

SUITE: Final = 1
PROMPTS: Final = (
    "Name one thing.",
    "Say the first word that comes to mind.",
    "Continue the story: The old lighthouse keeper opened the door and",
    "Write a random number.",
    "Suggest a name for a cat.",
    "What should I eat tonight?",
    "Complete this line of Python: def fibonacci(n):",
    "Nenne mir eine Stadt.",
    "Quel temps fera-t-il demain ?",
    "Translate to Spanish: the meeting moved to Thursday.",
    "List three rivers.",
    "Give me a title for a poem about winter.",
    "What is the opposite of slow?",
    "Describe the sea in one sentence.",
)
