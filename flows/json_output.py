"""How is a value said as JSON? Dates are ISO 8601; what JSON cannot say (NaN, infinity) is null."""

import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def json_text(value: Any, *, indent: int | None = None) -> str:
    """A value as JSON, on one line unless it is to be indented."""
    return json.dumps(json_value(value), ensure_ascii=False, indent=indent)


def json_value(value: Any) -> Any:
    """A value in the types that JSON has."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date() | datetime() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case dict():
            return {str(name): json_value(entry) for name, entry in value.items()}
        case list() | tuple():
            return [json_value(entry) for entry in value]
        case bytes():
            return value.hex()
        case _:
            return str(value)
