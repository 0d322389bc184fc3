"""Logging: constant event strings with facts in fields; JSON off a terminal."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRET_WORDS = ("token", "secret", "password", "private_key", "authorization", "cookie")
_PEM_KEY = "PRIVATE KEY-----"


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values whose name or content says that they are secret (structlog processor)."""
    for key, value in event.items():
        named = any(word in key.lower() for word in _SECRET_WORDS)
        if named or (isinstance(value, str) and _PEM_KEY in value):
            event[key] = "(redacted)"
    return event


def configure(stream: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Send every log line to ``stream``: for people on a terminal, as JSON lines otherwise."""
    terminal = stream.isatty()
    # Plain: the renderer's own form of an exception shows the values of variables, secrets among them.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = console if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(name)s: %(message)s")
