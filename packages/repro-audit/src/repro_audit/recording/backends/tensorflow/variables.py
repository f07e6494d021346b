"""Variables of Keras as TensorFlow holds them."""

from __future__ import annotations

from typing import Any

__all__ = ["local_value", "read_tensor"]


def local_value(variable: Any) -> Any:
    """Return TensorFlow's variable behind one of Keras; of several replicas the first one's.

    The variable of all replicas can only be read outside the scopes of other strategies.
    """
    # Private: Keras's Variable._value (3.12 to 3.15), and `values` of TensorFlow's distributed
    # variables (2.18 to 2.21). When the first moves, read_value fails and no state can be read.
    value = getattr(variable, "_value", variable)
    replicas = getattr(value, "values", None)
    return replicas[0] if isinstance(replicas, tuple) and replicas else value


def read_tensor(variable: Any) -> Any:
    """Return a tensor of a variable's value, in its own dtype, without a copy on a CPU."""
    return local_value(variable).read_value()
