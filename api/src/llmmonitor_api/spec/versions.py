"""What a version of the model is, and how much worse it may be: `spec.versions`."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from llmmonitor_api.quantities import Percentage
from llmmonitor_api.spec.limits import share_above_zero
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import LabelKey


class VersionSource(StrEnum):
    """What tells versions apart."""

    FINGERPRINT = "Fingerprint"
    IMAGE = "Image"
    LABEL = "Label"


class Versions(SpecModel):
    """How versions are told apart and compared."""

    by: VersionSource = VersionSource.FINGERPRINT
    """Fingerprint: anything that can change answers (weights, engine, flags); Image: the container's
    digest; Label: a label of the pod."""
    label: LabelKey | None = None
    """The pod's label that names the version; only with by: Label."""
    margin: Annotated[Percentage, share_above_zero()] = Decimal("0.05")
    """Differences below this share count as none."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="label",
            reads=("by", "label"),
            message="label must be given with by: Label, and only then",
            holds=lambda one: (one.by is VersionSource.LABEL) == (one.label is not None),
            cel="(self.by == 'Label') == has(self.label)",
        ),
    )
