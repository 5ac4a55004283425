"""Who is at the browser: the local operator, a user with a password, or one whom the proxy names.

Users are those of the warehouse's `users` table; nobody else gets in, whatever they can prove.
"""

from __future__ import annotations

import hmac
from typing import Annotated

import chainlit as cl
from anyio import to_thread
from chainlit.auth import get_current_user
from chainlit.user import PersistedUser, User
from fastapi import Depends
from starlette.datastructures import Headers

from assistant.desk.desk import Desk
from assistant.errors import AssistantError
from assistant.surfaces.web.chat import LOCAL
from assistant.surfaces.web.passwords import Passwords
from assistant.surfaces.web.settings import WebSettings

SignedIn = Annotated[User | PersistedUser | None, Depends(get_current_user)]


def register(desk: Desk, settings: WebSettings, passwords: Passwords) -> None:
    """Tells Chainlit how people sign in."""

    async def listed(name: str) -> cl.User | None:
        """None unless the warehouse lists the user."""
        try:
            access = await to_thread.run_sync(desk.assistant.access, name)
        except AssistantError:
            return None
        return cl.User(identifier=name, metadata={"role": access.role, "provider": settings.sign_in})

    async def operator(headers: Headers) -> cl.User | None:
        return cl.User(identifier="local operator", display_name="Local operator", metadata={"provider": LOCAL})

    async def by_header(headers: Headers) -> cl.User | None:
        expected = settings.proxy_secret.get_secret_value() if settings.proxy_secret else ""
        if not hmac.compare_digest(headers.get("x-askcost-proxy-secret", "").encode(), expected.encode()):
            return None
        name = headers.get(settings.header, "").strip()
        return await listed(name) if name else None

    async def by_password(name: str, password: str) -> cl.User | None:
        fits = await to_thread.run_sync(passwords.fits, name, password)
        return await listed(name) if fits else None

    if settings.sign_in == "password":
        cl.password_auth_callback(by_password)
    else:
        cl.header_auth_callback(by_header if settings.sign_in == "header" else operator)
