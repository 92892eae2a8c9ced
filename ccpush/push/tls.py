"""Whom do we trust, and how do we show who we are? Turns ``tls_config`` into an SSL context.

A key that stands in the settings never lies in a folder: OpenSSL reads it from a file without a
name, which is gone as soon as it was read.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from ccpush.config.secrets import read_secret
from ccpush.config.settings import Secret, TlsConfig, TlsVersion
from ccpush.errors import ConfigError

# Which version of the files a context was made from.
Stamp = tuple[tuple[int, int, int] | None, ...]

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
# OpenSSL 3 speaks these only when told that weak signatures will do.
_WEAK = ("TLS10", "TLS11")


def context(tls: TlsConfig) -> ssl.SSLContext:
    """A client context; raises :class:`ConfigError` naming the key that does not serve.

    Without ``ca_file`` the system's certificates count, as they do for every other program on a
    company's laptop, and certifi's only where the system has none.
    """
    trusted = _trusted(tls)
    _limit_versions(trusted, tls.min_version, tls.max_version)
    if tls.cert_file is not None or tls.cert is not None:
        _show_ourselves(trusted, tls)
    if tls.insecure_skip_verify:
        trusted.check_hostname = False
        trusted.verify_mode = ssl.CERT_NONE
    return trusted


def stamp(tls: TlsConfig) -> Stamp:
    """Changes when one of the files does, so that a renewed certificate takes effect."""
    return tuple(_file_stamp(path) for path in (tls.ca_file, tls.cert_file, tls.key_file))


def _file_stamp(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        # Making the context will say what is wrong with it.
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _trusted(tls: TlsConfig) -> ssl.SSLContext:
    try:
        if tls.ca is not None:
            return ssl.create_default_context(cadata=read_secret(tls.ca))
        if tls.ca_file is not None:
            return ssl.create_default_context(cafile=str(tls.ca_file))
    except OSError as error:
        raise _unusable("ca", tls.ca_file, error) from error
    system = ssl.get_default_verify_paths()
    if system.cafile is None and system.capath is None:
        # imported late: only systems without certificates of their own need it
        import certifi

        return ssl.create_default_context(cafile=certifi.where())
    return ssl.create_default_context()


def _limit_versions(
    trusted: ssl.SSLContext, lowest: TlsVersion | None, highest: TlsVersion | None
) -> None:
    with warnings.catch_warnings():
        # Python calls TLS 1.0 and 1.1 deprecated; whoever asks for them was told so.
        warnings.simplefilter("ignore", DeprecationWarning)
        if lowest is not None:
            trusted.minimum_version = _VERSIONS[lowest]
        if highest is not None:
            trusted.maximum_version = _VERSIONS[highest]
    if lowest in _WEAK:
        trusted.set_ciphers("DEFAULT:@SECLEVEL=0")


def _show_ourselves(trusted: ssl.SSLContext, tls: TlsConfig) -> None:
    certificate = (tls.cert_file, tls.cert)
    # A file may hold both.
    private_key = (tls.key_file, tls.key) if tls.key_file or tls.key else certificate
    with _path(*certificate) as cert, _path(*private_key) as key:
        try:
            # An empty password, or OpenSSL would ask for one on the terminal.
            trusted.load_cert_chain(cert, key, password="")
        except ssl.SSLError as error:
            raise _unusable("cert", tls.cert_file, error) from error
        except OSError as error:
            at_fault = "key" if tls.cert_file is None or _opens(tls.cert_file) else "cert"
            file = tls.key_file if at_fault == "key" else tls.cert_file
            raise _unusable(at_fault, file, error) from error


@contextlib.contextmanager
def _path(file: Path | None, inline: Secret | None) -> Iterator[str]:
    """Where OpenSSL finds it; what stands in the settings has a path within the block only."""
    if inline is None:
        yield str(file)
        return
    try:
        # Readable by its owner alone, and without a name from the start or before it is written.
        hidden = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError as error:
        raise ConfigError(
            f"no temporary file can be made for tls_config: {error.strerror}",
            hint="write certificate and key into files, and set cert_file and key_file",
        ) from error
    with hidden:
        hidden.write(read_secret(inline).encode())
        hidden.seek(0)
        yield f"/dev/fd/{hidden.fileno()}"


def _opens(file: Path) -> bool:
    try:
        file.open("rb").close()
    except OSError:
        return False
    return True


def _unusable(key: str, file: Path | None, error: OSError) -> ConfigError:
    what = f"tls_config.{key}" if file is None else f"tls_config.{key}_file: {file}"
    if isinstance(error, ssl.SSLError):
        return ConfigError(
            f"{what} cannot be used: {error.reason or 'not a certificate'}",
            hint="PEM is wanted; a key must fit its certificate and have no password",
        )
    return ConfigError(f"{what} cannot be read: {error.strerror}")
