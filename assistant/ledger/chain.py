"""The chain over the audit's records: each hash is made of a record and the hash before it.

Whoever changes, adds or takes out a record breaks it there. What it can't show by itself: that the newest records
were cut off, or that somebody wrote the whole chain anew; a head noted elsewhere does (`verify`, `seen`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assistant.ledger.migrations import may_lose_rows
from assistant.ledger.store import Run, Store, insert

BATCH = 1_000


@dataclass(frozen=True)
class Verdict:
    """records: how many were checked. breaks: what is wrong, in words; none when the chain holds.

    head, newest: number and hash of the newest record. unchained: answers from before there was a chain.
    pruned: the records that retention took out, in words.
    """

    records: int
    head: int
    newest: str
    unchained: int
    pruned: tuple[str, ...]
    breaks: tuple[str, ...]


def canonical(record: Mapping[str, Any]) -> str:
    """A record as JSON: its filled columns but the hash, by name, without spaces.

    Empty ones are left out, so that a column that a later askcost adds changes no hash.
    """
    covered = {name: value for name, value in record.items() if name != "hash" and value is not None}
    return json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def link(record: Mapping[str, Any]) -> str:
    """The record's hash: SHA-256 of the hash before it, a line break, and its canonical JSON."""
    return hashlib.sha256(f"{record['previous']}\n{canonical(record)}".encode()).hexdigest()


def append(run: Run, record: Mapping[str, Any]) -> None:
    """Adds the record as the newest. `run` must be of one transaction that stands in line."""
    head, newest = _newest(run)
    whole = {**record, "seq": head + 1, "previous": newest}
    insert(run, "answers", {**whole, "hash": link(whole)})


def _newest(run: Run) -> tuple[int, str]:
    rows = run("SELECT seq, hash FROM answers WHERE seq = (SELECT max(seq) FROM answers)") or _pruned(run)[-1:]
    return (rows[0]["seq"], rows[0]["hash"]) if rows else (0, "")


def _pruned(run: Run) -> list[dict[str, Any]]:
    return run("SELECT at, seq, hash, answers, until FROM pruned ORDER BY seq, at")


def verify(store: Store, seen: str | None = None) -> Verdict:
    """Reads every record again. seen: a hash noted before, which must still be in the chain. Raises LedgerError."""
    with store.transaction() as run:
        notes = _pruned(run)
        unchained = int(run("SELECT count(*) AS n FROM answers WHERE seq IS NULL")[0]["n"])
    breaks: list[str] = []
    if unchained > sum(note["answers"] for note in notes if not note["at"]):
        breaks.append(f"{unchained} answers stand outside the chain, more than there were before it began.")
    last, before = (notes[-1]["seq"], notes[-1]["hash"]) if notes else (0, "")
    found = seen is None or any(note["hash"] == seen for note in notes if note["hash"])
    records = 0
    for record in _records(store, last):
        records += 1
        name = f"Record {record['seq']} ({record['answer_id']}, {record['at'][:19]})"
        if record["seq"] <= last:
            breaks.append(f"{name} stands where records were removed.")
        elif record["seq"] != last + 1:
            breaks.append(f"{name}: {record['seq'] - last - 1} records are missing before it.")
        elif record["previous"] != before:
            breaks.append(f"{name} does not follow the record before it.")
        if record["hash"] != link(record):
            breaks.append(f"{name} was changed: its hash does not fit.")
        last, before = record["seq"], record["hash"]
        found = found or before == seen
    if not found:
        breaks.append(f"The hash {seen} is not in the chain: records were cut off, or all of it was written anew.")
    told = tuple(f"{n['answers']} answers before {n['until'][:10]} were removed on {n['at'][:10]}." for n in notes[1:])
    return Verdict(records, last, before, unchained, told, tuple(breaks))


def _records(store: Store, after: int) -> Iterator[dict[str, Any]]:
    with store.transaction() as run:  # a record below the pruned ones has no right to be there
        low = run("SELECT min(seq) AS seq FROM answers")[0]["seq"]
    after = min(after, low - 1) if low is not None else after
    while True:
        with store.transaction() as run:
            batch = run(f"SELECT * FROM answers WHERE seq > :after ORDER BY seq LIMIT {BATCH}", after=after)
        if not batch:
            return
        yield from batch
        after = batch[-1]["seq"]


def prune(store: Store, before: str) -> int:
    """Removes the records from before that moment (ISO, UTC) with their feedback, and notes it; → how many.

    Only from the old end on, so that the rest still verifies. Raises LedgerError.
    """
    with store.transaction() as run:
        kept = run("SELECT min(seq) AS seq FROM answers WHERE at >= :before", before=before)[0]["seq"]
        old = "SELECT seq, hash FROM answers WHERE seq IS NOT NULL AND (:every = 1 OR seq < :kept)"
        last = run(f"{old} ORDER BY seq DESC LIMIT 1", every=int(kept is None), kept=kept or 0)
        note = (last or _pruned(run)[-1:])[0]
        gone = "(seq <= :seq OR (seq IS NULL AND at < :before))"
        values = {"seq": note["seq"], "before": before}
        count = int(run(f"SELECT count(*) AS n FROM answers WHERE {gone}", **values)[0]["n"])
        if not count:
            return 0

        def feedback() -> None:
            run(f"DELETE FROM feedback WHERE answer_id IN (SELECT answer_id FROM answers WHERE {gone})", **values)

        def answers() -> None:
            run(f"DELETE FROM answers WHERE {gone}", **values)

        may_lose_rows(run, store.dialect, "feedback", feedback)
        may_lose_rows(run, store.dialect, "answers", answers)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        insert(
            run,
            "pruned",
            {"at": at, "seq": note["seq"], "hash": note["hash"], "answers": count, "until": before},
        )
        return count
