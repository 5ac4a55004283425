"""The process in which statements run: killable, confined, told everything through one pipe.

The Nursery starts this module as `python -m assistant.engines.worker FD FOLDER`; it then forks a
worker for each order that comes in on FD, {"path", "folder", "memory_mb", "temp_mb"} with the
worker's pipe attached.

What passes through a worker's pipe is JSON; nothing is unpickled on either side. It first says
{"pid"}, and {} once the warehouse is open. To {"sql", "rows", "seconds"} it answers {"columns", …} and
then the rows in a message of their own, or {"error", "limit"}. "stop" interrupts the statement that
runs. When the pipe closes, the worker ends; when FD closes, all of them do.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import socket
import sys
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb

from assistant.engines.confine import limit_memory
from assistant.engines.duckdb_engine import fetch, open_locked
from assistant.engines.failures import failure
from assistant.engines.plain_values import to_json
from assistant.errors import EngineError
from assistant.values import Limits

# Address space is more than memory: thread stacks, and what DuckDB's own limit does not count.
BESIDE_MEMORY_MB = 1024
LONGEST_ORDER = 65_536


def main(descriptor: int, folder: str) -> None:
    """Forks workers until whoever orders them is gone; then ends them all, and itself."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    orders = socket.socket(fileno=descriptor)
    while True:
        order, pipes, _, _ = socket.recv_fds(orders, LONGEST_ORDER, 1)
        if not order:
            shutil.rmtree(folder, ignore_errors=True)
            os.killpg(0, signal.SIGKILL)
        if os.fork() == 0:
            try:
                orders.close()
                serve(Connection(pipes[0]), **json.loads(order))
            finally:
                os._exit(0)
        os.close(pipes[0])


def serve(pipe: Connection, path: str, folder: str, memory_mb: int, temp_mb: int) -> None:
    """Answers statements until the pipe closes. Only returns when the warehouse can't be opened."""
    _send(pipe, {"pid": os.getpid()})
    limits = Limits(memory_mb=memory_mb, temp_mb=temp_mb)
    limit_memory(memory_mb + BESIDE_MEMORY_MB)
    try:
        database = open_locked(Path(path), limits, spill_to=Path(folder))
    except EngineError as error:
        _send(pipe, _refusal(error))
        return
    _send(pipe, {})
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    running: list[duckdb.DuckDBPyConnection] = []
    threading.Thread(target=_listen, args=(pipe, requests, running), daemon=True).start()
    while True:
        request = requests.get()
        cursor = database.cursor()
        running[:] = [cursor]
        try:
            result = fetch(cursor, request["sql"], request["rows"])
            rows = to_json(result.rows).encode()
            _send(pipe, vars(result) | {"rows": None})
            pipe.send_bytes(rows)
        except Exception as error:
            _send(pipe, _refusal(failure(error, replace(limits, seconds=request["seconds"]))))
        running.clear()
        cursor.close()


def _listen(
    pipe: Connection, requests: queue.SimpleQueue[dict[str, Any]], running: list[duckdb.DuckDBPyConnection]
) -> None:
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)  # whoever wanted the answer is gone, and the statement may be stuck
        if request == "stop":
            for cursor in running:
                cursor.interrupt()
        else:
            requests.put(request)


def _send(pipe: Connection, message: dict[str, Any]) -> None:
    pipe.send_bytes(json.dumps(message).encode())


def _refusal(error: EngineError) -> dict[str, Any]:
    return {"error": error.message, "limit": error.limit}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
