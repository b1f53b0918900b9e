"""What a container runs, as simple commands: its command and arguments, shell scripts among them taken apart.

A reading for people's manifests, no shell: quotes, line continuations, separators and assignments are
understood; what a script computes is not. Of what is longer than any person's manifest the beginning is read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import TEXT_LIMIT, digits, environment, expanded, filled_in

HIGHEST_PORT = 65535
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_SCRIPT_OPTION = re.compile(r"-[a-z]*c")
_NESTED_LIMIT = 4
_WORDS_LIMIT = 1024
"""Words of a container's command line, and of a script."""
_COMMENT_LINE = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_CONTINUED = re.compile(r"\\\r?\n")
_REDIRECTED = re.compile(r"\d*[<>]+&\d+|&>+")
_SEPARATORS = ";&|\n"
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:(\w{1,256})|\{(\w{1,256})(?::?[-=]([^}]{0,256}))?\})")


@dataclass(frozen=True, slots=True)
class Commands:
    """All that a container runs, and what it runs it with."""

    simple: tuple[tuple[str, ...], ...]
    """Each a program and its words; without a program where the image brings it (`args` alone)."""
    variables: Mapping[str, str]
    """Of the container's environment and of assignments in its scripts, as far as they are known."""
    has_program: bool
    """Whether the pod says what is run, and not only with which arguments."""

    def option(self, words: Sequence[str], names: Sequence[str]) -> tuple[str, str] | None:
        """The last of these options among the words: its name, and its value with variables filled in."""
        found = None
        for place, word in enumerate(words):
            name, equals, value = word.partition("=")
            if name not in names:
                continue
            if not equals:
                value = words[place + 1] if place + 1 < len(words) else ""
            found = name, self.filled_in(value)
        return found

    def filled_in(self, text: str) -> str:
        """A shell word with its variables' values; what is not known stays as it is written."""

        def one(reference: re.Match[str]) -> str:
            bare, braced, default = reference.groups()
            return self.variables.get(bare or braced) or default or reference.group()

        return filled_in(text, _REFERENCE, one)


def commands_of(container: Raw, pod: Raw) -> Commands:
    """The commands of a container's `command` and `args`."""
    variables = environment(container, pod)
    command, arguments = container.get("command") or (), container.get("args") or ()
    words = tuple(_first((expanded(word, variables) for word in (*command, *arguments)), TEXT_LIMIT))
    simple = tuple(_taken_apart(words)) if words else ()
    assigned = (_ASSIGNMENT.fullmatch(word) for one in simple for word in one)
    variables |= {match[1]: match[2] for match in assigned if match}
    return Commands(simple, variables, has_program=bool(command))


def port_number(text: str) -> int | None:
    """A port in digits."""
    number = digits(text.strip())
    return number if number is not None and 0 < number <= HIGHEST_PORT else None


def _first(words: Iterable[str], characters: int) -> Iterator[str]:
    """As many as there can be, the last one as a whole."""
    for word in islice(words, _WORDS_LIMIT):
        yield word
        characters -= len(word)
        if characters <= 0:
            return


def _taken_apart(words: tuple[str, ...], depth: int = 0) -> Iterator[tuple[str, ...]]:
    script = _script(words)
    if script is None or depth == _NESTED_LIMIT:
        yield words
        return
    for command in _split(script):
        yield from _taken_apart(command, depth + 1)


def _script(words: tuple[str, ...]) -> str | None:
    """The script of `sh -c`, also behind `tini --`, `env` and the like."""
    shell = next((at for at, word in enumerate(words) if word.rpartition("/")[2] in _SHELLS), None)
    if shell is None:
        return None
    for at in range(shell + 1, len(words) - 1):
        if _SCRIPT_OPTION.fullmatch(words[at]):
            return words[at + 1]
    return None


def _split(script: str) -> list[tuple[str, ...]]:
    text = _REDIRECTED.sub(" ", _CONTINUED.sub(" ", _COMMENT_LINE.sub("", script)))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_SEPARATORS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        words = list(islice(lexer, _WORDS_LIMIT))
    except ValueError:  # quotes that do not close, as in here-documents
        words = re.split(r"[ \t\r]+", re.sub(f"([{_SEPARATORS}]+)", r" \1 ", text))[:_WORDS_LIMIT]
    commands: list[list[str]] = [[]]
    comment = False
    for word in words:
        separates = bool(word) and not word.strip(_SEPARATORS)
        comment = (comment or word.startswith("#")) and "\n" not in word
        if separates:
            commands.append([])
        elif word and not comment:
            commands[-1].append(word)
    return [tuple(one) for one in commands if one]
