"""Finished arms and folds on disk, so that a study that was killed can go on."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.files import written_whole
from skvae.study.evaluate import Finished, Task

__all__ = ["Checkpoints", "UnfinishedStudyError"]

# What decides the last bits, besides the study itself.
_PACKAGES = ("skvae", "scikit-learn", "numpy", "scipy", "torch")


class UnfinishedStudyError(ValueError):
    """A folder holds a study that neither goes on nor may be lost without a word."""


class Checkpoints:
    """The folder of a study: what names it, and a file for each finished task.

    Files are written whole or not at all. They are JSON: nothing in them is ever run.

    Parameters
    ----------
    folder : str or Path
        The folder of the study.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._tasks = self.folder / "checkpoints"
        self._identity = self._tasks / "study.json"

    @property
    def networks(self) -> Path:
        """Where trained networks are kept until the study ends."""
        return self.folder / "networks"

    def begin(self, identity: dict[str, str], *, resume: bool, n_tasks: int) -> None:
        """Start anew or go on; refuse what would lose or mix results.

        Parameters
        ----------
        identity : dict of str to str
            What decides the results, by name.
        resume : bool
            Whether to go on with what is there.
        n_tasks : int
            How many tasks the study has.
        """
        identity = identity | {
            f"the version of {name}": version(name) for name in _PACKAGES
        }
        found = self._found_identity()
        if found is not None and resume:
            changed = sorted(
                name
                for name in identity.keys() | found.keys()
                if identity.get(name) != found.get(name)
            )
            if changed:
                raise ValueError(
                    f"Got resume=True, but since the study in {str(self.folder)!r} was "
                    f"begun, there is a change of {', '.join(changed)}. Begin a new one in "
                    "another folder, or restart this one."
                )
            return
        n_done = len(self.finished())
        if found is not None and n_done < n_tasks and n_done:
            raise UnfinishedStudyError(
                f"Got folder={str(self.folder)!r}, which holds an unfinished study with "
                f"{n_done} fits; resume it, restart it, or name another folder."
            )
        self.clear()
        self._tasks.mkdir(parents=True, exist_ok=True)
        with written_whole(self._identity) as unfinished:
            unfinished.write_text(json.dumps(identity, indent=1))

    def clear(self) -> None:
        """Forget what was finished, and the networks."""
        shutil.rmtree(self._tasks, ignore_errors=True)
        self.forget_networks()

    def forget_networks(self) -> None:
        """Remove the networks; a killed worker may still write while the folder goes."""
        shutil.rmtree(self.networks, ignore_errors=True)

    def finished(self) -> list[Path]:
        """Files of the finished tasks."""
        return [p for p in sorted(self._tasks.glob("*.json")) if p != self._identity]

    def load(self, task: Task) -> Finished | None:
        """Return what came of a task, or None where it has not been finished.

        Parameters
        ----------
        task : Task
            The task.

        Returns
        -------
        Finished or None
            What was saved.
        """
        path = self._path(task)
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text())
            columns = {k: _array(column) for k, column in found["predictions"].items()}
            warned = [(category, text) for category, text in found["warned"]]
            predictions, told = task.where | columns, found.get("explained")
            return Finished(found["row"], found["timing"], predictions, warned, told)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"Got the checkpoint {str(path)!r}, which is damaged ({error}); remove it "
                "to have this fold fitted again."
            ) from error

    def save(self, task: Task, finished: Finished) -> None:
        """Keep what came of a task.

        Parameters
        ----------
        task : Task
            The task.
        finished : Finished
            What came of it.
        """
        columns = {k: v for k, v in finished.predictions.items() if k not in task.where}
        found = {
            "row": finished.row,
            "timing": finished.timing,
            "predictions": {name: _column(values) for name, values in columns.items()},
            "warned": finished.warned,
        }
        if finished.explained is not None:
            found["explained"] = finished.explained
        with written_whole(self._path(task)) as unfinished:
            unfinished.write_text(json.dumps(found, default=_plain))

    def _path(self, task: Task) -> Path:
        # Names of arms may hold what a file name may not.
        name = "".join(
            c if c.isalnum() or c in "-_." else f"%{ord(c):x}" for c in task.arm.name
        )
        return self._tasks / f"{name}-{task.fold.repeat}-{task.fold.fold}.json"

    def _found_identity(self) -> dict[str, str] | None:
        if not self._identity.is_file():
            return None
        try:
            found: dict[str, str] = json.loads(self._identity.read_text())
        except ValueError as error:
            raise ValueError(
                f"Got folder={str(self.folder)!r}, whose {self._identity.name} is damaged; "
                "restart the study, or name another folder."
            ) from error
        return found


def _column(values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "biufUO":
        raise TypeError(
            f"Got a column of {array.dtype} among the names of rows or groups, expected "
            "text or numbers."
        )
    return {"dtype": array.dtype.str, "values": array.tolist()}


def _array(column: dict[str, Any]) -> NDArray[Any]:
    return np.array(column["values"], dtype=column["dtype"])


def _plain(value: Any) -> Any:
    """Return numbers of numpy, such as the names of rows, as plain ones."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"Got {value!r} of type {type(value).__name__}, expected text or numbers."
    )
