"""/trimtab/out as user code left it: hostile until checked.

The folder may hold links into our own mounts (credentials), pipes that never end, or gigabytes where a line
is expected. Nothing is opened that is not a regular file, and no link is followed.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.artifact import MAX_JSON_LAYER_BYTES
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.metrics import METRIC_NAME
from trimtab_runtime.contract.profile import Profile, parse_profile
from trimtab_runtime.contract.result import (
    MAX_MODEL_FILES,
    MAX_RESULT_METRICS,
    RELATIVE_PATH,
    ModelCard,
    parse_card,
)
from trimtab_runtime.contract.signature import Signature, parse_signature
from trimtab_runtime.regular_file import open_regular

MAX_METRICS_BYTES, MAX_LINE_BYTES = 16 << 20, 4096


@dataclass(frozen=True)
class TrialOutput:
    """What `train` produced, checked. `files` are the model's, by path relative to the model folder."""

    model_folder: Path
    files: tuple[str, ...]
    metrics: dict[str, float]
    signature: Signature
    profile: Profile | None
    card: ModelCard | None


def read_output(folder: Path, *, objective: str) -> TrialOutput:
    """Read and check everything. ResultMissing or ResultInvalid names the file and the remedy."""
    model_folder = folder / paths.MODEL_FOLDER
    files = _model_files(model_folder)
    signature_bytes = _required(folder, paths.SIGNATURE_FILE, "save_model writes it")
    profile_bytes = _optional(folder, paths.PROFILE_FILE)
    card_bytes = _optional(model_folder, paths.CARD_FILE)
    output = TrialOutput(
        model_folder=model_folder,
        files=files,
        metrics=_read_metrics(folder, objective),
        signature=parse_signature(signature_bytes),
        profile=parse_profile(profile_bytes) if profile_bytes else None,
        card=parse_card(card_bytes) if card_bytes else None,
    )
    _check_consistent(output)
    return output


def _check_consistent(output: TrialOutput) -> None:
    if output.card and output.card.file not in output.files:
        raise _invalid("model/model.json", "names a file that is not in model/")
    if output.profile is None:
        return
    if output.profile.signature_digest != output.signature.digest:
        raise _invalid(
            paths.PROFILE_FILE, "is of another signature.json: signatureDigest is that of its canonical form"
        )
    if set(output.profile.features) != {tensor.name for tensor in output.signature.inputs}:
        raise _invalid(paths.PROFILE_FILE, "has other features than signature.json has inputs")


def _model_files(folder: Path) -> tuple[str, ...]:
    """Relative paths of all files of the model, sorted."""
    if not _is_folder(folder):
        raise ContractError(
            Reason.RESULT_MISSING,
            "model/",
            "the training container ended without a model in /trimtab/out/model",
        )
    files = sorted(_walk(folder, folder))
    if not files:
        raise ContractError(Reason.RESULT_MISSING, "model/", "is empty")
    if len(files) > MAX_MODEL_FILES:
        raise _invalid("model/", f"holds {len(files)} files, at most {MAX_MODEL_FILES} are allowed")
    return tuple(files)


def _walk(folder: Path, root: Path) -> Iterator[str]:
    for entry in os.scandir(folder):
        name = str(Path(entry.path).relative_to(root))
        if not RELATIVE_PATH.match(name):
            raise _invalid("model/", "file names may hold letters, digits, dot, dash and underscore only")
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), root)
        elif entry.is_file(follow_symlinks=False):
            yield name
        else:
            raise _invalid(f"model/{name}", "is a link or special file: only regular files are published")


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _optional(folder: Path, name: str, max_bytes: int = MAX_JSON_LAYER_BYTES) -> bytes:
    try:
        with open_regular(folder / name, name) as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        return b""
    if len(data) > max_bytes:
        raise _invalid(name, f"has more than {max_bytes} bytes")
    if not data:
        raise _invalid(name, "is empty")
    return data


def _required(folder: Path, name: str, remedy: str, max_bytes: int = MAX_JSON_LAYER_BYTES) -> bytes:
    data = _optional(folder, name, max_bytes)
    if not data:
        raise ContractError(Reason.RESULT_MISSING, name, f"was not written to /trimtab/out: {remedy}")
    return data


def _read_metrics(folder: Path, objective: str) -> dict[str, float]:
    """Last finite value of each metric name; the objective must have one."""
    data = _required(folder, paths.METRICS_FILE, "log_metric writes it", MAX_METRICS_BYTES)
    metrics: dict[str, float] = {}
    diverged: set[str] = set()
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            name, value = _parse_line(line, f"{paths.METRICS_FILE}:{number}")
            if math.isfinite(value):
                metrics[name] = value
            else:
                diverged.add(name)
    if objective not in metrics:
        where = f"{paths.METRICS_FILE}/{objective}"
        if objective in diverged:
            raise _invalid(where, "the objective has no finite value, only NaN or Infinity")
        raise ContractError(Reason.RESULT_MISSING, where, "the objective was never logged")
    if len(metrics) > MAX_RESULT_METRICS:
        raise _invalid(paths.METRICS_FILE, f"has more than {MAX_RESULT_METRICS} metric names")
    return metrics


def _parse_line(line: bytes, where: str) -> tuple[str, float]:
    if len(line) > MAX_LINE_BYTES:
        raise _invalid(where, f"the line has more than {MAX_LINE_BYTES} bytes")
    try:
        # NaN and Infinity are read here, unlike elsewhere: a diverged step is no fault of the later ones.
        value = json.loads(line)
    except ValueError:
        raise _invalid(where, "is not JSON") from None
    if not isinstance(value, dict) or set(value) - {"step"} != {"metric", "value"}:
        raise _invalid(where, 'must be {"step":0,"metric":"name","value":0.5}')
    name, number = value["metric"], value["value"]
    if not isinstance(name, str) or not METRIC_NAME.match(name):
        raise _invalid(where, f"metric names must match {METRIC_NAME.pattern}")
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise _invalid(where, "value must be a number")
    try:
        return name, float(number)
    except OverflowError:
        return name, math.inf


def _invalid(field: str, message: str) -> ContractError:
    return ContractError(Reason.RESULT_INVALID, field, message)
