"""The kinds of fact the condition table is made of: statuses, roles, reasons, condition types.

Here are only the shapes and the look-up of a reason within its type; the facts themselves are in
`reasons_*` and `table`. A reason carries its status, so that no evaluator can say `True/Stalled`, and says
whether it gates, so that "not configured" never turns a summary to Unknown.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """A condition's status, as Kubernetes spells it."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Role(StrEnum):
    """What a condition does to the summary `Healthy`.

    `GATING_WHEN_CONFIGURED` gates like `GATING`; it is named apart for the reader, because unconfigured
    it has a reason that never gates.
    """

    GATING = "Gating"
    GATING_WHEN_CONFIGURED = "GatingWhenConfigured"
    ADVISORY = "Advisory"
    SUMMARY = "Summary"

    @property
    def counts(self) -> bool:
        """Whether a condition of this role can turn `Healthy`."""
        return self in {Role.GATING, Role.GATING_WHEN_CONFIGURED}


class UnknownConditionError(LookupError):
    """No condition type has this name."""


class UnknownReasonError(LookupError):
    """The condition type does not know this reason."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a condition has its status.

    Attributes:
        name: CamelCase, as it stands in `status.conditions[].reason`.
        status: the status that this reason always carries.
        meaning: one sentence for the person reading it.
        gates: False when the reason only says "not judged": such a condition never turns `Healthy`.
        remedy: what the person can do about it; empty where nothing is to be done.
    """

    name: str
    status: Status
    meaning: str
    gates: bool = True
    remedy: str = ""


def holds(name: str, meaning: str) -> Reason:
    """A reason for True."""
    return Reason(name, Status.TRUE, meaning)


def fails(name: str, meaning: str, remedy: str) -> Reason:
    """A reason for False; it always comes with a way out."""
    return Reason(name, Status.FALSE, meaning, remedy=remedy)


def undecided(name: str, meaning: str, remedy: str = "") -> Reason:
    """A reason for Unknown that should have been a verdict: it turns `Healthy` to Unknown if gating."""
    return Reason(name, Status.UNKNOWN, meaning, remedy=remedy)


def not_judged(name: str, meaning: str, remedy: str = "") -> Reason:
    """A reason for Unknown that never gates: `Healthy` lists the condition as not judged."""
    return Reason(name, Status.UNKNOWN, meaning, gates=False, remedy=remedy)


@dataclass(frozen=True, slots=True)
class ConditionType:
    """One row of the condition table.

    Attributes:
        name: CamelCase, as it stands in `status.conditions[].type`.
        role: what it does to `Healthy` unless `spec.roles` says otherwise.
        true_means: one sentence: what is so when the status is True.
        reasons: every reason that it may give, True ones first.
    """

    name: str
    role: Role
    true_means: str
    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        """Refuses two reasons of one name: a look-up by name could not tell them apart."""
        names = [reason.name for reason in self.reasons]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"condition {self.name}: reason given twice: {', '.join(twice)}")

    def reason(self, name: str) -> Reason:
        """The reason of that name.

        Raises:
            UnknownReasonError: this condition type has no such reason.
        """
        for reason in self.reasons:
            if reason.name == name:
                return reason
        known = ", ".join(reason.name for reason in self.reasons)
        raise UnknownReasonError(f"condition {self.name} has no reason {name!r}; it has: {known}")
