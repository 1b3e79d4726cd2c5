"""Which settings a person made, where, and what they are. Secrets are only said to be set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from tapeline.doctor.finding import Finding, ok
from tapeline.settings import DEFAULT_FILE, DOTENV_FILE, Settings, dotenv_layer, environment_layer
from tapeline.yaml_file import YamlFile, read_yaml

AREA: Final = "settings"
_VARIABLES: Final = ("TAPELINE_HOME", "TAPELINE_CACHE", "TAPELINE_MAVEN_REPOSITORY")
HIDDEN: Final = "(set, not shown)"
Key = tuple[str, ...]


def configured(settings: Settings, config: Path | None) -> list[Finding]:
    """One finding a setting that is not left to its default. `settings`: as `load_settings(config)` gives them."""
    origins = _origins(config)
    found = [ok(AREA, f"{name} = {os.environ[name]} (environment)") for name in _VARIABLES if os.environ.get(name)]
    found += [ok(AREA, f"{'.'.join(key)} = {_shown(settings, key)} ({origins[key]})") for key in sorted(origins)]
    return found or [ok(AREA, f"all default: there is no {DEFAULT_FILE}, no {DOTENV_FILE} and no TAPELINE_ variable")]


def _origins(config: Path | None) -> dict[Key, str]:
    """Where each setting comes from; what stands above covers what is below."""
    file = config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    yaml_file = read_yaml(file) if file else YamlFile(DEFAULT_FILE)
    origins = {key: f"{yaml_file.path} line {yaml_file.line_of(key)}" for key in _leaves(yaml_file.content)}
    origins |= dict.fromkeys(_leaves(dotenv_layer()), str(DOTENV_FILE))
    return origins | dict.fromkeys(_leaves(environment_layer()), "environment")


def _leaves(layer: Mapping[str, Any], above: Key = ()) -> Iterator[Key]:
    for name, value in layer.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, str(name)))
        else:
            yield (*above, str(name))


def _shown(settings: Settings, key: Key) -> str:
    value: Any = settings
    for name in key:
        value = getattr(value, name) if isinstance(value, BaseModel) else value[name]
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else "(empty)"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "(none)"
    return str(value)
