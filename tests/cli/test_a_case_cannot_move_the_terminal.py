"""Given a sidecar or a person who writes what terminals obey, then it is shown as text."""

from __future__ import annotations

import io

from rich.console import Console

from llmmonitor_api.review import Case, Drawn, Part
from llmmonitor_cli.audit import Audit
from llmmonitor_cli.audit import show as show_audit
from llmmonitor_cli.review import show
from llmmonitor_operator.audit.record import Record
from llmmonitor_operator.audit.verify import Verified

EVIL = "\x1b]0;mine\x07\x1b[2J\u202e[/bold][red]"


def test_nothing_of_a_case_is_obeyed() -> None:
    shown = io.StringIO()
    drawn = Drawn(
        case=EVIL,
        batch=EVIL,
        kind=EVIL,
        detector=EVIL,
        band="verified",
        population=1,
        sample=1,
        at=1.8e9,
    )

    show(drawn, Case((Part(EVIL, EVIL),)), Console(file=shown, width=400))

    assert not {"\x1b", "\x07", "\u202e"} & {*shown.getvalue()}
    assert shown.getvalue().count("[2J") == 5


def test_nothing_of_a_record_is_obeyed() -> None:
    shown = io.StringIO()
    record = Record(number=1, at=EVIL, who=EVIL, what=EVIL, before="", about=EVIL, why=EVIL)

    show_audit(Audit(EVIL, EVIL, Verified((record,), (EVIL,))), Console(file=shown, width=400))

    assert not {"\x1b", "\x07", "\u202e"} & {*shown.getvalue()}
