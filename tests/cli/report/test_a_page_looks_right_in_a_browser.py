from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from llmmonitor_cli.report import page as pages
from llmmonitor_cli.report.build import document
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.page.as_html import as_html
from llmmonitor_cli.report.period import Period

pytestmark = pytest.mark.timeout(300)  # four weeks take seconds to make, on a busy machine a minute or two

STYLE = Path(pages.__file__).parent / "templates" / "style.css"
MEASURE = """
const frame = document.querySelector('iframe');
frame.onload = () => {
  const page = frame.contentDocument, shown = one => one.getClientRects().length > 0;
  const wide = [...page.querySelectorAll('body *')].filter(one =>
    !one.closest('.scroll') && shown(one) && one.getBoundingClientRect().right > frame.clientWidth + 1);
  document.body.dataset.found = JSON.stringify({
    width: page.documentElement.scrollWidth,
    beyond: wide.map(one => one.tagName + '.' + one.className).slice(0, 5).join(' '),
    wide: [...page.querySelectorAll('svg.wide')].filter(shown).length,
    narrow: [...page.querySelectorAll('svg.narrow')].filter(shown).length,
    smallest: Math.min(...[...page.querySelectorAll('svg text')].filter(shown)
      .map(one => one.getBoundingClientRect().height)),
    ground: getComputedStyle(page.body).backgroundColor,
  });
};
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("!!! NOT TESTED: reports in a browser, no chromium; see tests/install-system-packages")
    return found


@pytest.fixture(scope="module")
def page(material: Material) -> str:
    end = material.saved_at or 0.0
    return as_html(document(material, Period(end - 30 * 86_400, end), end))


def measured(chromium: str, page: str, width: int, folder: Path, *more: str) -> dict[str, str]:
    """What a browser says of the page in a frame so many pixels wide."""
    file = folder / "frame.html"
    file.write_text(
        f'<!doctype html><body><iframe style="border:0;height:900px;width:{width}px"'
        f' srcdoc="{html.escape(page)}"></iframe><script>{MEASURE}</script></body>'
    )
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run(
        [
            *command,
            "--virtual-time-budget=5000",
            "--window-size=1400,1000",
            *more,
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found is not None, done.stderr[-2000:]
    pairs = re.findall(r'"(\w+)":("[^"]*"|[^,}]+)', html.unescape(found[1]))
    return {name: value.strip('"') for name, value in pairs}


def test_on_a_phone_nothing_is_wider_than_the_screen_and_texts_can_be_read(
    chromium: str, page: str, tmp_path: Path
) -> None:
    found = measured(chromium, page, 360, tmp_path)

    assert int(found["width"]) <= 360, found
    assert found["beyond"] == ""
    assert (int(found["wide"]), int(found["narrow"]) > 10) == (0, True)
    assert float(found["smallest"]) >= 10


def test_on_a_desk_the_wide_pictures_are_shown(chromium: str, page: str, tmp_path: Path) -> None:
    found = measured(chromium, page, 1100, tmp_path)

    assert int(found["width"]) <= 1100, found
    assert found["beyond"] == ""
    assert (int(found["wide"]) > 10, int(found["narrow"])) == (True, 0)
    assert float(found["smallest"]) >= 10
    assert found["ground"] == "rgb(244, 246, 249)"


def test_who_prefers_dark_has_it_dark(chromium: str, page: str, tmp_path: Path) -> None:
    found = measured(chromium, page, 1100, tmp_path, "--blink-settings=preferredColorScheme=0")

    assert found["ground"] == "rgb(14, 19, 26)"


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(scheme: int) -> None:
    """WCAG 2.2, success criteria 1.4.3 (texts: 4.5 to 1) and 1.4.11 (lines and marks: 3 to 1)."""
    blocks = re.findall(r":root \{([^}]*)\}", STYLE.read_text())
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))

    for behind in ("card", "ground", "soft"):
        for name in ("ink", "muted", "good", "bad", "unknown", "plain"):
            assert contrast(colours[name], colours[behind]) >= 4.5, (name, behind)
    for name in ("good", "bad", "unknown"):
        assert contrast(colours[name], colours[f"{name}-soft"]) >= 4.5, name
    for name in ("c1", "c3", "c4", "c5", "c6"):
        assert contrast(colours[name], colours["card"]) >= 3, name


def contrast(one: str, other: str) -> float:
    """As WCAG defines it, of two colours `#rrggbb`."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
