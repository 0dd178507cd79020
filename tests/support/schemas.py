"""The schemas of docs/json.md, and what does not fit them."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "json.md"


def documented_schemas() -> dict[str, Any]:
    """The schemas of the page, by the heading that each stands under."""
    _, *rest = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return {
        title: json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
        for title, text in zip(rest[::2], rest[1::2], strict=True)
    }


def misfits(title: str, told: Any) -> list[str]:
    """What of an object does not fit its schema: where, and why."""
    jsonschema = import_module("jsonschema")  # it has no types, and comes with the notebooks
    validator = jsonschema.Draft202012Validator(documented_schemas()[title])
    validator.check_schema(validator.schema)
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(told)]
