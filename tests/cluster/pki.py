"""Certificates of one cluster, made with openssl: its two authorities, each component's, and kubeconfigs."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DAYS = "365"
_USAGE = {"server": "serverAuth", "client": "clientAuth", "both": "serverAuth,clientAuth"}


def openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


@dataclass(frozen=True)
class Pki:
    """A folder of keys and certificates. Every method keeps what is already there."""

    folder: Path

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _make_key(self, name: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key(name))
        return self.key(name)

    def authority(self, name: str, common_name: str) -> None:
        if self.certificate(name).is_file():
            return
        key = self._make_key(name)
        usage = "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
        openssl(
            *("req", "-x509", "-new", "-key", key, "-subj", f"/CN={common_name}", "-days", DAYS),
            *(
                "-addext",
                "basicConstraints=critical,CA:TRUE",
                "-addext",
                usage,
                "-out",
                self.certificate(name),
            ),
        )

    def issue(
        self,
        name: str,
        common_name: str,
        *,
        use: str,
        organization: str = "",
        names: Sequence[str] = (),
        authority: str = "ca",
    ) -> None:
        """`use`: server, client or both. `names`: subject alternative names as `DNS:x` and `IP:y`."""
        if self.certificate(name).is_file():
            return
        key, request, extensions = (
            self._make_key(name),
            self.folder / f"{name}.csr",
            self.folder / f"{name}.ext",
        )
        subject = (f"/O={organization}" if organization else "") + f"/CN={common_name}"
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        lines = ["keyUsage=critical,digitalSignature,keyEncipherment", f"extendedKeyUsage={_USAGE[use]}"]
        lines += [f"subjectAltName={','.join(names)}"] if names else []
        extensions.write_text("\n".join(lines) + "\n")
        openssl(
            *(
                "x509",
                "-req",
                "-in",
                request,
                "-CA",
                self.certificate(authority),
                "-CAkey",
                self.key(authority),
            ),
            *("-CAcreateserial", "-days", DAYS, "-extfile", extensions, "-out", self.certificate(name)),
        )

    def service_account_keys(self) -> None:
        """`sa.key` signs and `sa.crt` (a bare public key) verifies the tokens of ServiceAccounts."""
        if not self.certificate("sa").is_file():
            openssl("ec", "-in", self._make_key("sa"), "-pubout", "-out", self.certificate("sa"))

    def kubeconfig(self, name: str, server: str, target: Path) -> Path:
        """Write a self-contained kubeconfig for the holder of certificate `name`."""
        cluster = {"server": server, "certificate-authority-data": _base64(self.certificate("ca"))}
        user = {
            "client-certificate-data": _base64(self.certificate(name)),
            "client-key-data": _base64(self.key(name)),
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "trimtab", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "trimtab", "context": {"cluster": "trimtab", "user": name}}],
            "current-context": "trimtab",
        }
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_text(json.dumps(document, indent=1) + "\n")
        return target


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
