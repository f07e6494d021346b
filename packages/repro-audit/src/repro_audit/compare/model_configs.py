"""What of a model's configuration it computes by, however it was written down.

A model that was loaded, or built before it was trained, has an input layer, shapes that it was
built for and other names; it computes the same.
"""

from __future__ import annotations

from typing import Any

__all__ = ["as_computed"]

_WRITTEN = frozenset(
    {"build_config", "build_input_shape", "compile_config", "module", "name", "registered_name"}
)
"""Keys that say how a model was written down. Source: Keras's ``serialize_keras_object``."""


def as_computed(config: Any) -> Any:
    """Return a configuration without what changes nothing of what a model computes.

    Args:
        config: A model's configuration as the manifest holds it. Anything is allowed.

    Returns:
        The same without input layers of a ``Sequential`` model, shapes it was built for, and the
        names and modules of its layers. Where layers are joined by their names, as in a functional
        model, those stay.

    >>> as_computed({"class_name": "Sequential", "config": {"name": "<0>", "layers": [
    ...     {"class_name": "InputLayer"}, {"class_name": "Dense", "config": {"name": "<1>"}}]}})
    {'class_name': 'Sequential', 'config': {'layers': [{'class_name': 'Dense', 'config': {}}]}}
    """
    if isinstance(config, list):
        return [as_computed(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") in {"Functional", "Model"}:
        return config
    kept = {key: as_computed(value) for key, value in config.items() if key not in _WRITTEN}
    inner = kept.get("config")
    if config.get("class_name") == "Sequential" and isinstance(inner, dict):
        layers = inner.get("layers")
        if isinstance(layers, list):
            kept["config"] = inner | {"layers": [item for item in layers if not _is_input(item)]}
    return kept


def _is_input(layer: Any) -> bool:
    return isinstance(layer, dict) and layer.get("class_name") == "InputLayer"
