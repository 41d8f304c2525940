"""The same jobs on a Ray cluster: a task each, placed by its cores, memory and GPU."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.segmenters.learned.network import THREADS_VARIABLE

__all__ = ["on_ray"]

Job = TypeVar("Job")
Result = TypeVar("Result")


def on_ray(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int,
    lost: Callable[[Job, str], Result],
    needs: Sequence[int],
    gpus: float = 0.0,
) -> Iterator[Result]:
    """Yield the result of each job as it is done, in no order.

    ``RAY_ADDRESS`` names a running cluster, whose machines see the same folders under the same
    names; without it Ray is started here with ``workers`` cores, and ended after the last job.

    Args:
        work: a function of a module.
        jobs: its arguments.
        workers: jobs at a time.
        lost: the result of a job that has none, and why.
        needs: memory of each job, bytes; a task waits for a machine that has it.
        gpus: of each job, may be a part.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached or has no such GPU.
    """
    try:
        import ray  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "the engine ray needs Ray", remedy='Install it: pip install "lesionloop[cluster]".'
        ) from error

    address = os.environ.get("RAY_ADDRESS")
    started = not ray.is_initialized()
    if started:
        local: dict[str, Any] = {} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            ray.init(
                address=address or "local", log_to_driver=False, logging_level="error", **local
            )
        except (ConnectionError, RuntimeError) as error:
            raise InputError(
                f"cannot reach Ray at {address}" if address else "cannot start Ray here",
                cause=f"{error}.",
                remedy="Check RAY_ADDRESS, or use --engine local.",
            ) from error
    running: dict[Any, int] = {}
    try:
        most = _largest_memory(ray)
        if gpus > ray.cluster_resources().get("GPU", 0):
            raise InputError(f"the cluster has no {gpus:g} GPU", remedy="Use --gpus-per-run 0.")
        task = ray.remote(work)
        waiting = list(range(len(jobs)))
        while waiting or running:
            while waiting and len(running) < workers:
                number = waiting.pop(0)
                options = task.options(
                    num_cpus=1, num_gpus=gpus, memory=min(needs[number], most), max_retries=0,
                    runtime_env={"env_vars": {THREADS_VARIABLE: "1"}},
                )  # fmt: skip
                running[options.remote(jobs[number])] = number
            (done,), _ = ray.wait(list(running), num_returns=1)
            number = running.pop(done)
            try:
                yield ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise LesionLoopError(
                    "a task failed on the cluster", cause=_first_line(error)
                ) from error
            except ray.exceptions.RayError as error:
                yield lost(jobs[number], f"the worker was lost: {_first_line(error)}")
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        if started:
            ray.shutdown()


def _largest_memory(ray: Any) -> int:
    """Memory of the machine that has most of it, bytes: a task that asks for more waits forever."""
    return max(int(node["Resources"].get("memory", 0)) for node in ray.nodes())


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
