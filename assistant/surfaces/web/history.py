"""Chats kept and resumed: Chainlit's SQLAlchemy layer, on SQLite or PostgreSQL, without its losses.

No rows of data are kept with a chat: tables and charts are fetched again, under the reader's present rights.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import deque
from typing import Any

from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element
from chainlit.logger import logger as chainlits
from chainlit.step import StepDict
from chainlit.types import PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from chainlit.user import PersistedUser
from sqlalchemy import event, text
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from assistant.errors import AssistantError

logger = logging.getLogger(__name__)
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
);

CREATE INDEX IF NOT EXISTS threads_by_user ON threads ("userId");
CREATE INDEX IF NOT EXISTS steps_by_thread ON steps ("threadId", "createdAt");
CREATE INDEX IF NOT EXISTS elements_by_thread ON elements ("threadId");
CREATE INDEX IF NOT EXISTS feedbacks_by_step ON feedbacks ("forId")
"""
THREAD = re.compile(r"[\w-]{1,64}")
WRITES = ("INSERT", "UPDATE", "DELETE")
MOST_OWED = 10_000
# A reader's chats, the one last used first; searched in what was asked and what was said.
LISTED = """
SELECT "id", "name", "createdAt", "userId", "userIdentifier",
  (SELECT MAX(s."createdAt") FROM steps s WHERE s."threadId" = t."id") AS "used"
FROM threads t
WHERE t."userId" = :user AND (:search = '' OR EXISTS (
  SELECT 1 FROM steps s
  WHERE s."threadId" = t."id" AND s."type" IN ('user_message', 'assistant_message')
    AND LOWER(s."output") LIKE :search ESCAPE '\\'))
ORDER BY "used" DESC, "createdAt" DESC, "id"
LIMIT :most OFFSET :start
"""


class History(SQLAlchemyDataLayer):
    """Steps are written one after another (Chainlit #2789 loses outputs otherwise).

    While the database can't be reached, what would be written is owed, and written when it is back.
    """

    def __init__(self, url: str) -> None:
        sqlite = url.startswith("sqlite")
        chainlits.disabled = True  # it warns that elements are not kept without a storage provider; ours need none
        super().__init__(url)
        chainlits.disabled = False
        # Parameters are what people asked: not for the log.
        more: dict[str, Any] = {"connect_args": {"timeout": 30}} if sqlite else {"pool_pre_ping": True}
        self.engine = create_async_engine(url, hide_parameters=True, **more)
        self._in_turn, self._paying = asyncio.Lock(), asyncio.Lock()
        self._owed: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MOST_OWED)
        self.failing = False  # the last write did not get there
        self._seen: dict[str, PersistedUser] = {}
        if sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare)

    async def execute_sql(self, query: str, parameters: dict[str, Any]) -> Any:
        """Rows, or how many were changed; None when the database can't be reached or has no room."""
        kept = {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in parameters.items()}
        if not query.strip().startswith(WRITES):
            return await self._execute(query, kept)
        self._owed.append((query, kept))
        async with self._paying:
            result = None
            while self._owed:
                result = await self._execute(*self._owed[0])
                self.failing = result is None
                if self.failing:
                    return None
                self._owed.popleft()
            return result

    async def _execute(self, query: str, parameters: dict[str, Any]) -> Any:
        try:
            async with self.engine.begin() as connection:
                result = await connection.execute(text(query), parameters)
                return [dict(row) for row in result.mappings()] if result.returns_rows else result.rowcount
        except (IntegrityError, ProgrammingError, DataError):
            logger.exception("a statement of the history is wrong")  # it would fail for ever
            return 0 if query.strip().startswith(WRITES) else []
        except (SQLAlchemyError, OSError):
            if not self.failing:
                logger.exception("the history can't be written or read")
            return None

    async def written(self) -> None:
        """Returns when every step up to now is written, or owed."""
        async with self._in_turn:
            pass

    async def get_user(self, identifier: str) -> PersistedUser | None:
        """Who signed in before stays known while the database can't be reached."""
        found = await super().get_user(identifier)
        if found is not None:
            self._seen[identifier] = found
        return found or self._seen.get(identifier)

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> PaginatedResponse[ThreadDict]:
        """One page of a user's chats, without their content."""
        start = int(pagination.cursor or 0)
        escaped = re.sub(r"([%_\\])", r"\\\1", (filters.search or "").lower())
        search = f"%{escaped}%" if escaped else ""
        given = {"user": filters.userId, "search": search, "most": pagination.first + 1, "start": start}
        rows = await self.execute_sql(LISTED, given) or []
        shown: list[Any] = [
            {**row, "createdAt": row.pop("used") or row["createdAt"], "steps": [], "metadata": {}}
            for row in rows[: pagination.first]
        ]
        page = PageInfo(len(rows) > pagination.first, str(start), str(start + len(shown)))
        return PaginatedResponse(page, shown)

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
        if thread_id and not THREAD.fullmatch(thread_id):
            return []  # Chainlit pastes ids into its SQL
        threads = await super().get_all_user_threads(user_id, thread_id)
        for thread in threads or []:
            for name in ("tags", "metadata"):
                thread[name] = _decoded(thread.get(name))
            for element in thread["elements"] or []:
                element["props"] = _decoded(element.get("props")) or {}
        return threads


def prepare(url: str) -> str:
    """Creates the tables that are missing, and returns the URL with its driver.

    Raises AssistantError when the database can't be reached.
    """
    url = re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", url)

    async def create() -> None:
        engine = create_async_engine(url, hide_parameters=True)
        try:
            async with engine.begin() as connection:
                for statement in TABLES.split(";"):
                    await connection.execute(text(statement))
        finally:
            await engine.dispose()

    try:
        asyncio.run(create())
    except ModuleNotFoundError:
        raise AssistantError("PostgreSQL needs its driver: `pip install 'askcost[postgres]'`.") from None
    except (SQLAlchemyError, OSError) as error:
        why = str(error).splitlines()[0]
        raise AssistantError(f"The history (ASKCOST_WEB_HISTORY) can't be opened: {why}") from None
    return url


def _prepare(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in "[{n" else value
