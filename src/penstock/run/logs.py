"""Structured logs on stderr: one past-tense verb and facts.

No payload, e-mail address or key is logged at any level; docs/operating.md lists every event name.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up_logs(*, level: str, style: Literal["auto", "json", "text"], role: str) -> None:
    """Log from `level` on, as JSON lines or as text; `auto` is text on a terminal and JSON elsewhere."""
    text = style == "text" or (style == "auto" and sys.stderr.isatty())
    renderer = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if text else structlog.processors.JSONRenderer()
    )
    for_programs: list[Processor] = [] if text else [structlog.processors.EventRenamer("msg")]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _timestamp(text=text),
            *for_programs,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        # A line in one write: the processes of a server share their stderr.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(component=role)


def _timestamp(*, text: bool) -> Processor:
    """Return what tells the time: to programs in full, to people in front of the line."""
    if text:
        return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True, key="timestamp")
    return structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts")
