"""placeholder"""

from __future__ import annotations

from pathlib import Path

from assistant.errors import Refused


def check_own(folder: Path) -> None:
    """Raises Refused for the schemas of an installed package, which the next installation would replace."""
    if "site-packages" in folder.resolve().parts:
        raise Refused(
            f"{folder} belongs to the installed package. Copy it to a folder of your own and name that in "
            "ASKCOST_SCHEMAS; then this can be kept."
        )
