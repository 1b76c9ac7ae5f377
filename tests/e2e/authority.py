"""Certificates for tests, made with OpenSSL's program."""

import pathlib
import subprocess
import tempfile


def _openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)


class Authority:
    """One that signs; everything lies in a folder that goes with it."""

    def __init__(self, name):
        self.directory = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.directory.name)
        self.file = self.folder / "authority.pem"
        self.key = self.folder / "authority-key.pem"
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.file,
                 "-subj", f"/CN={name}", "-days", 2)

    def sign(self, name, days=2, hosts=()):
        """(certificate, key), good for these IP addresses; days 0 or fewer: it has run out."""
        key, request, certificate, more = (self.folder / f"{name}{end}" for end in ("-key.pem", ".csr", ".pem", ".ext"))
        more.write_text("".join(["basicConstraints=CA:FALSE\n",
                                 *(f"subjectAltName={','.join('IP:' + h for h in hosts)}\n" for _ in hosts[:1])]))
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        _openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial",
                 "-out", certificate, "-days", days, "-extfile", more)
        return certificate, key

    @staticmethod
    def lock(key, to):
        """The same key behind a passphrase."""
        _openssl("pkey", "-in", key, "-out", to, "-aes256", "-passout", "pass:secret")

    def options(self, name, days=2):
        """What a process is told to be the member `name`."""
        certificate, key = self.sign(name, days)
        return ["--tls-certificate", certificate, "--tls-key", key, "--tls-authority", self.file]
