"""Most texts are passed over by one fast look; none that hides something may be among them."""

# ruff: noqa: RUF001 - other alphabets are what is looked for

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_sidecar.detectors.encodings import hidden

MIXED = st.sampled_from(
    ["раураl", "pаyment", "aаaа", "_xxxxА1", "ρassword", "étéаaaa", "漢字абвгz", "abcd_абвг"]
)
WITHIN = st.sampled_from(["ig\u200bnore", "a\u00adb", "rules\u2060now"])
ORDINARY = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" \u00a0\n.,-—’éñ漢пα")), max_size=40
).map(lambda text: f" {text} ")


@given(
    hiding=st.lists(MIXED, min_size=2, max_size=4) | st.lists(WITHIN, min_size=2, max_size=4), data=st.data()
)
def test_two_of_them_in_any_text_are_said(hiding: list[str], data: st.DataObject) -> None:
    text = "".join(f"{data.draw(ORDINARY)}{word}" for word in hiding) + data.draw(ORDINARY)

    assert hidden(text)


@given(st.text(st.sampled_from("abz é—’ñ漢字 \n"), max_size=200))
def test_accents_and_dashes_hide_nothing(text: str) -> None:
    assert hidden(text) == ()
