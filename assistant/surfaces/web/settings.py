"""The web chat's own settings, read once. Knows nothing of what is served."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from assistant.config import Config

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class WebSettings(BaseSettings):
    """Settings, each from `ASKCOST_WEB_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="ASKCOST_WEB_", frozen=True, extra="ignore")

    sign_in: Literal["none", "password", "header"] = Field(
        "none", description="Who may use it: whoever is at this machine, password users, or whom a proxy names."
    )
    header: str = Field("x-forwarded-user", description="The proxy's header that names the user.")
    proxy_secret: SecretStr | None = Field(
        None, description="What the proxy sends as x-askcost-proxy-secret; needed when it runs on another machine."
    )
    history: str | None = Field(None, description="SQLAlchemy URL of the chats; SQLite beside the warehouse.")
    log: Literal["quiet", "json"] = Field("quiet", description="What standard error gets: warnings, or JSON lines.")
    hosts: tuple[str, ...] = Field((), description="Names (JSON list) that it may be called by, beside this machine's.")


def beside(config: Config, ending: str) -> Path:
    """A file of the web chat's own, beside the warehouse."""
    return config.warehouse.with_suffix(f".{ending}")
