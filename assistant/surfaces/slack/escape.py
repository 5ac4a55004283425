"""Text for Slack that shows as it stands. Names from the data are text: no mention, no link, no control sequence."""

from __future__ import annotations

from assistant.desk.shown import unlinked


def words(text: str, longest: int = 3_000) -> str:
    """For plain-text objects and table cells: one line, no links, cut to what Slack takes."""
    clean = unlinked(text)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def mrkdwn(text: str, longest: int = 3_000) -> str:
    """For mrkdwn: as `words`, and nothing that Slack reads as a mention, a channel or a link.

    Cut before it is escaped, so that no entity is cut in two; escaping makes a character five at most.
    """
    clean = words(text, longest // 5)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
