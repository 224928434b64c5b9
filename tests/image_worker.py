"""A process of its own that reads image files, so that whatever a file does to it can be told.

Run as a program, it reads one path per line and answers each with one line of JSON.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from attrs import define

_SECONDS = 20
_BYTES = 4 << 30


@define
class Reader:
    """Asks a worker what a file holds. A worker that dies, or ends as it hangs, is replaced: the file is at fault."""

    worker: subprocess.Popen[str] | None = None
    deaths: int = 0

    def ask(self, path: Path) -> dict[str, Any]:
        """``voxels`` (a hash) and ``notes``, or ``refused``, or ``broken`` with what went wrong."""
        worker = self.worker if self.worker and self.worker.poll() is None else self._start()
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            worker.stdin.write(f"{path}\n")
            worker.stdin.flush()
            answer: dict[str, Any] = json.loads(worker.stdout.readline() or "null") or {}
        except BrokenPipeError:
            answer = {}
        if not answer:
            self.deaths += 1
            return {"broken": f"the process ended with {worker.wait()}"}
        return answer

    def close(self) -> None:
        if self.worker is not None and self.worker.stdin is not None:
            self.worker.stdin.close()
            self.worker.wait()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, __file__]
        self.worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self.worker


def voxels_hash(array: Any) -> str:
    return hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()


def _answer(path: str) -> dict[str, Any]:
    from pycemrg_core.errors import ImageError
    from pycemrg_core.images import image_files

    try:
        image, notes = image_files.read_labels(path)
    except ImageError as error:
        text = str(error)
        if "\n" in text or not text.isprintable() or len(text) > 2000 or not text.startswith(path.rpartition("/")[0]):
            return {"broken": f"the refusal is not one good line: {text!r}"}
        return {"refused": text}
    except BaseException as error:
        return {"broken": repr(error)}
    return {"voxels": voxels_hash(image_files.voxel_array(image)), "notes": list(notes)}


def _serve() -> None:
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    answers = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryFile() as printed:
        # What a library prints by itself would be on the user's terminal.
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        for line in sys.stdin:
            faulthandler.dump_traceback_later(_SECONDS, exit=True)
            answer = _answer(line.rstrip("\n"))
            faulthandler.cancel_dump_traceback_later()
            if printed.seek(0, os.SEEK_END):
                printed.seek(0)
                answer = {"broken": f"printed: {printed.read()!r}"}
                printed.seek(0)
                printed.truncate()
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    _serve()
