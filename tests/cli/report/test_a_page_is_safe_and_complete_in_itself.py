from __future__ import annotations

import copy
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest
from tests.cli.report.kept_weeks import Weeks

from llmmonitor_api.conditions import Status
from llmmonitor_api.status import MonitorStatus
from llmmonitor_cli.report.build import document
from llmmonitor_cli.report.document import Document, Plot, TimePlot
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.page.as_html import as_html
from llmmonitor_cli.report.page.as_json import as_json
from llmmonitor_cli.report.page.as_markdown import as_markdown
from llmmonitor_cli.report.period import Period
from llmmonitor_operator.condition_history import ConditionHistory, Step
from llmmonitor_operator.oom_kills import OOMKill
from llmmonitor_operator.versions.history import ModelChange

pytestmark = pytest.mark.timeout(300)  # four weeks take seconds to make, on a busy machine a minute or two

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>|[a](javascript:b)`</title></style>"


class Page(HTMLParser):
    """What a browser makes of a page, as far as it matters here."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "line", "rect", "circle", "path", "link", "br"} or tag == "rect":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self.open[-1:]:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def hostile(material: Material, weeks: Weeks) -> Document:
    """In which whatever strangers or clients may name is an attack."""
    versions = material.state.versions
    named = tuple(
        msgspec.structs.replace(one, name=HOSTILE, parts={HOSTILE[:40]: HOSTILE[:40]})
        for one in versions.versions[:1]
    )
    quality = material.state.quality
    pairs = tuple(msgspec.structs.replace(one, groups=(HOSTILE, HOSTILE)) for one in quality.pairs)
    state = msgspec.structs.replace(
        material.state,
        versions=msgspec.structs.replace(
            versions,
            versions=(*named, *versions.versions[1:]),
            past=(ModelChange(weeks.now - 9, HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
        ),
        condition_history=ConditionHistory(
            {
                HOSTILE: (
                    Step(int(weeks.now) - 99, Status.TRUE, HOSTILE, HOSTILE),
                    Step(int(weeks.now) - 9, Status.FALSE, HOSTILE, HOSTILE),
                )
            },
            {HOSTILE: 3},
        ),
        oom_kills=(OOMKill(HOSTILE, HOSTILE, weeks.now - 9),),
        quality=msgspec.structs.replace(quality, pairs=pairs),
        begun_anew=HOSTILE,
        begun_anew_at=weeks.now - 1,
    )
    status = copy.deepcopy(weeks.monitor["status"])
    status["engine"] |= {"model": HOSTILE, "version": HOSTILE, "missing": [HOSTILE]}
    for one in status["conditions"]:
        one["message"] = HOSTILE
    status["interactions"][0]["kind"] = HOSTILE
    changed = replace(material, state=state, status=MonitorStatus.load(status), missing=(HOSTILE,))
    return document(changed, Period(weeks.now - 86_400 * 30, weeks.now), weeks.now)


@pytest.fixture(scope="module")
def page(hostile: Document) -> Page:
    return Page(as_html(hostile))


def test_no_name_becomes_markup(page: Page) -> None:
    assert HOSTILE in "".join(page.text)
    assert page.all("script") == []
    assert page.all("img") == []
    assert not [(tag, name) for tag, found in page.tags for name in found if name.startswith("on")]
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "nav", "footer"),
        *("h1", "h2", "h3", "p", "span", "div", "b", "strong", "small", "time", "a", "ul", "li"),
        *("dl", "dt", "dd", "details", "summary", "figure", "figcaption"),
        *("table", "thead", "tbody", "tr", "th", "td"),
        *("svg", "defs", "pattern", "line", "path", "rect", "circle", "text"),
    }


def test_links_lead_within_the_page_alone(page: Page) -> None:
    ids = {found["id"] for _, found in page.tags if "id" in found}

    targets = [str(found["href"]) for found in page.all("a")]

    assert targets
    assert {one.removeprefix("#") for one in targets} <= ids
    assert not [found for _, found in page.tags if {"src", "srcset", "action", "data"} & found.keys()]


def test_nothing_is_loaded_from_anywhere(hostile: Document, page: Page) -> None:
    html = as_html(hostile)
    style = html[html.index("<style>") : html.index("</style>")]

    assert page.all("link") == []
    assert "@import" not in style
    assert "url(" not in style
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) == set()
    policy = [one for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy == [
        {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"}
    ]


def test_ids_are_unique_and_every_plot_says_what_it_shows(page: Page, hostile: Document) -> None:
    ids = [found["id"] for _, found in page.tags if "id" in found]
    plots = [one for section in hostile.sections for one in section.blocks if isinstance(one, Plot)]

    assert len(ids) == len(set(ids))
    assert len(page.all("svg")) == 2 * len(plots) > 20
    assert all(found["role"] == "img" and len(str(found["aria-label"])) > 30 for found in page.all("svg"))


def test_every_plot_has_its_numbers_in_a_table(page: Page, hostile: Document) -> None:
    text = "".join(page.text)
    points = [
        point
        for section in hostile.sections
        for one in section.blocks
        if isinstance(one, TimePlot)
        for series in one.series
        for point in series.points
    ]

    numbers = [int(found) for found in re.findall(r"The numbers \((\d+)\)", text)]

    assert sum(numbers) >= len(points)


def test_markdown_holds_no_markup_of_strangers(hostile: Document) -> None:
    text = as_markdown(hostile)

    assert "alert(1)" in text
    assert not re.search(r"(?<!\\)<", text)
    assert not re.search(r"(?<!\\)\]\(", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for before, after in pairwise(rows):
        if set(after) <= set("|-: "):
            assert len(re.findall(r"(?<!\\)\|", before)) == len(re.findall(r"(?<!\\)\|", after))


def test_json_keeps_names_as_they_are(hostile: Document) -> None:
    assert msgspec.json.decode(as_json(hostile))["subject"]["model"] == HOSTILE
