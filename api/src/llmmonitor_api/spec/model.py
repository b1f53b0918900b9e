"""What every section of the spec has in common: strictness, camelCase, and rules that span fields.

A rule is declared once, as a `Rule` in the model's `rules`: its Python half is run here after the fields
are valid, its CEL half goes into the CRD (`llmmonitor_api.crd`), and both give the same message. Rules
of a model run even when another of its fields is wrong, as far as they do not read that field, so that a
person sees every error at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

RULE_ERROR = "rule"


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must hold between the fields of one model.

    Attributes:
        at: the field that the error is shown at; empty for the model itself.
        reads: the fields that `holds` reads; it is run only if all of them are valid.
        message: what must be so and the way out; the same text from Python and from the API server.
        holds: the rule in Python, given the model.
        cel: the rule in CEL, with `self` the model; empty where the schema itself expresses it
            (`schema_by` says how) or cannot.
        schema_by: why there is no CEL rule.
    """

    at: str
    reads: tuple[str, ...]
    message: str
    holds: Callable[[Any], bool]
    cel: str = ""
    schema_by: str = ""

    def __post_init__(self) -> None:
        """Refuses a rule that says neither how the API server checks it nor why it does not."""
        if bool(self.cel) == bool(self.schema_by):
            raise ValueError(f"rule {self.message!r} needs exactly one of cel and schema_by")


class SpecModel(BaseModel):
    """A section of the spec: frozen, unknown fields refused, camelCase outside."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=False,
        use_attribute_docstrings=True,
        ser_json_timedelta="iso8601",
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The model's schema with the CEL half of its rules."""
        schema = handler(core_schema)
        rules = [rule for rule in cls.rules if rule.cel]
        if rules:
            handler.resolve_ref_schema(schema)["x-kubernetes-validations"] = [
                {"rule": rule.cel, "message": rule.message}
                | ({"fieldPath": f".{cls.model_fields[rule.at].alias}"} if rule.at else {})
                for rule in rules
            ]
        return schema

    @model_validator(mode="wrap")
    @classmethod
    def _every_rule(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Runs the rules after the fields, or beside those that are wrong."""
        given = data if isinstance(data, Mapping) else {}
        try:
            model = handler(data)
        except ValidationError as error:
            wrong = {str(details["loc"][0]) for details in error.errors() if details["loc"]}
            broken = cls._broken(cls._valid_part(given, wrong), given) if isinstance(data, Mapping) else []
            if not broken:
                raise
            found = [_again(details) for details in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, found + broken) from None
        values = {name: getattr(model, name) for name in cls.model_fields}
        if broken := cls._broken(values, given):
            raise ValidationError.from_exception_data(cls.__name__, broken)
        return model

    @classmethod
    def _valid_part(cls, given: Mapping[str, Any], wrong: set[str]) -> dict[str, Any]:
        """The values of the fields that are right, by the field's name."""
        values: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            keys = {field.alias or name, name}
            if keys & wrong:
                continue
            key = next((key for key in keys if key in given), None)
            if key is None:
                values[name] = field.get_default(call_default_factory=True)
            else:
                values[name] = _field_reader(cls, name).validate_python(given[key])
        return values

    @classmethod
    def _broken(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> list[InitErrorDetails]:
        """An error for each rule whose fields are all in `values` and that does not hold of them."""
        partial = SimpleNamespace(**values)
        broken = []
        for rule in cls.rules:
            if values.keys() >= set(rule.reads) and not rule.holds(partial):
                alias = (cls.model_fields[rule.at].alias or rule.at) if rule.at else ""
                broken.append(
                    InitErrorDetails(
                        type=PydanticCustomError(RULE_ERROR, "{text}", {"text": rule.message}),
                        loc=(alias,) if alias else (),
                        input=given.get(alias),
                    )
                )
        return broken


@cache  # one entry per field of the models
def _field_reader(model: type[SpecModel], name: str) -> TypeAdapter[Any]:
    """What reads one field of a model by itself."""
    field = model.model_fields[name]
    kind: Any = Annotated[field.annotation, "as the model has it", *field.metadata]
    return TypeAdapter(kind)


def _again(details: Any) -> InitErrorDetails:
    """An error as pydantic reported it, in the form in which it can be raised anew."""
    kind = details["type"]
    context = details.get("ctx", {})
    if kind in {"value_error", RULE_ERROR} or "ctx" not in details:
        kind = PydanticCustomError(kind, "{text}", {"text": details["msg"]})
        context = {}
    return InitErrorDetails(type=kind, loc=details["loc"], input=details["input"], ctx=context)
