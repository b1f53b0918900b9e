"""What of a sidecar is set for good when it is put in, and is not as the spec has it now. Pure.

Everything else reaches a running sidecar by a push. The image is not among it: another version is no other
setting, and no reason to restart a model.
"""

from __future__ import annotations

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_api.spec.interception import InterceptionMode
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.pods.pod import OurSidecar
from llmmonitor_operator.pods.serving import Serving

_MODES = {
    InterceptionMode.OFF: {Mode.OFF},
    InterceptionMode.PORT: {Mode.LISTEN, Mode.OFF},
    InterceptionMode.AUTO: {Mode.TRANSPARENT, Mode.OFF},
    InterceptionMode.TRANSPARENT: {Mode.TRANSPARENT, Mode.OFF},
}
"""In which of its modes a sidecar serves a spec; another one cannot be pushed to it."""


def not_to_be_pushed(monitor: LLMMonitor, sidecar: OurSidecar, serving: Serving) -> str:
    """What differs, in words; empty when nothing does."""
    wanted = monitor.spec.interception.mode
    if sidecar.mode not in _MODES[wanted]:
        return f"it was started in mode {sidecar.mode}, and spec.interception.mode is now {wanted.value}"
    port = sidecar.environment.get("LLM_MONITOR_TARGET_PORT", "")
    if port != str(serving.port):
        return f"it watches port {port}, and the model serves on {serving.port} ({serving.because})"
    return ""
