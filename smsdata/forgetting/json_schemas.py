"""What a table of JSON (of pandas: `to_json(orient="table")`) says of its columns, once values went.

pandas reads such a table only where each value fits the type of its column. Imports nothing of smsdata.
"""

from __future__ import annotations

from typing import Any

_NO_TEXTS = frozenset({"integer", "number", "boolean", "datetime"})
_WITH_GAPS = {"integer": "Int64", "boolean": "boolean"}
"""By the type of a column, the one of pandas that may hold nothing in some rows."""


def is_schema(facts: Any) -> bool:
    """Whether it names columns and their types."""
    fields = facts.get("fields") if isinstance(facts, dict) else None
    return isinstance(fields, list) and all(
        isinstance(one, dict) and isinstance(one.get("name"), str) and "type" in one for one in fields
    )


def places_of_rows(schema: dict[str, Any]) -> list[str]:
    """The columns that say the place of each row (its index)."""
    keys = schema.get("primaryKey", [])
    return [keys] if isinstance(keys, str) else keys


def fields_that_fit(before: Any, after: Any) -> list[dict[str, Any]]:
    """The columns of a table as its values have them now, from the table as it was and as it is."""
    pairs = zip(before["schema"]["fields"], after["schema"]["fields"], strict=True)
    return [
        _field_that_fits(
            field,
            [row.get(old["name"]) for row in before["data"]],
            [row.get(field["name"]) for row in after["data"]],
            old,
        )
        for old, field in pairs
    ]


def _field_that_fits(
    field: dict[str, Any], before: list[Any], after: list[Any], old: dict[str, Any]
) -> dict[str, Any]:
    if before == after:
        return field
    made = dict(field)
    if field["type"] in _NO_TEXTS and any(
        isinstance(new, str) and new != was for was, new in zip(before, after, strict=True)
    ):
        made["type"] = "any"
        made.pop("extDtype", None)
    elif None in after and field["type"] in _WITH_GAPS:
        made.setdefault("extDtype", _WITH_GAPS[field["type"]])
    listed = (old.get("constraints") or {}).get("enum")
    if isinstance(listed, list):
        lost = [one for one in before if one not in after]
        kept = [one for one in listed if one not in lost]
        made["constraints"] = made["constraints"] | {
            "enum": kept + [one for one in dict.fromkeys(after) if one is not None and one not in kept]
        }
    return made
