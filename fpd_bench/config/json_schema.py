"""The JSON schema of sweep files, for editors that complete and check YAML. Made from the schema, never by hand.

It holds what an editor can know: keys, kinds of values, metrics, and the names of fields in grids, profiles and rows.
`fpd-bench sweep FILE --dry-run` knows the rest.
"""

import re
from typing import Any

from fpd_bench import metrics
from fpd_bench.config.fields import leaves
from fpd_bench.config.named_settings import PRESETS
from fpd_bench.config.sweeps.seeds import USUAL_LOOKS

Schema = dict[str, Any]
TEXT: Schema = {"type": ["string", "number"]}
OWN = r"plugin\.[\w-]+\.\w+"  # a plugin's own settings


def sweep_schema() -> Schema:
    """Give the schema of a sweep file as JSON values."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fpd-bench sweep",
        **_object(
            {
                "name": TEXT | {"description": "what the report's files are called; default: the file's name"},
                "title": TEXT | {"description": "over the tables"},
                "metric": _metric() | {"description": "the number of the cells", "default": metrics.OVERALL},
                "seeds": _seeds(),
                "profiles": {"type": "object", "additionalProperties": _overrides()},
                "tables": {"type": "array", "minItems": 1, "items": _table()},
            },
            required=["tables"],
        ),
    }


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _table() -> Schema:
    union = {"anyOf": [_overrides(), {"type": "array", "minItems": 1, "items": _overrides()}]}
    grid = {"anyOf": [*union["anyOf"], {"type": "object", "additionalProperties": union}]}
    return _object(
        {
            "id": TEXT,
            "caption": TEXT,
            "grid": grid | {"description": "overrides, multiplied out; a list of lists is a union; or one a profile"},
            "settings": _overrides() | {"description": "overrides for the whole table"},
            "rows": {"type": "array", "items": _row()},
            "baseline": TEXT | {"description": "the row that others are compared with"},
            "claims": {"type": "array", "items": _claim()},
            "budget_of": TEXT | {"description": "the row whose training cost all get under budget=flops or seconds"},
            "front": {"type": "string", "description": "a column of `shown` that names each row's method"},
        },
        required=["id", "grid"],
    )


def _row() -> Schema:
    where = {"type": "object", "propertyNames": {"pattern": f"^({_fields()}|{OWN})$"}}
    for_profiles = {"type": "object", "additionalProperties": {"anyOf": [where, {"type": "null"}]}}
    numbers = {"type": "object", "propertyNames": _metric(), "additionalProperties": {"type": "number"}}
    return _object(
        {
            "id": TEXT,
            "label": TEXT,
            "where": {
                "anyOf": [where, for_profiles | {"not": {"propertyNames": {"pattern": r"[.]"}}}, {"type": "null"}],
                "description": "values of the configurations that this row takes; null: published numbers only",
            },
            "published": {"anyOf": [{"type": "number"}, numbers], "description": "the paper's number, or by metric"},
            "shown": {"type": "object", "additionalProperties": TEXT, "description": "words for columns of their own"},
            "in_budget": {
                "anyOf": [_overrides(), {"type": "object", "additionalProperties": _overrides()}],
                "description": "overrides of this row under budget=flops or seconds only; or by profile",
            },
        },
        required=["id"],
    )


def _claim() -> Schema:
    return _object(
        {"better": TEXT, "worse": TEXT, "text": TEXT, "margin": {"type": "number", "minimum": 0}},
        required=["better", "worse"],
    )


def _seeds() -> Schema:
    seed: Schema = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer", "minimum": 0}}
    looks = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 2}, "default": [*USUAL_LOOKS]}
    of = {"anyOf": [{"type": "integer", "minimum": 2}, seed]}
    return {
        "anyOf": [
            seed,
            _object({"looks": looks, "of": of}, required=["looks"]),
            _object({"until": {"const": "decided"}}, required=["until"]),
        ],
        "description": "every cell is run with each of them; or looks at which more are added",
    }


def _metric() -> Schema:
    return {"enum": sorted(metrics.known())}


def _overrides() -> Schema:
    """Give a list of `field=value`."""
    return {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": f"^({_fields()}|{OWN})="}}


def _fields() -> str:
    """Write the names of all fields and presets as one pattern."""
    return "|".join(re.escape(name) for name in (*leaves(), *PRESETS))
