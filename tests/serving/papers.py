"""Certificates for tests of TLS, made by openssl."""

import shutil
import subprocess
from pathlib import Path

import pytest


def make_papers(folder: Path) -> Path:
    """In a folder: `ca.pem`, and of the server at 127.0.0.1 and of a client `NAME.pem` with `NAME.key`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")  # fmt: skip
    for file in folder.glob("*.key"):
        file.chmod(0o600)
    return folder
