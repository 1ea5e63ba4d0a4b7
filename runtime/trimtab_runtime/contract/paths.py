"""Where the files of a pod lie. The operator mounts these paths, the runtime and user code read them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/trimtab")
ROOT_ENV = "TRIMTAB_ROOT"  # another root, to run a training program outside a pod
IN = ROOT / "in"
OUT = ROOT / "out"
CONFIG_ENV = "TRIMTAB_CONFIG"  # JSON of one record of contract.config, set literally in the pod
CREDENTIALS = ROOT / "credentials" / ".dockerconfigjson"  # registry Secret, own containers only
CA_BUNDLE = ROOT / "registry-ca" / "ca.crt"  # ConfigMap with the registry's authority, own containers only
CA_BUNDLE = ROOT / "ca" / "ca.crt"
TERMINATION_LOG = Path("/dev/termination-log")

# Trial, under IN and OUT.
TRIAL_FILE = "trial.json"
PARAMS_FILE = "params.json"
SCHEMA_FILE = "schema.json"
DATA_FILE = "data.json"  # the pinned entries that lie under data/
DATA_FOLDER = "data"  # data/<split>/<entry>.csv, or <entry>-<n>.csv when an entry has several layers
MODEL_FOLDER = "model"
METRICS_FILE = "metrics.jsonl"
SIGNATURE_FILE = "signature.json"
PROFILE_FILE = "profile.json"
PLOTS_FOLDER = "plots"

# Model as pulled: MODEL/{manifest,signature,profile,result}.json and MODEL/model/<files>.
MODEL = ROOT / "model"
MANIFEST_FILE = "manifest.json"
RESULT_FILE = "result.json"
CARD_FILE = "model.json"  # inside the model folder: format, framework and Python version

# Evaluation Job. One volume per model and per score file: a predict container sees only its own.
CHALLENGER = "challenger"
CHAMPION = "champion"
MODELS = ROOT / "models"  # fetch: MODELS/<side>; that volume is MODEL in predict-<side>
LABELS = ROOT / "labels"  # mounted in fetch and publish only
SCORES = ROOT / "scores"  # publish: SCORES/<side>/<side>.csv; that volume is OUT in predict-<side>
ROWS_FILE = "rows.csv"
LABELS_FILE = "labels.csv"

ROW_COLUMN = "trimtab_row"
LABEL_COLUMN = "trimtab_label"
GROUP_COLUMN = "trimtab_group"
SCORE_COLUMN = "trimtab_score"
RESERVED_PREFIX = "trimtab_"  # no data column may start with it
