"""Chats kept and resumed: Chainlit's SQLAlchemy layer, on SQLite or PostgreSQL, without its losses.

No rows of data are kept with a chat: tables and charts are fetched again, under the reader's present rights.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element
from chainlit.logger import logger
from chainlit.step import StepDict
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine

KEPT = ("id", "threadId", "type", "url", "name", "display", "forId", "mime", "props")
# Chainlit 2.12's tables. JSON is kept as text, so that SQLite and PostgreSQL are read alike.
TABLES = """
CREATE TABLE IF NOT EXISTS users (
  "id" TEXT PRIMARY KEY, "identifier" TEXT NOT NULL UNIQUE, "metadata" TEXT NOT NULL, "createdAt" TEXT
);

CREATE TABLE IF NOT EXISTS threads (
  "id" TEXT PRIMARY KEY, "createdAt" TEXT, "name" TEXT, "userId" TEXT, "userIdentifier" TEXT,
  "tags" TEXT, "metadata" TEXT, FOREIGN KEY ("userId") REFERENCES users("id") ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS steps (
  "id" TEXT PRIMARY KEY, "name" TEXT NOT NULL, "type" TEXT NOT NULL, "threadId" TEXT NOT NULL,
  "parentId" TEXT, "command" TEXT, "modes" TEXT, "streaming" BOOLEAN NOT NULL, "waitForAnswer" BOOLEAN,
  "isError" BOOLEAN, "metadata" TEXT, "tags" TEXT, "input" TEXT, "output" TEXT, "createdAt" TEXT,
  "start" TEXT, "end" TEXT, "generation" TEXT, "showInput" TEXT, "language" TEXT, "indent" INT,
  "defaultOpen" BOOLEAN, "autoCollapse" BOOLEAN, "icon" TEXT,
  FOREIGN KEY ("threadId") REFERENCES threads("id") ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS elements (
  "id" TEXT PRIMARY KEY, "threadId" TEXT, "type" TEXT, "url" TEXT, "chainlitKey" TEXT,
  "name" TEXT NOT NULL, "display" TEXT, "objectKey" TEXT, "size" TEXT, "page" INT, "language" TEXT,
  "forId" TEXT, "mime" TEXT, "props" TEXT, "autoPlay" BOOLEAN, "playerConfig" TEXT
);

CREATE TABLE IF NOT EXISTS feedbacks (
  "id" TEXT PRIMARY KEY, "forId" TEXT NOT NULL, "threadId" TEXT, "value" INT NOT NULL, "comment" TEXT
)
"""


class History(SQLAlchemyDataLayer):
    """Steps are written one after another (Chainlit #2789 loses outputs otherwise)."""

    def __init__(self, url: str) -> None:
        sqlite = url.startswith("sqlite")
        logger.disabled = True  # it warns that elements are not kept without a storage provider; ours need none
        super().__init__(url, connect_args={"timeout": 30} if sqlite else {})
        logger.disabled = False
        self._in_turn = asyncio.Lock()
        if sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare)

    async def execute_sql(self, query: str, parameters: dict[str, Any]) -> Any:
        kept = {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in parameters.items()}
        return await super().execute_sql(query, kept)

    @queue_until_user_message()  # type: ignore[no-untyped-call, untyped-decorator]
    async def create_step(self, step_dict: StepDict) -> Any:
        async with self._in_turn:
            return await super().create_step(step_dict)

    @queue_until_user_message()  # type: ignore[no-untyped-call, untyped-decorator]
    async def create_element(self, element: Element) -> None:
        """What an element is and where its content is fetched; never the content."""
        if not element.for_id:
            return
        given = element.to_dict()
        held = {name: given.get(name) for name in KEPT}
        held["props"] = json.dumps(held["props"] or {})
        names = ", ".join(f'"{name}"' for name in KEPT)
        marks = ", ".join(f":{name}" for name in KEPT)
        renewed = ", ".join(f'"{name}" = :{name}' for name in KEPT if name != "id")
        await self.execute_sql(
            f"INSERT INTO elements ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {renewed}", held
        )

    async def judged(self, run_id: str) -> str | None:
        """The answer that a feedback is about: Chainlit names the run, or the message where there is no run."""
        rows = await self.execute_sql(
            'SELECT e."props" AS props FROM elements e JOIN steps s ON e."forId" = s."id" '
            'WHERE e."name" = \'Answer\' AND (s."id" = :run OR s."parentId" = :run) ORDER BY s."createdAt" DESC',
            {"run": run_id},
        )
        return _decoded(rows[0]["props"]).get("answer_id") if rows else None

    async def get_all_user_threads(self, user_id: str | None = None, thread_id: str | None = None) -> Any:
        threads = await super().get_all_user_threads(user_id, thread_id)
        for thread in threads or []:
            for name in ("tags", "metadata"):
                thread[name] = _decoded(thread.get(name))
            for element in thread["elements"] or []:
                element["props"] = _decoded(element.get("props")) or {}
        return threads


def prepare(url: str) -> None:
    """Creates the tables that are missing. Raises SQLAlchemyError when the database can't be reached."""

    async def create() -> None:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            for statement in TABLES.split(";"):
                await connection.execute(text(statement))
        await engine.dispose()

    asyncio.run(create())


def _prepare(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in "[{n" else value
