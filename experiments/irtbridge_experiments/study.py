"""Run a study: its cells one at a time, each in its own process; then the table and the figure from the records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from irtbridge.backend import check_dtype
from irtbridge.data import Responses, load_responses
from irtbridge.errors import IRTBridgeError
from irtbridge.files import write_json
from irtbridge.inference import make_settings
from irtbridge.layout import Layout
from irtbridge.plugins import backend_class
from irtbridge.spec import ModelSpec
from irtbridge_experiments.cell import Cell, Record, failed_record, finished, record_path, run_cell
from irtbridge_experiments.config import spec_from
from irtbridge_experiments.display import Display

DATA_OPTIONS = ("shape", "person", "item", "response", "items", "allow_empty")


def read_responses(config: DictConfig) -> Responses:
    """The data that a configuration names."""
    options: dict[str, Any] = {key: OmegaConf.to_object(config)[key] for key in DATA_OPTIONS}  # type: ignore[index, call-overload]
    return load_responses(str(config.data), **options)


def make_cells(config: DictConfig, spec: ModelSpec, responses: Responses) -> list[Cell]:
    """All combinations of the configuration's backends and methods.

    Raises
    ------
    IRTBridgeError
        A setting is wrong, a backend's library is missing, or the spec does not fit the data: before anything runs.
    """
    Layout.of(spec, responses)
    check_dtype(str(config.dtype))
    cells = []
    for backend, options in _plain(config.backend).items():
        backend_class(backend).check_installed()
        for method, settings in _plain(config.method).items():
            make_settings(method, **settings)
            cells.append(
                Cell(
                    backend=backend,
                    method=method,
                    backend_options=options,
                    settings=settings,
                    spec=spec.to_dict(),
                    data=responses.to_dict(),
                    seed=int(config.seed),
                    device=str(config.device),
                    dtype=str(config.dtype),
                )
            )
    return cells


def run_cells(
    cells: Iterable[Cell], folder: Path, show: Display, *, save_draws: bool = True, overwrite: bool = False
) -> list[Record]:
    """Run cells that are not on disk yet; one that fails is recorded, and the others go on."""
    records = []
    for cell in cells:
        kept = None if overwrite else finished(folder, cell)
        if kept is not None:
            show.console.print(f"{cell.key}: on disk already (overwrite=true fits it again)")
            records.append(kept)
            continue
        try:
            with show.cell(cell.key) as view:
                records.append(run_cell(cell, folder, save_draws=save_draws, progress=view))
        except IRTBridgeError as error:
            records.append(failed_record(cell, error))
            write_json(record_path(folder, cell), records[-1])
            show.console.print(f"{cell.key}: {type(error).__name__}: {error}", style="red", highlight=False)
    return records


def run_study(config: DictConfig, console: Console) -> list[Record]:
    """Run a study's cells and return their records.

    Parameters
    ----------
    config : DictConfig
        A composed ``run`` configuration.
    console : Console
        Where progress is shown.
    """
    from irtbridge_experiments.display import display

    spec, responses = spec_from(config.model), read_responses(config)
    cells = make_cells(config, spec, responses)
    folder = Path(config.results) / config.name
    described = {"name": config.name, "title": config.title, "reference": config.reference, "spec": spec.to_dict()}
    write_json(folder / "study.json", described)
    with display(console) as show:
        return run_cells(cells, folder, show, save_draws=config.save_draws, overwrite=config.overwrite)


def _plain(node: DictConfig) -> dict[str, dict[str, Any]]:
    container: dict[str, dict[str, Any]] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    return container
