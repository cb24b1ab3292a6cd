"""Logs of the service: one JSON object per line on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime

STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record and whatever was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: time in UTC, level, logger, message, then the extra fields."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        extra = {name: value for name, value in vars(record).items() if name not in STANDARD}
        error = {"error": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps({**line, **extra, **error}, default=str)


def to_standard_error(level: int = logging.INFO) -> None:
    """Let all loggers of this process write JSON lines; only the start of a service does that."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
