"""What a plan asks, one question after the other, and what each may cost."""

from __future__ import annotations

from llmmonitor_api.probe_plan import BIAS_PREFIX, ProbePlan, ProbeSetting
from llmmonitor_api.report.probing import GRADED_BAD, GRADED_GOOD
from llmmonitor_sidecar.probes import judge
from llmmonitor_sidecar.probes.bias.pairs import Attribute, attribute
from llmmonitor_sidecar.probes.standing import Item
from llmmonitor_sidecar.probes.suites import suite

_CHARACTERS_A_TOKEN = 3
"""For the cost of a question before it is asked; languages with fewer are dearer than thought."""


def cost(setting: ProbeSetting) -> int:
    """Tokens that a question may take, before anybody has counted them."""
    characters = sum(len(one.content) for one in setting.messages)
    tokens = 0 if setting.answer else setting.max_tokens
    if setting.expected.judged:  # both are read once more, by another
        characters += characters + len(setting.expected.judged) + len(setting.answer)
        tokens += setting.max_tokens + judge.MOST_TOKENS
    return characters // _CHARACTERS_A_TOKEN + tokens


def items_of(plan: ProbePlan) -> tuple[tuple[Item, ...], tuple[Attribute, ...], tuple[str, ...]]:
    """The owner's probes and the suites' items; attributes of bias suites; suites that there are not."""
    items, attributes, unknown = [Item("", one) for one in plan.probes], [], []
    for name in plan.suites:
        try:
            if name.startswith(BIAS_PREFIX):
                attributes.append(attribute(name))
            else:
                items += [Item(name, one) for one in suite(name).items]
        except KeyError:
            unknown.append(name)
    for number, one in enumerate(plan.labelled):
        items.append(Item(GRADED_GOOD if number < plan.labelled_good else GRADED_BAD, one))
    return tuple(items), tuple(attributes), tuple(unknown)
