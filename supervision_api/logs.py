"""Log lines on stderr: readable on a terminal, JSON in a pipe; never a secret.

Addresses and errors are redacted where they arise; as a second net, telling names are masked here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from supervision_api.settings import stderr_is_terminal

SECRET_NAMES = ("password", "secret", "token", "cookie", "id_number", "authorization", "key_bytes")


def mask_secrets(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces values whose name says that they are secret."""
    for name in event:
        if any(word in name.lower() for word in SECRET_NAMES):
            event[name] = "***"
    return event


def configure_logs(log_format: str, level: str) -> None:
    """Sets up structlog and the standard library's loggers to one stream and form."""
    as_json = log_format == "json" or (log_format == "auto" and not stderr_is_terminal())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=stderr_is_terminal())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "alembic", "libav"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
