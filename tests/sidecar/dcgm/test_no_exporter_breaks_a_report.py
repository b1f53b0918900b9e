from __future__ import annotations

import contextlib
import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.sidecar.dcgm.expositions import CHAT, OTHER

from llmmonitor_api.report.gpus import GPUs
from llmmonitor_sidecar.engines.samples import UnreadableExposition
from llmmonitor_sidecar.samplers.dcgm import exposition
from llmmonitor_sidecar.samplers.dcgm.figures import DCGMFigures
from llmmonitor_sidecar.samplers.dcgm.whose import Asking, NotTold

LONG = "x" * 300
LABEL = st.one_of(
    st.just(LONG), st.text(st.characters(codec="utf-8", exclude_characters='"\\\n'), max_size=300)
)
VALUES = st.one_of(
    st.floats(0),
    st.sampled_from([math.nan, 0.0, 1.0, 79.0, 1e15, 2.0**47, 2.0**62, 2.0**63, 2147483632.0]),
)
UNIT = st.tuples(
    st.fixed_dictionaries(
        {
            "UUID": st.one_of(st.sampled_from(["GPU-0", "GPU-1"]), LABEL),
            "namespace": st.just(CHAT.namespace),
            "pod": st.sampled_from([CHAT.name, CHAT.name, OTHER.name, ""]),
        },
        optional={
            "gpu": st.one_of(st.sampled_from(["0", "7", "9" * 4_000]), LABEL),
            "modelName": LABEL,
            "GPU_I_ID": st.one_of(st.sampled_from(["3", "5"]), LABEL),
            "GPU_I_PROFILE": LABEL,
            "Hostname": LABEL,
            "DCGM_FI_DRIVER_VERSION": LABEL,
        },
    ),
    st.dictionaries(st.sampled_from(sorted(exposition.FIELDS)), VALUES, min_size=1),
)
Units = list[tuple[dict[str, str], dict[str, float]]]


def written(units: Units) -> str:
    return "".join(
        f"{field}{{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + f"}} {figure!r}\n"
        for labels, figures in units
        for field, figure in figures.items()
    )


@given(st.lists(st.lists(UNIT, max_size=4), min_size=1, max_size=3))
def test_whatever_an_exporter_says_the_operator_can_read_the_report(looks: list[Units]) -> None:
    figures = DCGMFigures(Asking(CHAT, 1, on_the_node=True))
    for number, units in enumerate(looks):
        with contextlib.suppress(UnreadableExposition, NotTold):
            found = figures.take(exposition.read(written(units)), number * 15 * 10**9)

            sent = msgspec.json.encode(found)

            assert msgspec.json.decode(sent, type=GPUs) == found
        assert figures.energy_millijoules >= 0


@given(st.text(max_size=400), st.sampled_from(sorted(exposition.FIELDS)))
def test_whatever_text_comes_it_is_read_or_refused(text: str, field: str) -> None:
    for one in (text, f"{field}{text}", f'{field}{{UUID="GPU-0",{text}}} 1'):
        with contextlib.suppress(UnreadableExposition):
            exposition.read(one)
