"""Conditions in words are read strictly: a guess would open or close somebody's data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor

from assistant.errors import Clarify
from assistant.planning import local

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "conditions.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"] or "empty")
def test_a_condition_is_read_strictly(case: dict[str, Any], assistant_for: AssistantFor) -> None:
    lexicon = assistant_for("tarnbrook").warehouse.lexicon
    if "asks" in case:
        with pytest.raises(Clarify, match=case["asks"]):
            local.filters(case["text"], lexicon)
    else:
        found = local.filters(case["text"], lexicon)
        assert [[f.dimension, f.op, list(f.values)] for f in found] == case["filters"]
