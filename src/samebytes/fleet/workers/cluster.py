"""A Dask cluster as an engine: its scheduler, its queue and its protocol, and nothing of ours.

Dask is an extra, and takes long to load: it is imported only where a cluster is asked for.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from samebytes import __version__
from samebytes.errors import UserError
from samebytes.fleet.workers.engine import Engine
from samebytes.fleet.workers.pool import patience_of
from samebytes.fleet.workers.work import Settings, Worker, describe

if TYPE_CHECKING:
    from distributed import Client

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CONNECT_SECONDS = 10.0
#: How often it is looked who is there.
_LOOK_SECONDS = 1.0
#: How many who are of no use are named.
_NAMED = 3


@contextmanager
def cluster_engine(
    address: str, settings: Settings, *, patience: float, note: Callable[[str], None]
) -> Iterator[Engine]:
    """The workers of the scheduler at ``address``, which have samebytes installed, as it is here.

    Where there are none, it is waited for them, ``patience`` seconds; ``note`` is told so. The
    settings go to the workers, and with them what the address of an index holds of passwords:
    where others can listen, the address has to be a tls:// one.

    Raises UserError where there is no scheduler, or a worker is of no use.
    """
    with _silence(), _Cluster.connected(address, settings) as cluster:
        cluster.wait(patience, note)
        yield Engine(
            name=f"the Dask cluster at {address}",
            executor=cluster,
            slots=cluster.slots,
            terms=cluster.terms,
            deaths=_deaths,
            patience=patience_of(settings),
            end=cluster.end,
            notes=cluster.notes,
        )


def _deaths(error: BaseException) -> int:
    """How many workers an exception is the end of: Dask itself tries again what kills them."""
    from distributed import KilledWorker

    return error.allowed_failures + 1 if isinstance(error, KilledWorker) else 0


class _Cluster(Executor):
    """``Client.get_executor()``, of a client that is made anew when it has given up."""

    def __init__(self, address: str, settings: Settings, client: Client) -> None:
        self._address = address
        self._settings = settings
        self._client = client
        self._executors: dict[Client, Executor] = {}
        #: Those who are there, by their addresses, and what they said of themselves.
        self._workers: Mapping[str, Worker] = {}
        self._notes: deque[str] = deque()
        self._keys: dict[Future[Any], str] = {}
        self._overdue: deque[str] = deque()
        self._has_ended = threading.Event()
        self._watch = threading.Thread(target=self._look_again, daemon=True)

    @classmethod
    @contextmanager
    def connected(cls, address: str, settings: Settings) -> Iterator[_Cluster]:
        cluster = cls(address, settings, _client(address, _CONNECT_SECONDS))
        try:
            yield cluster
        finally:
            cluster._close()

    @property
    def terms(self) -> frozenset[str]:
        return frozenset(worker.terms for worker in self._useful())

    def slots(self) -> int:
        """As many as there are useful workers; none while there is no scheduler."""
        return len(self._useful()) if self._client.status == "running" else 0

    def notes(self) -> tuple[str, ...]:
        notes = tuple(self._notes)
        self._notes.clear()
        return notes

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """As ``Client.get_executor()`` does; cancelled at once where nobody is there to ask."""
        client = self._client
        # The key is a word of Dask's, which no function of ours knows.
        words: dict[str, Any] = {"pure": False, "key": f"samebytes-{uuid.uuid4().hex}"}
        if any(worker.problem for worker in self._workers.values()):
            useful = [each for each, worker in self._workers.items() if not worker.problem]
            words |= {"workers": useful, "allow_other_workers": True}
        try:
            future: Future[_T] = self._executor(client).submit(fn, *args, **kwargs, **words)
        except Exception:  # of many kinds, when the connection is lost at this moment
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future
        self._keys[future] = words["key"]
        future.add_done_callback(lambda done: self._keys.pop(done, None))
        return future

    def end(self, future: Future[Any]) -> None:
        """Have the worker that works on it restarted by its nanny."""
        if key := self._keys.get(future):
            self._overdue.append(key)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing: what is under way belongs to the client, which is closed later."""

    def wait(self, patience: float, note: Callable[[str], None]) -> None:
        """Until there is a worker; raises UserError where one is of no use, or there is none."""
        end, is_told = time.monotonic() + patience, False
        while True:
            with suppress(OSError):
                self._look()
            if problems := [each.problem for each in self._workers.values() if each.problem]:
                raise UserError(
                    f"Workers of {self._address} cannot be used: {'; '.join(problems[:_NAMED])}.",
                    hint=f"All need samebytes {__version__} and bubblewrap: "
                    f"pip install samebytes[cluster]=={__version__}",
                )
            if self._workers:
                break
            if time.monotonic() >= end:
                raise UserError(
                    f"{self._address} has no workers.",
                    hint=f"Start some: dask worker {self._address} --nthreads 1",
                )
            if not is_told:
                note(f"{self._address} has no workers yet: waiting for one.")
                is_told = True
            time.sleep(_LOOK_SECONDS / 2)
        self._watch.start()

    def _useful(self) -> list[Worker]:
        return [worker for worker in self._workers.values() if not worker.problem]

    def _executor(self, client: Client) -> Executor:
        if client not in self._executors:
            self._executors = {client: client.get_executor(pure=False)}
        return self._executors[client]

    # In a thread of its own

    def _look_again(self) -> None:
        while not self._has_ended.wait(_LOOK_SECONDS):
            try:
                if self._client.status in ("closed", "closing"):
                    self._client = _client(self._address, _CONNECT_SECONDS)
                self._end_overdue()
                self._look()
            except Exception:  # of many kinds: there is no scheduler now
                self._workers = {}

    def _look(self) -> None:
        threads = self._client.nthreads()
        known = {each: worker for each, worker in self._workers.items() if each in threads}
        if new := sorted(set(threads) - known.keys()):
            answers = self._client.run(describe, self._settings, workers=new, on_error="return")
            for each, answer in answers.items():
                known[each] = _as_worker(each, answer)
            self._note(new, known, threads)
        self._workers = known

    def _note(
        self, new: Iterable[str], known: Mapping[str, Worker], threads: Mapping[str, int]
    ) -> None:
        for each in new:
            worker = known.get(each)
            if worker is not None and worker.problem:
                self._notes.append(f"The worker {each} cannot be used: {worker.problem}")
            elif threads[each] > 1:
                self._notes.append(
                    f"The worker {each} has {threads[each]} threads, of which one at a time is of "
                    "use: start it with --nthreads 1, and more of them with --nworkers."
                )

    def _end_overdue(self) -> None:
        while self._overdue:
            key = self._overdue.popleft()
            busy = [each for each, keys in self._client.processing().items() if key in keys]
            for future in [future for future, name in self._keys.items() if name == key]:
                future.cancel()
            if busy:
                try:
                    self._client.restart_workers(busy, timeout=60, raise_for_error=False)
                except Exception as error:
                    self._notes.append(f"The worker {busy[0]} hangs: {error}")

    def _close(self) -> None:
        self._has_ended.set()
        if self._watch.is_alive():
            self._watch.join(_CONNECT_SECONDS)
        for future in [*self._keys]:
            future.cancel()
        with suppress(Exception):
            self._client.close(timeout=_CONNECT_SECONDS)


def _client(address: str, seconds: float) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            "Dask is not installed here.", hint="pip install samebytes[cluster]"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions: what matters is looked at later
            return Client(address, timeout=seconds, set_as_default=False, name="samebytes")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"There is no Dask scheduler at {address}: {error}.".replace("..", "."),
            hint="Start one with dask scheduler, and name the address that it prints.",
        ) from None


def _as_worker(address: str, answer: object) -> Worker:
    if isinstance(answer, Worker):
        return answer
    reason = f"{type(answer).__name__}: {answer}" if isinstance(answer, Exception) else str(answer)
    return Worker(name=address, terms="", problem=reason)


@contextmanager
def _silence() -> Iterator[None]:
    """Dask logs what people are told here in other words, or need not know."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
