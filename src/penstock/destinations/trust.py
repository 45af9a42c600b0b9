"""Whose certificates are trusted: the system's, or those that SSL_CERT_FILE and SSL_CERT_DIR name in their place.

The rules are those of rustls with the platform's roots, which speaks where there is a proxy: no name but the alternative
ones counts, a root may be an intermediate one, and what the environment names replaces the system's.
"""

import functools
import os
import ssl
import sys


def has_files() -> bool:
    """Return whether the system keeps its roots in files that OpenSSL finds; elsewhere a store of its own has them."""
    return sys.platform == "linux" and any(_places())


def trust() -> ssl.SSLContext:
    """Return what certificates are checked against. Raises ValueError when the files cannot be read."""
    try:
        return _context(*_places())
    except OSError as error:
        raise ValueError(f"the trusted certificates cannot be read: {error}") from error


def _places() -> tuple[str | None, str | None]:
    """Return a file and folders (joined with colons) of roots."""
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folders:
        return file or None, folders or None
    found = ssl.get_default_verify_paths()
    return found.cafile, found.capath


@functools.cache
def _context(file: str | None, folders: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file, folders)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    return context
