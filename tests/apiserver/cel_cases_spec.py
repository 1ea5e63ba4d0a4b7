"""Cases for what an Experiment is: its identity, parameters, data and what may change later."""

from __future__ import annotations

from tests.apiserver.cel_case import (
    COLUMN,
    CONTRACT,
    ENTRY,
    FIRST_COLUMN,
    MEMBER_NAMES,
    NEW,
    SPEC,
    WRONG_ORDER,
    Case,
    experiment,
    fixed,
    rising,
    searched,
)
from tests.apiserver.samples import ABSENT, DIGEST

IDENTITY = (
    experiment(
        "",
        "metadata.name may have at most 40 characters: Jobs and pods are named after it",
        accepted={"metadata.name": "n" * 40},
        refused={"metadata.name": "n" * 41},
    ),
    Case(
        "Experiment",
        "",
        f"the winner is chosen, so the budget cannot change any more: {NEW}",
        accepted={"spec.suspend": True},
        refused={"spec.budget.maxTrials": 4},
        stored={},
        stored_status={"status.winner": 1},
    ),
    fixed("model", "cannot be changed", {"spec.model": "trains"}),
    fixed("dataContract", "cannot be changed", {"spec.dataContract.label": "cancelled"}),
    fixed("data", "cannot be changed", {"spec.data[0].uri": "oci://registry.example/flights/train:next"}),
    fixed("objective", "cannot be changed", {"spec.objective.goal": "maximize"}),
    fixed("trial", "cannot be changed", {"spec.trial.retries": 1}),
    fixed("evaluation", "cannot be changed", {"spec.evaluation.gates[0].min": "0.1"}),
    fixed("seed", "cannot be added, removed or changed", {"spec.seed": 7}),
    fixed(
        "code",
        "cannot be added, removed or changed",
        {"spec.code": {"repository": "https://git.example/flights", "revision": "4f1c0de"}},
    ),
    fixed("parameters", "cannot be added, removed or changed", {"spec.parameters.iterations": "61"}),
    fixed("search", "cannot be added, removed or changed", {"spec.search.parameters[0].max": "32"}),
    rising("maxTrials"),
    rising("parallelTrials"),
    rising("maxFailedTrials"),
)

PARAMETERS = (
    experiment(
        SPEC,
        "budget.maxTrials above 1 needs search: without it all trials would be the same",
        accepted={"spec.search": ABSENT, "spec.budget": ABSENT, "spec.trial.args": []},
        refused={"spec.search": ABSENT, "spec.budget": {"maxTrials": 2}, "spec.trial.args": []},
    ),
    experiment(
        SPEC,
        "a parameter may stand in parameters or in search.parameters, not in both",
        accepted={"spec.parameters.depth": "3"},
        refused={"spec.parameters.leaves": "8"},
    ),
    experiment(
        SPEC,
        "trial.args uses a $(params.<name>) that is neither in parameters nor in search.parameters",
        accepted={"spec.trial.args": ["--a=$(params.leaves) --b=$(params.iterations) $(OTHER) $x"]},
        refused={"spec.trial.args": ["--a=$(params.leaves) --b=$(params.depth)"]},
    ),
    experiment(
        SPEC,
        "one of trial.args uses more than 8 parameters: split it, or read /trimtab/in/params.json",
        accepted={"spec.trial.args": ["$(params.leaves)" * 8]},
        refused={"spec.trial.args": ["$(params.leaves)" * 9]},
    ),
    experiment(
        "spec.parameters",
        MEMBER_NAMES,
        accepted={"spec.parameters": {"_a.b-C9": "1", "iterations": "60"}},
        refused={"spec.parameters": {"9lives": "1", "iterations": "60"}},
    ),
    experiment(
        "spec.budget",
        "parallelTrials may not be greater than maxTrials",
        accepted={"spec.budget": {"maxTrials": 2, "parallelTrials": 2}},
        refused={"spec.budget": {"maxTrials": 2, "parallelTrials": 3}},
    ),
    searched(
        "a categorical parameter needs values, and takes no min, max or scale",
        accepted={"name": "leaves", "type": "categorical", "values": ["8", "16"]},
        refused={"name": "leaves", "type": "categorical", "values": ["8"], "min": "1"},
    ),
    searched(
        "a double or int parameter needs min and max, and takes no values",
        accepted={"name": "leaves", "type": "double", "min": "0.5", "max": "1e3"},
        refused={"name": "leaves", "type": "double", "min": "0.5"},
    ),
    searched(
        WRONG_ORDER,
        accepted={"name": "leaves", "type": "int", "min": "9", "max": "31"},
        refused={"name": "leaves", "type": "int", "min": "31", "max": "9"},
    ),
    searched(
        'min and max of an int parameter must be whole numbers, such as "4"',
        accepted={"name": "leaves", "type": "int", "min": "-4", "max": "31"},
        refused={"name": "leaves", "type": "int", "min": "4", "max": "31.5"},
    ),
    searched(
        "scale: log needs min above 0",
        accepted={"name": "leaves", "type": "double", "min": "0.001", "max": "1", "scale": "log"},
        refused={"name": "leaves", "type": "double", "min": "0", "max": "1", "scale": "log"},
    ),
)

DATA = (
    experiment(
        "spec.data",
        "data needs an entry with split: train",
        accepted={"spec.data[4]": {"name": "more", "split": "train", "uri": "oci://registry.example/more:1"}},
        refused={"spec.data[0].split": "validation"},
    ),
    experiment(
        "spec.data",
        "data needs an entry with split: validation",
        accepted={
            "spec.data[4]": {"name": "more", "split": "validation", "uri": "oci://registry.example/more:1"}
        },
        refused={"spec.data[1].split": "train"},
    ),
    experiment(
        "spec.data",
        "data needs exactly one entry with split: evaluation",
        refused={
            "spec.data[4]": {"name": "more", "split": "evaluation", "uri": "oci://registry.example/more:1"}
        },
    ),
    experiment(
        "spec.data",
        "data needs exactly one entry with split: reference",
        refused={"spec.data[3].split": "train"},
    ),
    experiment(
        ENTRY,
        "uri must have the form oci://<host>/<repository>:<tag> or oci://<host>/<repository>@sha256:<digest>",
        accepted={"spec.data[0].uri": f"oci://localhost:5000/a/b__c/d-e@{DIGEST}"},
        refused={"spec.data[0].uri": "s3://bucket/train:current"},
    ),
    experiment(
        ENTRY,
        "uri needs a tag or a digest: append :<tag> or @sha256:<digest>",
        accepted={"spec.data[0].uri": "oci://registry.example:5000/train:2013-07"},
        refused={"spec.data[0].uri": "oci://registry.example:5000/train"},
    ),
    experiment(
        CONTRACT,
        "label may not be the time or group column as well",
        accepted={"spec.dataContract.groupColumn": "time_hour"},
        refused={"spec.dataContract.label": "date"},
    ),
    experiment(
        CONTRACT,
        "columns must declare at least one feature besides the label, time and group columns",
        accepted={"spec.dataContract.columns": {"late": {"type": "int"}, "temp": {"type": "double"}}},
        refused={"spec.dataContract.columns": {"late": {"type": "int"}, "date": {"type": "string"}}},
    ),
    experiment(
        CONTRACT,
        "label, time and group columns may not be nullable",
        accepted={"spec.dataContract.columns.date": {"type": "string", "nullable": False}},
        refused={"spec.dataContract.columns.date": {"type": "string", "nullable": True}},
    ),
    experiment(
        CONTRACT,
        "column names that start with trimtab_ are reserved: rename the column",
        accepted={"spec.dataContract.columns.trimtab": {"type": "string"}},
        refused={"spec.dataContract.columns.trimtab_row": {"type": "string"}},
    ),
    experiment(
        "spec.dataContract.columns",
        MEMBER_NAMES,
        accepted={"spec.dataContract.columns": {"a" * 63: {"type": "int"}}},
        refused={"spec.dataContract.columns": {"a" * 64: {"type": "int"}}},
    ),
    experiment(
        COLUMN,
        "range is for double and int columns",
        accepted={FIRST_COLUMN: {"type": "int", "range": {"min": "0"}}},
        refused={FIRST_COLUMN: {"type": "string", "range": {"min": "0"}}},
    ),
    experiment(
        COLUMN,
        "categories are for string columns",
        accepted={FIRST_COLUMN: {"type": "string", "categories": ["AA", "UA"]}},
        refused={FIRST_COLUMN: {"type": "int", "categories": ["1", "2"]}},
    ),
    experiment(
        COLUMN + ".range",
        "range needs min, max or both",
        accepted={FIRST_COLUMN + ".range": {"max": "130"}},
        refused={FIRST_COLUMN + ".range": {}},
    ),
    experiment(
        COLUMN + ".range",
        WRONG_ORDER,
        accepted={FIRST_COLUMN + ".range": {"min": "-60", "max": "130"}},
        refused={FIRST_COLUMN + ".range": {"min": "130", "max": "-60"}},
    ),
)

CASES = (*IDENTITY, *PARAMETERS, *DATA)
