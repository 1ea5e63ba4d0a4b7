"""`fetch model`: the init container of a serving pod."""

from __future__ import annotations

import logging

from trimtab_runtime.contract.config import FetchModel
from trimtab_runtime.layout import Layout
from trimtab_runtime.model.folder import pull_model
from trimtab_runtime.oci import Registry
from trimtab_runtime.patience import Patience

log = logging.getLogger(__name__)


def fetch_model(config: FetchModel, layout: Layout) -> None:
    """Pull the pinned model into /trimtab/model, every layer and file verified."""
    patience = Patience.of(config.deadline_seconds)
    model = pull_model(Registry(config.registry), config.model, layout.model, patience)
    log.info("pulled %s: %d files, %d bytes", model.digest, len(model.record.files), model.record.size_bytes)
