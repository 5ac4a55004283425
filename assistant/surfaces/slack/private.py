"""What only one person sees: modals, the App Home, the pane's greeting, and short words. Nothing of it is a job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block

from assistant.desk import briefing, replay, shown
from assistant.errors import AssistantError, LedgerError, Refused
from assistant.ledger import budget, store
from assistant.ledger.budget import Budget, amount
from assistant.ledger.spend import Spend, Who
from assistant.sql import explain
from assistant.surfaces.slack import blocks, views
from assistant.surfaces.slack.answering import STRANGER, Answering
from assistant.surfaces.slack.post import READING, Place
from assistant.values import Answer

MOST_NOTES = 20
NOT_OURS = "This message holds no answer of askcost, so it can't be explained. Ask me for the number, and explain that."


class Private:
    """Listeners that answer in place."""

    def __init__(self, answering: Answering) -> None:
        self._answering, self._desk = answering, answering.desk
        self._store, self._poster, self._run = answering.store, answering.poster, answering.run

    # --- modals ---------------------------------------------------------------------------------------

    async def sql(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """The SQL of the answer under the button."""
        await ack()
        view = await client.views_open(trigger_id=body["trigger_id"], view=views.loading("SQL"))
        answer_id = str(body["actions"][0]["value"])

        def made(record: dict[str, Any], user: str, readers: tuple[str, ...]) -> list[Block]:
            web = blocks.web_link(self._answering.web, record["question"])
            return views.sql(explain.format(record["sql"]), web)

        await self._show(client, view, "SQL", body, answer_id, made)

    async def receipt(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """What the audit keeps of the answer under the button, and what becomes of it on the data loaded now."""
        await ack()
        view = await client.views_open(trigger_id=body["trigger_id"], view=views.loading("Receipt"))
        answer_id = str(body["actions"][0]["value"])
        await self._show(client, view, "Receipt", body, answer_id, self._receipt)

    def _receipt(self, record: dict[str, Any], user: str, readers: tuple[str, ...]) -> list[Block]:
        try:  # whoever looks sees no more of it than they may
            report = replay.replay(self._desk.assistant, record["answer_id"], user)
            again, notes = report.sentences, report.notes[:MOST_NOTES]
        except AssistantError as error:
            again, notes = (str(error),), ()
        facts = (
            ("Question", record["question"]),
            ("Understood", record["understood"]),
            ("When", str(record["at"])[:16].replace("T", " ") + " UTC"),
            ("Row policy", record["policy"]),
            ("Rows", f"{record['row_count']:,}, digest {str(record['digest'])[:12]}…"),
            ("Data version", record["data_version"]),
            *(("Run again" if n == 0 else "And", said) for n, said in enumerate(again)),
        )
        return [*views.explained(facts, ()), *(views.small(note) for note in notes)]

    async def explain(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """What stands behind the numbers of a message of ours."""
        await ack()
        view = await client.views_open(trigger_id=body["trigger_id"], view=views.loading("This number"))
        channel, ts = body["channel"]["id"], body["message"]["ts"]
        post = await self._run(self._store.post_at, channel, ts)
        if post is None or post.answer_id is None:
            shown_ = views.modal("This number", [views.text(NOT_OURS)])
            await client.views_update(view_id=view["view"]["id"], view=shown_)
            return
        await self._show(client, view, "This number", body, post.answer_id, self._explained)

    async def _show(self, client: Any, view: Any, title: str, body: dict[str, Any], answer_id: str, made: Any) -> None:
        try:
            found = await self._found(body, answer_id)
            content = await self._run(made, *found)
        except AssistantError as error:
            content = [views.text(str(error))]
        await client.views_update(view_id=view["view"]["id"], view=views.modal(title, content))

    async def _found(self, body: dict[str, Any], answer_id: str) -> tuple[dict[str, Any], str, tuple[str, ...]]:
        """The record of an answer that was given in this place, its reader, and who reads along. Raises Refused."""
        slack_user = body["user"]["id"]
        user = await self._answering.user(slack_user)
        if user is None:
            raise Refused(STRANGER.format(id=slack_user))
        message, channel = body["message"], body["channel"]["id"]
        thread = message.get("thread_ts") or (None if channel.startswith("D") else message["ts"])
        place = Place(channel, thread)
        readers: tuple[str, ...] = ()
        if not place.private:
            room = await self._answering.channels.room(channel)
            if room.closed:
                raise Refused(room.closed)
            readers = room.readers
        record = await self._run(self._desk.record, answer_id, user, place.conversation, readers)
        return record, user, readers

    def _explained(self, record: dict[str, Any], user: str, readers: tuple[str, ...]) -> list[Block]:
        answer = Answer("answered", record["answer_id"], record["question"], sql=record["sql"])
        columns = [
            (one["column"], one["definition"], ", ".join(one["sources"]))
            for one in shown.lineage(answer, self._desk, user)
        ]
        facts = (
            ("Question", record["question"]),
            ("Understood", record["understood"]),
            ("Said", record["answer"]),
            ("Read by", {"sql": "a language model's own SQL, unverified"}.get(record["planner"], record["planner"])),
            ("When", str(record["at"])[:16].replace("T", " ") + " UTC"),
        )
        return views.explained(facts, columns)

    # --- the home -------------------------------------------------------------------------------------

    async def home(self, event: dict[str, Any], client: Any) -> None:
        if event.get("tab") == "home":
            await self.publish(client, event["user"])

    async def publish(self, client: Any, slack_user: str) -> None:
        user = await self._answering.user(slack_user)
        if user is None:
            view = views.told(STRANGER.format(id=slack_user))
        else:
            view = await self._run(self._home, user)
        await client.views_publish(user_id=slack_user, view=view)

    def _home(self, user: str) -> dict[str, Any]:
        try:
            lines, questions = briefing.lines(self._desk, user), briefing.questions(self._desk, user)
            mine = self._answering.talk.listed(user)
        except AssistantError as error:
            return views.told(str(error))
        return views.home(lines, self._allowances(user), self._store.saved(user), questions, mine, self._answering.web)

    def _allowances(self, user: str) -> list[str]:
        config = self._desk.assistant.config
        if not config.has_llm:
            return ["Questions are read without a language model here, and cost no tokens."]
        assistant = self._desk.assistant
        who = Who("", user, assistant.people().get(user))
        try:
            left = Budget(Spend(store.of(config)), budget.limits(config), 0).left(who, assistant.allowances(who))
        except LedgerError:
            return ["The spend ledger can't be read."]
        now = datetime.now(UTC)
        said = [
            f"{one.name}: {amount(one.left, one.unit)} of {amount(one.allowed, one.unit)} left this "
            f"{one.limit.window}, at a pace of {amount(one.pace(now), one.unit)}; resets on {one.resets}"
            for one in left
        ]
        return said or ["There is no limit on tokens for you."]

    async def save(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Keeps a question that says everything by itself."""
        await ack()
        try:
            record, user, _ = await self._found(body, str(body["actions"][0]["value"]))
            text = await self._run(self._saved, record, user)
        except AssistantError as error:
            text = str(error)
        place = Place(body["channel"]["id"], body["message"].get("thread_ts"))
        await self._poster.whisper(place, body["user"]["id"], blocks.said(text))

    def _saved(self, record: dict[str, Any], user: str) -> str:
        question = record["question"]
        alone = self._desk.peek(question, user)
        if alone.plan is None or alone.plan.model_dump(mode="json", exclude_defaults=True) != record["plan"]:
            return f"“{question}” can't be saved: it says all it means only after what was asked before it."
        self._store.save(user, question)
        return f"Saved: “{question}”. It is in the Home tab of this app."

    async def unsave(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        user = await self._answering.user(body["user"]["id"])
        if user is not None:
            await self._run(self._store.unsave, user, str(body["actions"][0]["value"]))
        await self.publish(client, body["user"]["id"])

    async def feedback(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        action = body["actions"][0]
        user = await self._answering.user(body["user"]["id"])
        if user is not None:
            answer_id = str(action["action_id"]).partition(":")[2]
            await self._run(self._store.judged, answer_id, user, str(action["value"]))

    # --- the assistant pane -----------------------------------------------------------------------------

    async def pane_opened(self, body: dict[str, Any], say: Any, set_suggested_prompts: Any) -> None:
        slack_user = body["event"]["assistant_thread"]["user_id"]
        user = await self._answering.user(slack_user)
        if user is None:
            await say(STRANGER.format(id=slack_user), unfurl_links=False, unfurl_media=False)
            return
        await say("Ask about your costs, in your own words.", unfurl_links=False, unfurl_media=False)
        questions = await self._run(briefing.questions, self._desk, user)
        if questions:
            prompts = [{"title": question[:75], "message": question} for question in questions[:4]]
            await set_suggested_prompts(prompts=prompts, title="You could ask")

    async def pane_asked(self, payload: dict[str, Any], set_status: Any, set_title: Any) -> None:
        """The question itself is a job by now."""
        try:
            await set_status(f"is {READING.lower()}…")
            await set_title(str(payload.get("text") or "")[:80])
        except SlackApiError:  # a workspace without the pane
            return
