"""What a role may see and use comes from schemas/roles.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import AssistantFor

from assistant.config import ROOT, Config
from assistant.errors import GuardRefusal, LoadError, SchemaError
from assistant.sql import roles
from assistant.surfaces.cli import loading

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


GROUPS = """roles:
  executive: {{ seconds: 30, memory_mb: 512, rows: 10000 }}
  finance: {{ seconds: 60, memory_mb: 2048, rows: 10000 }}
  analyst: {{ seconds: 60, memory_mb: 2048, rows: 10000, row_policy: {policy} }}
groups:
  - name: cloud desk
    teams: [{team}]
    users: [somebody.else]
    row_policy: provider is AWS
    hidden: {{ cost_and_usage: [ResourceId] }}
"""


def test_the_policies_of_a_user_their_role_and_their_groups_all_hold(
    schemas: Path, assistant_for: AssistantFor
) -> None:
    users = assistant_for("demo").warehouse.catalog.small["users"]
    analyst = next(u for u in users if u["role"] == "analyst" and u["team"] and not u["row_policy"])
    policy = "service category is Compute"
    text = GROUPS.format(policy=policy, team=analyst["team"])
    (schemas / "roles.yaml").write_text(text, encoding="utf-8")
    assistant = assistant_for("demo", schemas=schemas)
    where = "ProviderName = 'AWS' AND ServiceCategory = 'Compute'"
    want = assistant.run(f"SELECT sum(EffectiveCost), count(*) FROM cost_and_usage WHERE {where}")[1].rows
    name = str(analyst["user"])
    assert assistant.run("SELECT sum(EffectiveCost), count(*) FROM cost_and_usage", name)[1].rows == want
    assert assistant.access(name).note == f"you see {policy}, and provider is AWS only"
    with pytest.raises(GuardRefusal, match="ResourceId"):
        assistant.check("SELECT ResourceId FROM cost_and_usage", name)
    others = [u for u in users if u["team"] != analyst["team"] and u["role"] != "analyst" and not u["row_policy"]]
    assert assistant.access(str(others[0]["user"])).note is None


@pytest.mark.parametrize("policy", ["service category is Computte", "provider is", "cost over 5"])
def test_a_policy_that_cannot_be_read_stops_the_load(policy: str, schemas: Path, tmp_path: Path) -> None:
    (schemas / "roles.yaml").write_text(GROUPS.format(policy=policy, team="x"), encoding="utf-8")
    config = Config(warehouse=tmp_path / "costs.duckdb", schemas=schemas)
    sample = ROOT / "tests" / "data" / "small_bill.csv"
    with pytest.raises(LoadError, match=r"Nothing was loaded. The row policy of 'analyst' can't be read"):
        loading.load(config, (str(sample),), None, False, False)
    assert not config.warehouse.exists()


def test_a_group_of_nobody_names_its_line(schemas: Path) -> None:
    text = GROUPS.format(policy="provider is AWS", team="x") + "  - { name: empty }\n"
    (schemas / "roles.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=r"line 11: the group `empty` has nobody"):
        roles.read(schemas)


def test_a_mistake_names_its_line(schemas: Path) -> None:
    (schemas / "roles.yaml").write_text(
        "roles:\n  finance: { seconds: soon, memory_mb: 1, rows: 1 }\n", encoding="utf-8"
    )
    with pytest.raises(SchemaError, match="line 2"):
        roles.read(schemas)
