from __future__ import annotations

from pathlib import Path

import pytest
from bench.quote import quoted

PAGE = """# Page

Before.

<!-- quoted: bench/results/some.md -->
what was found last year
<!-- end of quote -->
After.
"""


def test_a_quote_is_the_result_without_its_heading(tmp_path: Path) -> None:
    results = tmp_path / "bench" / "results"
    results.mkdir(parents=True)
    (results / "some.md").write_text("# Benchmark: some\n\n| a | b |\n|---|---|\n| 1 | \\2 |\n")

    page = quoted(PAGE, tmp_path)

    assert "| 1 | \\2 |" in page
    assert "Benchmark: some" not in page
    assert "last year" not in page
    assert page.startswith("# Page\n\nBefore.\n")
    assert page.endswith("<!-- end of quote -->\nAfter.\n")
    assert quoted(page, tmp_path) == page


def test_a_section_is_quoted_alone_and_headings_within_a_quote_are_lower(tmp_path: Path) -> None:
    results = tmp_path / "bench" / "results"
    results.mkdir(parents=True)
    (results / "some.md").write_text("# Some\n\nHow.\n\n## Without\n\nnothing\n\n## With a change\n\nfound\n")
    begin, end = "<!-- quoted: bench/results/some.md", "<!-- end of quote -->"

    alone = quoted(f"{begin}, With a change -->\n{end}\n", tmp_path)
    whole = quoted(f"{begin} -->\n{end}\n", tmp_path)

    assert alone == f"{begin}, With a change -->\n\nfound\n\n{end}\n"
    assert "\n### Without\n\nnothing\n\n### With a change\n" in whole
    with pytest.raises(ValueError, match="no section 'Another'"):
        quoted(f"{begin}, Another -->\n{end}\n", tmp_path)


def test_a_result_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"some\.md"):
        quoted(PAGE, tmp_path)
