"""Hook that keeps passwords out of the log, the terminal and exceptions."""

import logging
import os
import sys
import traceback
from types import TracebackType
from typing import Any

import click
from kedro.framework.hooks import hook_impl

from collaborative_autoencoders.tracking.masking import (
    mask,
    mask_exception,
    remember_environment,
    remember_secrets,
)


class MaskingHook:
    """Masks passwords in everything that the process writes from the start of a session on."""

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Mask the log, and the errors of a command; remember the passwords of the environment."""
        mask_process()

    @hook_impl(tryfirst=True)
    def after_catalog_created(
        self, conf_catalog: dict[str, Any], conf_creds: dict[str, Any]
    ) -> None:
        """Remember the passwords in the catalog and in credentials.yml."""
        remember_secrets(conf_catalog)
        remember_secrets(conf_creds)

    @hook_impl(tryfirst=True)
    def on_node_error(self, error: Exception) -> None:
        """Mask the error before Kedro logs it."""
        mask_exception(error)

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """Mask the error before it is logged and raised."""
        mask_exception(error)


def mask_process() -> None:
    """Mask every log record of this process and, in a command, the traceback of an error."""
    remember_environment(os.environ)
    former = logging.getLogRecordFactory()
    if not isinstance(former, MaskedRecords):
        logging.setLogRecordFactory(MaskedRecords(former))
    if click.get_current_context(silent=True):
        sys.excepthook = show_masked


class MaskedRecords:
    """A factory of log records whose message and exception are masked.

    A filter would have to be on every handler, also on those that libraries add later.
    """

    def __init__(self, former: Any) -> None:
        """Create the factory in front of the one that was installed."""
        self._former = former

    def __call__(self, *arguments: Any, **options: Any) -> logging.LogRecord:
        """Return the record."""
        record: logging.LogRecord = self._former(*arguments, **options)
        try:
            message = record.getMessage()
        except Exception:  # a wrong log line of a library is no reason to end a run
            message = f"{record.msg} {record.args}"
            record.msg, record.args = message, None
        masked = mask(message)
        if masked != message:
            record.msg, record.args = masked, None
        if record.exc_info and record.exc_info[1] is not None:
            mask_exception(record.exc_info[1])
        return record


def show_masked(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the traceback as Python does, with passwords masked."""
    print(mask("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)
