"""What of a model's configuration it computes by, however it was written down.

A model that was loaded, or built before it was trained, has an input layer, shapes that it was
built for and other names; it computes the same.
"""

from __future__ import annotations

from typing import Any

__all__ = ["as_computed", "numbered_layers"]

_BUILT = frozenset({"build_config", "build_input_shape", "compile_config"})
"""Keys that say for what a model was built. Source: Keras's ``serialize_keras_object``."""


def as_computed(config: Any) -> Any:
    """Return a configuration without what changes nothing of what a model computes.

    Args:
        config: A model's configuration as the manifest holds it. Anything is allowed.

    Returns:
        Of a ``Sequential`` model the same without its input layers, the shapes it was built for
        and the names of its layers; any other as it is, since layers are joined there by name.

    >>> as_computed({"class_name": "Sequential", "config": {"name": "<0>", "layers": [
    ...     {"class_name": "InputLayer"}, {"class_name": "Dense", "config": {"name": "<1>"}}]}})
    {'class_name': 'Sequential', 'config': {'layers': [{'class_name': 'Dense', 'config': {}}]}}
    """
    if not isinstance(config, dict):
        return config
    kept = {key: value for key, value in config.items() if key not in _BUILT}
    inner = kept.get("config")
    if isinstance(inner, dict):
        kept["config"] = {
            key: value for key, value in inner.items() if key not in _BUILT | {"name"}
        }
    layers = numbered_layers(config)
    if layers is not None:
        kept["config"] = kept["config"] | {"layers": [layer for _, layer in layers]}
    joined_by_name = layers is None and isinstance(inner, dict) and "layers" in inner
    return config if joined_by_name else kept


def numbered_layers(config: Any) -> list[tuple[int, Any]] | None:
    """Return the layers of a ``Sequential`` model but its input, each with its place in the list.

    Args:
        config: A configuration; anything is allowed.

    Returns:
        Layers as they compute; None for what is no such model.
    """
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(layers, list) or config.get("class_name") != "Sequential":
        return None
    return [
        (place, as_computed(layer)) for place, layer in enumerate(layers) if not _is_input(layer)
    ]


def _is_input(layer: Any) -> bool:
    return isinstance(layer, dict) and layer.get("class_name") == "InputLayer"
