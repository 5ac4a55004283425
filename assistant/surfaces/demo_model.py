"""`askcost demo-model`: a stand-in that shows the route through a language model without a key. It is none.

It keeps the draft it is given, knows the few words of schemas/demo_model.yaml, and asks back about every other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import yaml

from assistant.surfaces.openai_protocol import ProtocolServer, Request, Step

NAME = "askcost-demo"
_SHAPES = ("share", "series_change", "count_groups")
Reply = dict[str, Any]


def serve(schemas: Path, port: int, wait: Callable[[], object]) -> int:
    """Answers until `wait` returns or is interrupted; prints every prompt and reply."""
    known = words(schemas)
    try:
        with ProtocolServer(lambda request: _shown(request, known), port) as server:
            click.echo(f"A demo model, {NAME}, listens on {server.url}. In another terminal:")
            click.echo(f"  export ASKCOST_LLM_BASE_URL={server.url} ASKCOST_LLM_MODEL={NAME}")
            click.echo('  askcost ask "which teams are splurging this month"')
            wait()
    except KeyboardInterrupt:
        click.echo()
    return 0


def words(schemas: Path) -> dict[str, Mapping[str, Any]]:
    """A word that the demo model knows → the part of a plan that it means."""
    read = yaml.safe_load((schemas / "demo_model.yaml").read_text(encoding="utf-8"))
    return {str(word): meaning["plan"] for meaning in read["words"] for word in meaning["said"]}


def _shown(request: Request, known: Mapping[str, Mapping[str, Any]]) -> Step:
    step = reply(request, known)
    click.echo(f"\n→ {step['usage']['prompt_tokens']} tokens")
    for message in request["messages"]:
        click.echo(f"  {message['role']}: {message['content']}")
    click.echo(f"← {step['usage']['completion_tokens']} tokens\n  {step['content']}")
    return step


def reply(request: Request, known: Mapping[str, Mapping[str, Any]]) -> Step:
    """One reply to a request of askcost's prompts: a plan, no SQL ever, or the narrative as it stands."""
    said: dict[str, Any] = next((json.loads(m["content"]) for m in request["messages"] if m["role"] == "user"), {})
    wanted = ((request.get("response_format") or {}).get("json_schema") or {}).get("name")
    text = said.get("text", "")
    if wanted is not None:
        text = json.dumps(plan(said, known) if wanted == "plan" else {"sql": ""}, ensure_ascii=False)
    size = len(json.dumps(request["messages"])) + len(json.dumps(request.get("response_format") or ""))
    tokens = {"prompt_tokens": size // 4, "completion_tokens": len(text) // 4 + 1}
    return {"content": text, "usage": {**tokens, "total_tokens": sum(tokens.values())}}


def plan(said: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Reply:
    """The draft in the schema's own form, with what the unclear words mean; a question back for the first unknown."""
    found = _short(said.get("draft") or {})
    values = {v.lower(): (dimension, v) for dimension, held in (said.get("values") or {}).items() for v in held}
    for word in said.get("unclear", ()):
        near = get_close_matches(word.lower(), values, n=1, cutoff=0.75)
        if word.lower() in known:
            found = _joined(found, known[word.lower()])
        elif near:
            dimension, value = values[near[0]]
            found = _joined(found, {"filters": [{"dimension": dimension, "op": "in", "values": [value]}]})
        else:
            return {**found, "clarify": f"This is a demo model, which knows few words. What do you mean by “{word}”?"}
    if not found["metrics"]:
        metrics = [name for held in (said.get("catalogue") or {}).values() for name in held["metrics"].split()]
        found["metrics"] = metrics[:1]
    return found


def _short(draft: Mapping[str, Any]) -> Reply:
    """prompts/plan.schema.json: every field, in its short form."""
    days = {n: draft.get(n) for n in ("period", "comparison")}
    order = draft.get("order")
    return {
        "metrics": list(draft.get("metrics", ())),
        "dimensions": list(draft.get("dimensions", ())),
        "grain": draft.get("grain") or "",
        "filters": [{"op": "in", "values": [], **f} for f in draft.get("filters", ())],
        "part": [{"op": "in", "values": [], **f} for f in draft.get("part", ())],
        **{name: f"{d['start']}/{d['end']}" if d else "" for name, d in days.items()},
        "shape": next((shape for shape in _SHAPES if draft.get(shape)), "plain"),
        "average": draft.get("average") or "",
        "order": f"{order['by']} {'desc' if order.get('descending', True) else 'asc'}" if order else "",
        "limit": draft.get("limit") or 0,
        "limit_per": draft.get("limit_per") or "",
        "having": [
            f"{h['metric'] if h.get('of', 'value') in ('value', 'row') else h['of']} {h['op']} {h['value']}"
            for h in draft.get("having", ())
            if h["op"] != "between"
        ],
        "clarify": "",
    }


def _joined(found: Reply, more: Mapping[str, Any]) -> Reply:
    """Lists grow, everything else is set."""
    joined = {k: [*found[k], *v] if isinstance(v, list) else v for k, v in more.items()}
    return {**found, **joined}
