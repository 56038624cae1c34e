"""The JSON Schemas of the files that people write."""

from __future__ import annotations

import json
from typing import Any

from chainsaw.model.recipe import Recipe
from chainsaw.model.site import Instance, Site

MODELS: dict[str, Any] = {"instance": Instance, "site": Site, "recipe": Recipe}


def schema_text(kind: str) -> str:
    """Return the JSON Schema of an instance's file, of site.yaml or of a recipe.yaml."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **MODELS[kind].model_json_schema()}
    return json.dumps(content, indent=2) + "\n"
