"""Prompt tokens a question: ours, beside the same questions with the whole schema, and beside an SQL agent's.

    ASKCOST_WAREHOUSE=warehouse/askcost.duckdb python benchmarks/tokens.py [QUESTIONS…] [--today DATE]

QUESTIONS: corpus files (.yaml) or lists of questions (.txt). Tokens are o200k's when TIKTOKEN_CACHE_DIR holds its
table (tiktoken fetches it otherwise, which this never does), else characters ÷ 4, and the output says which.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import yaml

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError
from assistant.planning import completion, local, partial
from assistant.planning.local import Context, Uncovered
from assistant.planning.meter import MOST_CALLS
from assistant.values import TableAccess

CASES = Path(__file__).parent.parent / "tests" / "cases"
# The SQL agent of LangChain's documentation, at its least: no wrong turn, tool descriptions of one line. Its calls:
# which tables are there → what do these look like (columns and three rows) → check this query → run it → answer.
AGENT = (
    "You are an agent designed to interact with a SQL database. Given an input question, create a syntactically "
    "correct duckdb query to run, then look at the results of the query and return the answer. Unless the user "
    "specifies a specific number of examples they wish to obtain, always limit your query to at most 5 results. You "
    "can order the results by a relevant column to return the most interesting examples in the database. Never query "
    "for all the columns from a specific table, only ask for the relevant columns given the question. You MUST double "
    "check your query before executing it. If you get an error while executing a query, rewrite the query and try "
    "again. DO NOT make any DML statements (INSERT, UPDATE, DELETE, DROP etc.) to the database. To start you should "
    "ALWAYS look at the tables in the database to see what you can query. Do NOT skip this step. Then you should query "
    "the schema of the most relevant tables."
)
# What it writes and reads at the end, for a breakdown of three rows.
SQL = (
    "SELECT Tags['team'] AS team, sum(EffectiveCost) AS cost FROM cost_and_usage WHERE ChargePeriodStart >= DATE "
    "'2026-10-01' AND ChargePeriodStart < DATE '2026-11-01' GROUP BY 1 ORDER BY 2 DESC LIMIT 5"
)
ROWS = "[('Payments', Decimal('12345.67')), ('Lending', Decimal('9876.54')), ('Fraud', Decimal('8765.43'))]"
TOOLS = "sql_db_list_tables() sql_db_schema(table_names) sql_db_query_checker(query) sql_db_query(query)"


def counter() -> tuple[Callable[[str], int], str]:
    if "TIKTOKEN_CACHE_DIR" not in os.environ:
        return lambda text: len(text) // 4, "characters / 4"
    import tiktoken

    encoding = tiktoken.get_encoding("o200k_base")
    return lambda text: len(encoding.encode(text)), "o200k"


def questions(file: Path) -> list[tuple[str, date | None]]:
    if file.suffix == ".txt":
        return [(line, None) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    items = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [(i["question"], date.fromisoformat(str(i["today"])) if i.get("today") else None) for i in items]


def create(table: TableAccess) -> str:
    return f"CREATE TABLE {table.name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})"


class Agent:
    """Prompt tokens of the agent's five calls, each with everything before it."""

    def __init__(self, assistant: Assistant, count: Callable[[str], int]) -> None:
        self._assistant, self._count = assistant, count
        self._access = assistant.access(None)
        self._shown: dict[str, str] = {}

    def tokens(self, question: str, tables: Sequence[str], sql: str, rows: str) -> int:
        turns = [
            "\n".join((AGENT, TOOLS, question)),
            ", ".join(self._access.tables),
            "\n".join(self._table(name) for name in tables),
            f"{sql}\nDouble check the query for common mistakes. {sql}",
            f"{sql}\n{rows}",
        ]
        sizes = [self._count(turn) for turn in turns]
        return sum(sum(sizes[: n + 1]) for n in range(len(sizes)))

    def _table(self, name: str) -> str:
        if name not in self._shown:
            _, sample = self._assistant.run(f"SELECT * FROM {name} LIMIT 3")
            self._shown[name] = "\n".join((create(self._access.tables[name]), *map(str, sample.rows)))
        return self._shown[name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=[CASES / "llm_free.txt"])
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(UTC).date())
    given = parser.parse_args()
    count, unit = counter()
    assistant = Assistant(Config())
    house, access = assistant.warehouse, assistant.access(None)
    schema = count(json.dumps(completion.schema(), separators=(",", ":")))
    whole = count("\n".join(map(create, access.tables.values()))) + count(completion.prompt("sql.md"))
    agent = Agent(assistant, count)
    ours: list[int] = []
    agents: list[int] = []
    covered = refused = 0
    for file in given.files:
        for text, day in questions(file):
            context = Context(day or given.today)
            try:
                local.read(text, house.lexicon, context)
                covered += 1
            except Uncovered as unsure:
                part = partial.of(text, unsure.words, house.lexicon, context, access)
                messages = completion.plan_messages(part, house.lexicon, context)
                ours.append(schema + sum(count(said) for _, said in messages))
                tables = house.model.datasets[next(iter(part.metrics))].tables
                agents.append(agent.tokens(text, tables, SQL, ROWS))
            except AssistantError:
                refused += 1
    asked = covered + refused + len(ours)
    print(f"{asked} questions, tokens by {unit}")
    print(f"read by the local planner, 0 tokens: {covered} ({covered / asked:.0%})")
    print(f"asked back or refused without a model: {refused}")
    print(f"sent to the model: {len(ours)}, at most {MOST_CALLS} calls each")
    if ours:
        print(f"prompt tokens, schema included: median {median(ours):.0f}, most {max(ours)}")
        print(f"over all questions: {sum(ours) / asked:.0f} each")
        print(
            f"the same with every table in the prompt: {whole} each ({len(access.tables)} tables), without the question"
        )
        print(f"an SQL agent without a wrong turn: median {median(agents):.0f} each, in five calls")
    assistant.close()


if __name__ == "__main__":
    main()
