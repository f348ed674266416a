"""Names and types of every setting; the values stand in the YAML files of `irtbridge_configs`."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, make_dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING as REQUIRED

from irtbridge.adaptive.selection import SELECTIONS
from irtbridge.data.hold_out import MASKS, hold_out
from irtbridge.errors import BackendUnavailable
from irtbridge.inference import METHODS
from irtbridge.model.catalogue import MODELS
from irtbridge.model.design import designed
from irtbridge.model.priors import Prior
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import backend_class


@dataclass
class Common:
    """What `fit` and `run` share; base.yaml says what each is."""

    shape: str = REQUIRED
    person: str | None = REQUIRED
    item: str | None = REQUIRED
    response: str | None = REQUIRED
    items: Any = REQUIRED
    drop: Any = REQUIRED
    header: bool = REQUIRED
    missing: Any = REQUIRED
    key: Any = REQUIRED
    allow_empty: bool = REQUIRED
    allow_constant: bool | str | None = REQUIRED
    group: str | None = REQUIRED
    covariates: Any = REQUIRED
    weights: str | None = REQUIRED
    person_data: str | None = REQUIRED
    item_data: str | None = REQUIRED
    seed: int = REQUIRED
    device: str = REQUIRED
    dtype: str = REQUIRED
    results: str = REQUIRED
    save_draws: bool = REQUIRED
    overwrite: bool = REQUIRED
    backend: dict[str, Any] = field(default_factory=dict)
    method: dict[str, Any] = field(default_factory=dict)


@dataclass
class FitConfig(Common):
    """``irtbridge fit``."""

    data: str = REQUIRED
    model: Any = REQUIRED
    fixed: str | None = REQUIRED


@dataclass
class SbcConfig:
    """``irtbridge sbc``; sbc.yaml says what each is."""

    models: list[str] | None = REQUIRED
    sets: int = REQUIRED
    persons: int = REQUIRED
    seed: int = REQUIRED
    device: str = REQUIRED
    dtype: str = REQUIRED
    results: str = REQUIRED
    overwrite: bool = REQUIRED
    backend: dict[str, Any] = field(default_factory=dict)
    method: dict[str, Any] = field(default_factory=dict)


@dataclass
class SimulateCatConfig:
    """``irtbridge simulate-cat``; simulate_cat.yaml says what each is."""

    bank: str = REQUIRED
    persons: int | None = REQUIRED
    exposure: Any = REQUIRED
    stop: str = REQUIRED
    retest: bool = REQUIRED
    history: str | None = REQUIRED
    abilities: str | None = REQUIRED
    nodes: int | None = REQUIRED
    seed: int = REQUIRED
    results: str = REQUIRED
    content: Any = REQUIRED
    device: str = REQUIRED
    dtype: str = REQUIRED
    model: Any = None
    backend: dict[str, Any] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)


@dataclass
class Simulate:
    """How the data of a condition are generated.

    Attributes
    ----------
    n_persons, n_items : int
    n_categories : int or list of int
        Of all items or of each.
    missing : float
        Probability that a response is missing.
    priors : dict of str to str
        Generating distributions by variable; what is not named has the model's own prior.
    correlation : list of float, optional
        Lowest and highest true trait correlation.
    """

    n_persons: int = REQUIRED
    n_items: int = REQUIRED
    n_categories: Any = 2
    missing: float = 0.0
    priors: dict[str, Any] = field(default_factory=dict)
    correlation: list[float] | None = None


@dataclass
class Condition:
    """A model, and data that are simulated or real.

    Attributes
    ----------
    model : dict
        ``name`` and options of a model of the catalogue.
    simulate : Simulate, optional
    data : str, optional
        A file or a named data set.
    n_persons : int, optional
        Only the first so many of real data.
    grid : dict of str to list
        One condition for each combination; ``<key>`` in the model's options stands for the value.
    """

    model: dict[str, Any] = field(default_factory=dict)
    simulate: Simulate | None = None
    data: str | None = None
    n_persons: int | None = None
    grid: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class CalibrationData:
    """Items that are calibrated with and without responses of their own.

    Attributes
    ----------
    vocabulary : str, optional
        The kind of items of a simulated vocabulary test, with
    n_items, n_persons, per_person : int, optional
        its items, its persons, and how many items each of these is given; or
    data : str, optional
        a file or a named data set,
    item_data : str, optional
        features of its items, and
    at_least : int, optional
        the lowest response that counts as right, where there are more than two.
    leave_out : list of str
        Columns of the features that are not used.
    formula : str
        Of linear predictors.
    starts : list
        How many responses of held-out items are seen; or all.
    parts, rounds : int
        Items are dealt into so many parts, of which so many are held out, one after another.
    replications : int, optional
        At most.
    """

    vocabulary: str | None = None
    n_items: int | None = None
    n_persons: int | None = None
    per_person: int | None = None
    data: str | None = None
    item_data: str | None = None
    at_least: int | None = None
    leave_out: list[str] = field(default_factory=list)
    formula: str = REQUIRED
    starts: list[Any] = field(default_factory=lambda: [0])
    parts: int = 4
    rounds: int = 1
    replications: int | None = None


@dataclass
class Test:
    """An adaptive test that is simulated.

    Attributes
    ----------
    bank : str, optional
        A file of item parameters, or
    vocabulary : str, optional
        the kind of items of a simulated vocabulary test, and how many:
    n_items : int, optional
    stop : str
        When a session ends.
    persons : int
    exposure : list of float
        Targets of the largest exposure; 0 is no control.
    content : dict of str to int, list of int or float
        By content area, as in `irtbridge.AdaptiveTest`.
    selection : dict of str to dict
        Rules and their settings.
    """

    bank: str | None = None
    vocabulary: str | None = None
    n_items: int | None = None
    stop: str = "items=20"
    persons: int = 1000
    exposure: list[float] = field(default_factory=lambda: [0.0])
    content: dict[str, Any] = field(default_factory=dict)
    selection: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Caps:
    """What a preset allows at most; null allows anything.

    Attributes
    ----------
    conditions, replications, n_persons, n_items : int, optional
    n_bank : int, optional
        Items of the bank of an adaptive test.
    method : dict
        Numbers by method and setting.
    """

    conditions: int | None = None
    replications: int | None = None
    n_persons: int | None = None
    n_items: int | None = None
    n_bank: int | None = None
    method: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass
class StudyConfig(Common):
    """``irtbridge run``; run.yaml says what each is."""

    name: str = REQUIRED
    folder: str = REQUIRED
    title: str = REQUIRED
    reference: str | None = REQUIRED
    replications: int = REQUIRED
    parts: int = REQUIRED
    job: str | None = REQUIRED
    data: str | None = REQUIRED
    mask: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    calibrations: dict[str, CalibrationData] = field(default_factory=dict)
    predictors: dict[str, dict[str, Any]] = field(default_factory=dict)
    tests: dict[str, Test] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    caps: Caps = field(default_factory=Caps)


def register() -> None:
    """Store the schemas, and fill groups from plugins, methods, rules and catalogue.

    They are `backend`, `method`, `model`, `mask`, `selection`, and the caps of `preset=smoke` on methods' settings.
    """
    store = ConfigStore.instance()
    store.store(name="fit_schema", node=FitConfig)
    store.store(name="run_schema", node=StudyConfig)
    store.store(name="sbc_schema", node=SbcConfig)
    store.store(name="simulate_cat_schema", node=SimulateCatConfig)
    for name in backend_names():
        try:
            options = backend_class(name).options_class
        except BackendUnavailable:
            options = make_dataclass("NoOptions", [])
        store.store(group="backend", name=name, node=_node(options), package=f"backend.{name}")
    for name, method in METHODS.items():
        store.store(group="method", name=name, node=_node(method.settings), package=f"method.{name}")
    for name, rule in SELECTIONS.items():
        store.store(group="selection", name=name, node=_node(rule), package=f"selection.{name}")
    for name, kind in MASKS.items():
        store.store(group="mask", name=name, node=_mask_node(name, kind.options), package=f"mask.{name}")
    smoke = {name: dict(method.smoke) for name, method in METHODS.items() if method.smoke}
    store.store(group="preset/methods", name="smoke", node=smoke, package="caps.method")
    for name, function in MODELS.items():
        store.store(group="model", name=name, node=_model_node(name, function))


def _node(settings: type) -> type:
    """The same fields, not frozen: OmegaConf would refuse to override those of a frozen dataclass."""
    columns = [(f.name, _kind(settings, f.name), field(default=f.default)) for f in _with_default(settings)]
    return make_dataclass(f"{settings.__name__}Node", columns)


def _with_default(settings: type) -> list[Field[Any]]:
    return [f for f in fields(settings) if f.default is not MISSING]


def _kind(settings: type, name: str) -> Any:
    """The type of a setting; of those that OmegaConf does not know, any."""
    kind = typing.get_type_hints(settings)[name]
    return kind if set(typing.get_args(kind) or [kind]) <= {int, float, str, bool, type(None)} else Any


def _mask_node(name: str, options: Sequence[str]) -> type:
    """The options of a mask, with the defaults of `hold_out`."""
    defaults: Mapping[str, Any] = hold_out.__kwdefaults__ or {}
    kinds = {"share": float, "exposed": float}
    columns = [(option, kinds.get(option, Any), field(default=defaults[option])) for option in options]
    return make_dataclass(f"Mask_{name}", columns)


def _model_node(name: str, function: Callable[..., ModelSpec]) -> type:
    columns: list[tuple[str, Any, Any]] = [("name", str, field(default=name))]
    for option, default in (function.__kwdefaults__ or {}).items():
        value = str(default) if isinstance(default, Prior) else default
        kind = type(value) if isinstance(value, (str, bool, float)) else Any
        columns.append((option, kind, field(default=value)))
    for option, default in (designed.__kwdefaults__ or {}).items():
        columns.append((option, Any, field(default=str(default) if isinstance(default, Prior) else default)))
    return make_dataclass(f"Model_{name}", columns)
