"""Prompt tokens a question: ours, beside the same questions with the whole schema, and beside an SQL agent's minimum.

    ASKCOST_WAREHOUSE=warehouse/askcost.duckdb python benchmarks/tokens.py [QUESTIONS…] [--today DATE]

QUESTIONS: corpus files (.yaml) or lists of questions (.txt). Tokens are o200k's when TIKTOKEN_CACHE_DIR holds its
table (tiktoken fetches it otherwise, which this never does), else characters ÷ 4, and the output says which.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import yaml

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError
from assistant.planning import completion, local, partial
from assistant.planning.local import Context, Uncovered

CASES = Path(__file__).parent.parent / "tests" / "cases"
# What LangChain's documented SQL agent sends at least: list tables, schema, check, query, answer, each with the rest.
AGENT_CALLS = 5


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=[CASES / "llm_free.txt"])
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(UTC).date())
    given = parser.parse_args()
    count, unit = counter()
    assistant = Assistant(Config())
    house, access = assistant.warehouse, assistant.access(None)
    schema = count(json.dumps(completion.schema(), separators=(",", ":")))
    ddl = "\n".join(
        f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})"
        for name, table in access.tables.items()
    )
    ours: list[int] = []
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
            except AssistantError:
                refused += 1
    asked = covered + refused + len(ours)
    print(f"{asked} questions, tokens by {unit}")
    print(f"read by the local planner, 0 tokens: {covered}; asked back or refused without a model: {refused}")
    print(f"sent to the model: {len(ours)}")
    if ours:
        whole = count(ddl) + count(completion.prompt("sql.md"))
        print(f"prompt tokens, schema included: median {median(ours):.0f}, most {max(ours)}")
        print(f"over all questions: {sum(ours) / asked:.0f} each")
        print(f"the same with every table in the prompt: {whole} each ({len(access.tables)} tables)")
        print(f"an SQL agent of {AGENT_CALLS} calls over the same tables: at least {whole * AGENT_CALLS} each")
    assistant.close()


if __name__ == "__main__":
    main()
