"""The name of a revision of a Deployment."""

from typing import Annotated

from pydantic import StringConstraints

Revision = Annotated[str, StringConstraints(pattern="^[a-f0-9]{8}$", max_length=8)]
