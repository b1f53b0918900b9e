"""`python -m bench.quote [--check]`: puts what benches found into the pages of docs/ that quote it.

A page has a pair of comments, `<!-- quoted: bench/results/NAME.md -->` and `<!-- end of quote -->`; between
them stands the result as it is, without its heading, and headings within it one level lower. After the name
may follow `, A heading`: then that section alone stands there. With `--check` a stale page is said, and none
written.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from llmmonitor_api.generated import keep_current

PAGES = Path("docs")
COMMAND = "python -m bench.quote"
_QUOTE = re.compile(
    r"(<!-- quoted: (bench/results/\w+\.md)(?:, ([^\n]+?))? -->\n).*?(<!-- end of quote -->)", re.DOTALL
)


def quoted(page: str, root: Path = Path()) -> str:
    """The page with every quote as the result's file has it now.

    Raises:
        OSError: a result that it quotes is not there.
        ValueError: it has no such section.
    """

    def renewed(found: re.Match[str]) -> str:
        opened, name, heading, closed = found.groups()
        _, _, below = (root / name).read_text(encoding="utf-8").partition("\n")
        said = (
            re.sub("^(#+ )", r"#\1", below, flags=re.MULTILINE)
            if heading is None
            else _section(below, heading)
        )
        return f"{opened}\n{said.strip()}\n\n{closed}"

    return _QUOTE.sub(renewed, page)


def _section(result: str, heading: str) -> str:
    _, found, after = f"\n{result}".partition(f"\n## {heading}\n")
    if not found:
        raise ValueError(f"the result has no section {heading!r} to be quoted")
    return after.partition("\n## ")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 when `--check` finds a page stale."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    options = parser.parse_args(arguments)
    status = 0
    for path in sorted(PAGES.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if _QUOTE.search(page):
            status |= keep_current(path, quoted(page), check=options.check, by=COMMAND)
    return status


if __name__ == "__main__":
    sys.exit(main())
