import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from llmmonitor_api.crd import custom_resource_definition, structural_errors
from llmmonitor_api.crd.__main__ import main
from llmmonitor_api.crd.schema import UnsupportedSchemaError, structural_schema
from llmmonitor_api.spec.model import Rule, SpecModel

FILE = Path(__file__).parents[2] / "crds" / "llmmonitors.llmmonitor.io.yaml"
VERSION = custom_resource_definition()["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]


def _every_node(node: dict[str, Any]) -> list[dict[str, Any]]:
    children = [*node.get("properties", {}).values()]
    children += [node[key] for key in ("items", "additionalProperties") if key in node]
    return [node, *(found for child in children for found in _every_node(child))]


def test_the_file_is_current() -> None:
    assert main(["--check", str(FILE)]) == 0, "run: python -m llmmonitor_api.crd"


def test_a_stale_or_missing_file_fails_the_check_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "crd.yaml"

    missing = main(["--check", str(path)])
    main([str(path)])
    fresh = main(["--check", str(path)])
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    stale = main(["--check", str(path)])

    assert (missing, fresh, stale) == (1, 0, 1)
    assert "make it anew with: python -m llmmonitor_api.crd" in capsys.readouterr().err


@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
def test_the_file_says_the_same_to_yaml_1_1_as_kubectl_reads_it_and_to_1_2(version: tuple[int, int]) -> None:
    reader = YAML(typ="safe", pure=True)
    reader.version = version

    assert reader.load(FILE) == custom_resource_definition()


def test_the_schema_keeps_every_rule_of_the_api_server() -> None:
    assert structural_errors(SCHEMA) == []


def test_metadata_is_left_to_the_api_server() -> None:
    assert SCHEMA["properties"]["metadata"] == {"type": "object"}


def test_the_names_columns_and_subresource_are_those_of_the_design() -> None:
    definition = custom_resource_definition()

    assert definition["metadata"]["name"] == "llmmonitors.llmmonitor.io"
    assert definition["spec"]["scope"] == "Namespaced"
    assert definition["spec"]["names"]["shortNames"] == ["llmm"]
    assert definition["spec"]["names"]["categories"] == ["all"]
    assert VERSION["subresources"] == {"status": {}}
    assert [column["name"] for column in VERSION["additionalPrinterColumns"]] == [
        "Engine", "Pods", "Healthy", "Reason", "TTFT-P99", "Tokens/s", "Cost/1M", "Age",
    ]  # fmt: skip


COLUMNS = {column["name"]: column for column in VERSION["additionalPrinterColumns"]}


@pytest.mark.parametrize("name", sorted(COLUMNS.keys() - {"Age"}))
def test_every_printer_column_points_at_a_field_of_its_type(name: str) -> None:
    path = COLUMNS[name]["jsonPath"].replace('[?(@.type=="Healthy")]', "[]")

    node = SCHEMA
    for part in path.removeprefix(".").split("."):
        node = node["properties"][part.removesuffix("[]")]
        node = node["items"] if part.endswith("[]") else node

    assert node["type"] == COLUMNS[name]["type"]


def test_every_rule_that_can_be_said_in_cel_is_in_the_schema() -> None:
    def models(kind: type[BaseModel]) -> set[type[BaseModel]]:
        return {kind, *(deeper for sub in kind.__subclasses__() for deeper in models(sub))}

    declared = {
        rule.cel
        for model in models(SpecModel)
        if model.__module__.startswith("llmmonitor_api.")
        for rule in getattr(model, "rules", ())
        if rule.cel
    }
    carried = {
        rule["rule"] for node in _every_node(SCHEMA) for rule in node.get("x-kubernetes-validations", [])
    }

    assert declared <= carried
    assert len(declared) > 15


def test_a_rule_without_cel_must_say_why() -> None:
    with pytest.raises(ValueError, match="exactly one of cel and schema_by"):
        Rule(at="", reads=(), message="m", holds=bool)


def _spec(schema: dict[str, Any]) -> Any:
    return schema["properties"]["spec"]["properties"]


def _objective(schema: dict[str, Any]) -> Any:
    return _spec(schema)["performance"]["properties"]["objectives"]["items"]


BREAKAGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "an untyped node": (lambda s: _spec(s)["target"]["properties"]["port"].pop("type"), "type is None"),
    "a reference": (lambda s: _spec(s)["target"].update({"$ref": "#/x"}), r"\$ref is not allowed"),
    "a union": (lambda s: _spec(s)["holdFor"].update(anyOf=[{"type": "string"}]), "anyOf is used for"),
    "an open object": (
        lambda s: _spec(s)["target"].update(additionalProperties={"type": "integer"}, maxProperties=9),
        "exclude each other",
    ),
    "a default that its pattern refuses": (
        lambda s: _objective(s)["properties"]["window"].update(default="week"),
        "'week' does not match",
    ),
    "a default of the wrong type": (
        lambda s: _spec(s)["existingPods"].update(default=False),
        "False is no string",
    ),
    "a default with a field that is pruned": (
        lambda s: _spec(s)["sampling"]["default"].update(hourly=1),
        "unknown field",
    ),
    "a default without its fields' defaults": (
        lambda s: _spec(s)["sampling"].update(default={}),
        "CEL rules are run on it",
    ),
    "a list-map key that may be absent": (
        lambda s: _objective(s)["required"].remove("name"),
        "must be required or have a default",
    ),
    "a list-map without its key": (
        lambda s: _spec(s)["quality"]["properties"]["probes"].pop("x-kubernetes-list-map-keys"),
        "needs them",
    ),
    "an unlimited list": (
        lambda s: _spec(s)["quality"]["properties"]["probes"].pop("maxItems"),
        "an array needs maxItems",
    ),
    "an unlimited map": (
        lambda s: _spec(s)["selector"]["properties"]["matchLabels"].pop("maxProperties"),
        "a map needs maxProperties",
    ),
    "an unlimited text": (
        lambda s: _spec(s)["target"]["properties"]["model"].pop("maxLength"),
        "a text needs maxLength",
    ),
    "a rule without a message": (
        lambda s: _spec(s)["selector"]["x-kubernetes-validations"][0].pop("message"),
        "needs a message",
    ),
    "a rule without a rule": (
        lambda s: _spec(s)["selector"]["x-kubernetes-validations"][0].pop("rule"),
        "without a rule",
    ),
    "a rule at a field that is none": (
        lambda s: _spec(s)["cost"]["x-kubernetes-validations"][0].update(fieldPath=".price"),
        "fieldPath .price is no field",
    ),
    "a required field that is none": (
        lambda s: s["properties"]["spec"]["required"].append("x"),
        "required x is no property",
    ),
    "a field without a description": (lambda s: _spec(s)["cost"].pop("description"), "has no description"),
    "a typed int-or-string": (
        lambda s: _spec(s)["quality"]["properties"]["tokensPerDay"].update(type="string"),
        "int-or-string has no type",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_the_checker_finds(name: str) -> None:
    breaking, message = BREAKAGES[name]
    schema = copy.deepcopy(SCHEMA)

    breaking(schema)

    found = structural_errors(schema)
    assert len(found) == 1
    assert re.search(message, found[0])


def test_a_model_that_no_structural_schema_can_say_is_refused_with_its_path() -> None:
    class Union(BaseModel):
        port: int | str

    class Open(BaseModel):
        anything: dict[str, Any]

    with pytest.raises(UnsupportedSchemaError, match=r"Union\.port: a union of 2 types"):
        structural_schema(Union)
    with pytest.raises(UnsupportedSchemaError, match=r"Open\.anything: an object without"):
        structural_schema(Open)


def test_sections_have_defaults_in_full_so_that_kubectl_get_shows_what_holds() -> None:
    assert _spec(SCHEMA)["sampling"]["default"] == {"reportInterval": "15s", "resourceInterval": "1s"}
    assert _spec(SCHEMA)["interception"]["properties"]["maxAddedLatency"]["default"] == "5ms"
    assert "default" not in _spec(SCHEMA)["selector"]
