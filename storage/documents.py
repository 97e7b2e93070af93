"""Frozen dataclasses as JSON documents and back, by their type hints.

Instants are ISO 8601 in UTC, durations seconds, enumerations their values, tuples lists. A field that a
document lacks takes its default and a field that the class does not know is passed over, so that documents
outlive small additions in both directions.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from models.errors import StorageError
from models.evidence import JsonValue

Value = TypeVar("Value")


def to_document(value: Any) -> JsonValue:
    """JSON values only. Raises ``TypeError`` for a type that documents do not hold."""
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [to_document(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_document(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a document")


def object_document(value: Any) -> dict[str, JsonValue]:
    """The document of a dataclass, which is a JSON object."""
    document = to_document(value)
    if not isinstance(document, dict):
        raise TypeError(f"{type(value).__name__} is no object")
    return document


def from_document(kind: type[Value], document: Any) -> Value:
    """The value of ``kind`` that ``to_document`` wrote.

    Raises:
        StorageError: the document does not hold such a value.
    """
    try:
        read: Value = _read(kind, document)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StorageError(
            f"a stored {kind.__name__} cannot be read ({type(error).__name__})",
            hint="check the database against its backup",
        ) from None
    return read


def _read(kind: Any, document: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _read_union(kind, document)
    if origin is tuple:
        return _read_tuple(kind, document)
    if kind is datetime:
        return datetime.fromisoformat(document).astimezone(UTC)
    if kind is timedelta:
        return timedelta(seconds=document)
    if kind is date:
        return date.fromisoformat(document)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, document)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(document)
    if kind is float and isinstance(document, int):
        return float(document)
    if isinstance(kind, type) and not isinstance(document, kind):
        raise TypeError(f"expected {kind.__name__}")
    return document


def _read_union(kind: Any, document: Any) -> Any:
    members = get_args(kind)
    if document is None and types.NoneType in members:
        return None
    others = [member for member in members if member is not types.NoneType]
    return _read(others[0], document)


def _read_tuple(kind: Any, document: Any) -> tuple[Any, ...]:
    members = get_args(kind)
    if len(members) == 2 and members[1] is Ellipsis:
        return tuple(_read(members[0], item) for item in document)
    return tuple(_read(member, item) for member, item in zip(members, document, strict=True))


def _read_dataclass(kind: Any, document: Any) -> Any:
    hints = _field_types(kind)
    return kind(**{name: _read(hints[name], item) for name, item in document.items() if name in hints})


@cache
def _field_types(kind: Any) -> Mapping[str, Any]:
    # Resolving hints costs more than reading a value, and a rebuilt index reads millions.
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
