"""The generated part of the Helm chart: the rules of its Roles, the policy of actions, and the CRDs with
Helm's keep policy."""

from __future__ import annotations

from trimtab.apis import crd
from trimtab.runtime import admission, rbac

# Deleting a CRD deletes every object of its kind, so uninstalling the chart leaves them.
_KEEP = "  annotations:\n    helm.sh/resource-policy: keep\n"
LEASE_NAME = '{{ include "trimtab.leaseName" . }}'


def render() -> dict[str, str]:
    """Name -> text of every file under charts/trimtab/generated."""
    definitions = {f"crd-{kind.plural}.yaml": _kept(crd.render(kind)) for kind in crd.KINDS}
    return rbac.chart_files(LEASE_NAME) | admission.chart_files() | definitions


def _kept(definition: str) -> str:
    return definition.replace("metadata:\n", f"metadata:\n{_KEEP}", 1)
