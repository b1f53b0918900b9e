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


def test_a_result_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"some\.md"):
        quoted(PAGE, tmp_path)
