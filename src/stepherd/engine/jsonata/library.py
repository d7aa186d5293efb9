"""All built-in functions by name, as values."""

from __future__ import annotations

from typing import Any

from stepherd.engine.jsonata.array_functions import ARRAY_FUNCTIONS
from stepherd.engine.jsonata.number_functions import NUMBER_FUNCTIONS
from stepherd.engine.jsonata.object_functions import OBJECT_FUNCTIONS
from stepherd.engine.jsonata.signature import Signature
from stepherd.engine.jsonata.string_functions import STRING_FUNCTIONS
from stepherd.engine.jsonata.values import Native

__all__ = ["BUILT_IN"]

_TABLES = (STRING_FUNCTIONS, NUMBER_FUNCTIONS, ARRAY_FUNCTIONS, OBJECT_FUNCTIONS)

BUILT_IN: dict[str, Any] = {
    name: Native(implementation, arity, Signature(signature))
    for table in _TABLES
    for name, (signature, arity, implementation) in table.items()
}
"""The functions of JSONata 2.0.6 but ``$eval``, which Step Functions does not have."""
