"""How often one token may ask: a bucket that fills by the minute. Knows no token's secret, and no other process."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

TOO_MANY = "This token has asked {per_minute} times in a minute, which is all it may. Ask again in {seconds} s."


@dataclass
class _Bucket:
    left: float
    at: float


class Rate:
    """`per_minute` asks for each token, all of them at once if it likes."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: defaultdict[str, _Bucket] = defaultdict(lambda: _Bucket(per_minute, time.monotonic()))
        self._lock = threading.Lock()

    def take(self, token_id: str) -> int:
        """Takes one ask; else the whole seconds until there is one, and nothing is taken."""
        with self._lock:
            bucket, now = self._buckets[token_id], time.monotonic()
            bucket.left = min(self.per_minute, bucket.left + (now - bucket.at) * self.per_minute / 60)
            bucket.at = now
            if bucket.left >= 1:
                bucket.left -= 1
                return 0
            return math.ceil((1 - bucket.left) * 60 / self.per_minute)

    def refusal(self, seconds: int) -> str:
        """What is said to who has to wait so long."""
        return TOO_MANY.format(per_minute=self.per_minute, seconds=seconds)
