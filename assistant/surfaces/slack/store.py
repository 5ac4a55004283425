"""What several bots remember together, in one SQLite file beside the warehouse. Knows no Slack and no costs.

A job is taken by one bot, for a lease that it renews; what a dead bot held, another takes. Each job's posted messages
are kept with it, so that whoever finishes it updates them instead of posting twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KEPT_DAYS = 7
MOST_TRIES = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  key TEXT PRIMARY KEY, job TEXT NOT NULL, place TEXT NOT NULL, at REAL NOT NULL, owner TEXT,
  until REAL NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (done, place);
CREATE TABLE IF NOT EXISTS posts (
  key TEXT NOT NULL, slot TEXT NOT NULL, channel TEXT NOT NULL, ts TEXT NOT NULL, stream INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0, answer_id TEXT, thread TEXT, at REAL NOT NULL, PRIMARY KEY (key, slot));
CREATE INDEX IF NOT EXISTS posts_place ON posts (channel, ts);
CREATE TABLE IF NOT EXISTS threads (thread TEXT NOT NULL, slack_user TEXT NOT NULL, PRIMARY KEY (thread, slack_user));
CREATE TABLE IF NOT EXISTS choices (answer_id TEXT NOT NULL, n INTEGER NOT NULL, text TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (answer_id, n));
CREATE TABLE IF NOT EXISTS channels (channel TEXT PRIMARY KEY, room TEXT, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS people (slack_user TEXT PRIMARY KEY, human INTEGER NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS saved (user TEXT NOT NULL, question TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (user, question));
CREATE TABLE IF NOT EXISTS feedback (answer_id TEXT NOT NULL, user TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (answer_id, user));
"""


@dataclass(frozen=True)
class Job:
    """One thing that somebody asked for. `key` is the same for every delivery of the same request.

    do: ask `text`, change the answer by `text`, or send its file. thread: the ts that replies go under.
    """

    key: str
    do: str
    slack_user: str
    channel: str
    thread: str | None = None
    text: str = ""
    answer_id: str = ""
    team: str = ""


@dataclass(frozen=True)
class Post:
    """A message of ours. stream: it is still open for chunks. thread: the conversation that its answer belongs to."""

    channel: str
    ts: str
    stream: bool = False
    done: bool = False
    answer_id: str | None = None
    thread: str | None = None


class Store:
    """One file, for threads and processes. Raises sqlite3.Error when it can't be written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        path.chmod(0o600)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def _rows(self, text: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(text, values).fetchall()

    def _write(self, text: str, *values: Any) -> int:
        with self._writing() as db:
            return db.execute(text, values).rowcount

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # --- jobs -----------------------------------------------------------------------------------------

    def put(self, job: Job) -> bool:
        """Whether it is new; False for a request that was delivered before."""
        place = f"{job.channel or job.slack_user}:{job.thread or ''}"
        text = "INSERT OR IGNORE INTO jobs (key, job, place, at) VALUES (?, ?, ?, ?)"
        return self._write(text, job.key, json.dumps(asdict(job)), place, time.time()) > 0

    def take(self, owner: str, lease: float, most: int) -> list[Job]:
        """Open jobs, oldest first, that nobody holds; they are the owner's until the lease ends.

        In one conversation a question waits for the one before it, which it may continue.
        """
        now = time.time()
        with self._writing() as db:
            rows = db.execute(
                "SELECT key, job FROM jobs WHERE done = 0 AND until < ? AND NOT EXISTS (SELECT 1 FROM jobs AS other "
                "WHERE other.done = 0 AND other.place = jobs.place AND other.rowid < jobs.rowid) "
                "ORDER BY rowid LIMIT ?",
                (now, most),
            ).fetchall()
            for key, _ in rows:
                text = "UPDATE jobs SET owner = ?, until = ?, tries = tries + 1 WHERE key = ?"
                db.execute(text, (owner, now + lease, key))
        return [Job(**json.loads(job)) for _, job in rows]

    def renew(self, owner: str, lease: float) -> None:
        self._write("UPDATE jobs SET until = ? WHERE owner = ? AND done = 0", time.time() + lease, owner)

    def release(self, owner: str) -> None:
        """What the owner has not finished can be taken at once."""
        self._write("UPDATE jobs SET until = 0, owner = NULL, tries = tries - 1 WHERE owner = ? AND done = 0", owner)

    def tries(self, key: str) -> int:
        return int(self._rows("SELECT tries FROM jobs WHERE key = ?", key)[0][0])

    def again(self, key: str, after: float) -> None:
        self._write("UPDATE jobs SET owner = NULL, until = ? WHERE key = ?", time.time() + after, key)

    def finish(self, key: str) -> None:
        self._write("UPDATE jobs SET done = 1 WHERE key = ?", key)

    def forget_old(self) -> None:
        """Questions and places are kept a week; threads, saved questions and feedback longer."""
        before = time.time() - KEPT_DAYS * 86_400
        with self._writing() as db:
            db.execute("DELETE FROM jobs WHERE done = 1 AND at < ?", (before,))
            db.execute("DELETE FROM choices WHERE at < ?", (before,))
            db.execute("DELETE FROM posts WHERE at < ? AND answer_id IS NULL", (before,))

    # --- messages of ours -----------------------------------------------------------------------------

    def post(self, key: str, slot: str) -> Post | None:
        return self._post("key = ? AND slot = ?", key, slot)

    def post_at(self, channel: str, ts: str) -> Post | None:
        """The message of ours at that place."""
        return self._post("channel = ? AND ts = ?", channel, ts)

    def _post(self, where: str, *values: str) -> Post | None:
        rows = self._rows(f"SELECT channel, ts, stream, done, answer_id, thread FROM posts WHERE {where}", *values)
        if not rows:
            return None
        channel, ts, stream, done, answer_id, thread = rows[0]
        return Post(channel, ts, bool(stream), bool(done), answer_id, thread)

    def posted(self, key: str, slot: str, post: Post) -> None:
        values = (post.channel, post.ts, post.stream, post.done, post.answer_id, post.thread, time.time())
        self._write("INSERT OR REPLACE INTO posts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", key, slot, *values)

    def joined(self, thread: str, slack_user: str) -> None:
        """That somebody asked in a thread, and so need not mention us there again."""
        self._write("INSERT OR IGNORE INTO threads VALUES (?, ?)", thread, slack_user)

    def asked_in(self, thread: str, slack_user: str) -> bool:
        return bool(self._rows("SELECT 1 FROM threads WHERE thread = ? AND slack_user = ?", thread, slack_user))

    def offer(self, answer_id: str, texts: Sequence[str]) -> None:
        """The questions behind the options of a clarification."""
        with self._writing() as db:
            rows = [(answer_id, n, text, time.time()) for n, text in enumerate(texts)]
            db.executemany("INSERT OR REPLACE INTO choices VALUES (?, ?, ?, ?)", rows)

    def offered(self, answer_id: str, n: int) -> str | None:
        rows = self._rows("SELECT text FROM choices WHERE answer_id = ? AND n = ?", answer_id, n)
        return str(rows[0][0]) if rows else None

    # --- who is where ---------------------------------------------------------------------------------

    def room(self, channel: str, seconds: float) -> Any | None:
        """What was read about a channel less than so many seconds ago."""
        text = "SELECT room FROM channels WHERE channel = ? AND room IS NOT NULL AND at > ?"
        rows = self._rows(text, channel, time.time() - seconds)
        return json.loads(rows[0][0]) if rows else None

    def keep_room(self, channel: str, room: Any, began: float) -> None:
        """Unless somebody joined or left since it was begun to be read."""
        self._write(
            "INSERT INTO channels VALUES (?, ?, ?) ON CONFLICT (channel) DO UPDATE SET room = excluded.room, "
            "at = excluded.at WHERE channels.at < excluded.at",
            channel, json.dumps(room), began,
        )  # fmt: skip

    def forget_room(self, channel: str) -> None:
        self._write("INSERT OR REPLACE INTO channels VALUES (?, NULL, ?)", channel, time.time())

    def human(self, slack_user: str, seconds: float) -> bool | None:
        text = "SELECT human FROM people WHERE slack_user = ? AND at > ?"
        rows = self._rows(text, slack_user, time.time() - seconds)
        return bool(rows[0][0]) if rows else None

    def keep_human(self, slack_user: str, human: bool) -> None:
        self._write("INSERT OR REPLACE INTO people VALUES (?, ?, ?)", slack_user, human, time.time())

    # --- what people keep -----------------------------------------------------------------------------

    def save(self, user: str, question: str) -> None:
        self._write("INSERT OR REPLACE INTO saved VALUES (?, ?, ?)", user, question, time.time())

    def unsave(self, user: str, question: str) -> None:
        self._write("DELETE FROM saved WHERE user = ? AND question = ?", user, question)

    def saved(self, user: str) -> list[str]:
        return [str(r[0]) for r in self._rows("SELECT question FROM saved WHERE user = ? ORDER BY at DESC", user)]

    def judged(self, answer_id: str, user: str, value: str) -> None:
        self._write("INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?)", answer_id, user, value, time.time())
