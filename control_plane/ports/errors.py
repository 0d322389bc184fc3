"""Failures that cross a port. Adapters map their library's exceptions to these and chain the cause."""


class UnavailableError(Exception):
    """Something that should answer does not; trying again later is right, nothing was changed."""


class ConflictError(Exception):
    """The object exists already, or is not at the revision that the caller saw."""


class MissingError(Exception):
    """There is no such object."""


class ForbiddenError(Exception):
    """The caller is known, and may not do this."""
