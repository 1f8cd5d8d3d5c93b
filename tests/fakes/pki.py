"""Keys and certificates made at run time: RSA keys by name, a private CA, server certificates."""
import datetime
import ipaddress
import os
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_keys = {}
_lock = threading.Lock()


def rsa_key(name, bits=2048):
    """The same name gives the same key within one run."""
    with _lock:
        if (name, bits) not in _keys:
            _keys[(name, bits)] = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        return _keys[(name, bits)]


def ec_key(name):
    with _lock:
        if (name, "ec") not in _keys:
            _keys[(name, "ec")] = ec.generate_private_key(ec.SECP256R1())
        return _keys[(name, "ec")]


def private_pem(key, pkcs1=False):
    kind = serialization.PrivateFormat.TraditionalOpenSSL if pkcs1 else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo).decode()


class CA:
    """A private certificate authority with a folder of its own."""

    def __init__(self, folder, name="Test Root"):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1))
                   .not_valid_after(now + datetime.timedelta(days=30))
                   .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
                   .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True))
        self.cert = builder.sign(self.key, hashes.SHA256())
        self.file = os.path.join(folder, "ca.pem")
        with open(self.file, "wb") as out:
            out.write(self.cert.public_bytes(serialization.Encoding.PEM))
        self._serial = 0

    def issue(self, names=("localhost", "127.0.0.1"), days=10, not_before_days=-1, common_name=None):
        """Paths (cert, key) of a fresh server certificate."""
        self._serial += 1
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        alternatives = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or f"{names[0]} #{self._serial}")])
        cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now + datetime.timedelta(days=not_before_days))
                .not_valid_after(now + datetime.timedelta(days=days))
                .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
                .sign(self.key, hashes.SHA256()))
        cert_file = os.path.join(self.folder, f"server{self._serial}.pem")
        key_file = os.path.join(self.folder, f"server{self._serial}.key")
        with open(cert_file, "wb") as out:
            out.write(cert.public_bytes(serialization.Encoding.PEM))
        with open(key_file, "w", encoding="ascii") as out:
            out.write(private_pem(key))
        os.chmod(key_file, 0o600)
        return cert_file, key_file

    def server_context(self, **kwargs):
        cert_file, key_file = self.issue(**kwargs)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file)
        return context

    def client_context(self):
        return ssl.create_default_context(cafile=self.file)
