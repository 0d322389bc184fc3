"""The signatures of ``pki.jws`` on messages between control planes: what is no such message is a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager

from control_plane.model.problem import InvalidValueError
from control_plane.peering.refusal import RefusedError
from control_plane.pki import jws
from control_plane.pki.jws import Sealed, seal

__all__ = ["Sealed", "check_signature", "read", "seal"]


def read(text: bytes, typ: str) -> Sealed:
    """Take a message apart.

    Codes: ``malformed_message``, ``message_too_large``, ``wrong_algorithm``, ``wrong_type``.
    """
    with _refusing():
        return jws.read(text, typ)


def check_signature(sealed: Sealed) -> None:
    """Raise RefusedError ``bad_signature`` or ``wrong_algorithm`` unless the leaf's key signed it."""
    with _refusing():
        jws.check_signature(sealed)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except InvalidValueError as error:
        raise RefusedError(error.code, error.detail) from error
