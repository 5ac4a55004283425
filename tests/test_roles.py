"""What a role may see and use comes from schemas/roles.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import AssistantFor

from assistant.config import ROOT
from assistant.errors import GuardRefusal, SchemaError
from assistant.sql import roles

HIDDEN = """roles:
  executive: { seconds: 7, memory_mb: 512, rows: 3, hidden: { token_usage: [user_id], cost_and_usage: [ResourceId] } }
  finance: { seconds: 60, memory_mb: 2048, rows: 10000, hidden: {} }
"""


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    (tmp_path / "schemas" / "roles.yaml").write_text(HIDDEN, encoding="utf-8")
    return tmp_path / "schemas"


def test_a_hidden_column_does_not_exist_for_the_role(schemas: Path, assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook", schemas=schemas)
    users = assistant.warehouse.catalog.small["users"]
    executive = next(str(u["user"]) for u in users if u["role"] == "executive" and not u["row_policy"])
    other = next(str(u["user"]) for u in users if u["role"] != "executive" and not u["row_policy"])
    sql = "SELECT count(DISTINCT user_id) FROM token_usage"
    with pytest.raises(GuardRefusal, match="user_id"):
        assistant.check(sql, executive)
    assert "user_id" not in [c.name for c in assistant.access(executive).tables["token_usage"].columns]
    assert "ResourceId" not in assistant.run("SELECT * FROM cost_and_usage LIMIT 1", executive)[1].columns
    assert assistant.run(sql, other)[1].rows[0][0] > 0


def test_the_limits_of_the_role_hold(schemas: Path, assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook", schemas=schemas)
    users = assistant.warehouse.catalog.small["users"]
    executive = next(str(u["user"]) for u in users if u["role"] == "executive" and not u["row_policy"])
    rows = assistant.run("SELECT ServiceName FROM cost_and_usage", executive)[1]
    assert (len(rows.rows), rows.truncated) == (3, True)
    assert assistant.access(executive).limits.seconds == 7


def test_a_mistake_names_its_line(schemas: Path) -> None:
    (schemas / "roles.yaml").write_text(
        "roles:\n  finance: { seconds: soon, memory_mb: 1, rows: 1 }\n", encoding="utf-8"
    )
    with pytest.raises(SchemaError, match="line 2"):
        roles.read(schemas)
