"""Whom do we trust, and how do we show who we are? Turns ``tls_config`` into an SSL context."""

from __future__ import annotations

import ssl
from pathlib import Path

from ccpush.config.settings import TlsConfig
from ccpush.errors import ConfigError

# Which version of the files a context was made from.
Stamp = tuple[tuple[int, int] | None, ...]


def context(tls: TlsConfig) -> ssl.SSLContext:
    """A client context; raises :class:`ConfigError` naming the key whose file does not serve.

    Without ``ca_file`` the system's certificates count, as they do for every other program on a
    company's laptop, and certifi's only where the system has none.
    """
    trusted = _trusted(tls.ca_file)
    if tls.cert_file is not None:
        _show_ourselves(trusted, tls.cert_file, tls.key_file)
    if tls.insecure_skip_verify:
        trusted.check_hostname = False
        trusted.verify_mode = ssl.CERT_NONE
    return trusted


def stamp(tls: TlsConfig) -> Stamp:
    """Changes when one of the files does, so that a renewed certificate takes effect."""
    return tuple(_file_stamp(path) for path in (tls.ca_file, tls.cert_file, tls.key_file))


def _file_stamp(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        # Making the context will say what is wrong with it.
        return None
    return found.st_mtime_ns, found.st_size


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is not None:
        try:
            return ssl.create_default_context(cafile=str(ca_file))
        except OSError as error:
            raise _unusable("ca_file", ca_file, error) from error
    system = ssl.get_default_verify_paths()
    if system.cafile is None and system.capath is None:
        # imported late: only systems without certificates of their own need it
        import certifi

        return ssl.create_default_context(cafile=certifi.where())
    return ssl.create_default_context()


def _show_ourselves(trusted: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    try:
        # An empty password, or OpenSSL would ask for one on the terminal.
        trusted.load_cert_chain(cert_file, key_file, password="")
    except OSError as error:
        raise _unusable("cert_file", cert_file, error) from error


def _unusable(key: str, path: Path, error: OSError) -> ConfigError:
    if isinstance(error, ssl.SSLError):
        return ConfigError(
            f"tls_config.{key}: {path} cannot be used: {error.reason or 'not a certificate'}",
            hint="a PEM file is wanted; a key must fit its certificate and have no password",
        )
    return ConfigError(f"tls_config.{key}: {path} cannot be read: {error.strerror}")
