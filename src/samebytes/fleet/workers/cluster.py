"""A Dask cluster as an engine: its scheduler, its queue and its protocol, and nothing of ours.

Dask is an extra, and takes long to load: it is imported only where a cluster is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
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
#: The same, as long as nobody is.
_WAIT_SECONDS = 0.2
#: After how long a worker that does not say what it is does not answer.
_ANSWER_SECONDS = 10.0
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
        #: Those who were asked and did not answer yet, and since when.
        self._asked: dict[str, tuple[Future[Any], float]] = {}
        self._silent: set[str] = set()
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
        if self._asked or any(worker.problem for worker in self._workers.values()):
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
            if self._useful() and self._asked.keys() <= self._silent:
                break
            if time.monotonic() >= end:
                what = "has no worker that answers" if self._asked else "has no workers"
                raise UserError(
                    f"{self._address} {what}.",
                    hint=f"Start some: dask worker {self._address} --nthreads 1",
                )
            if not is_told and not self._workers and not self._asked:
                note(f"{self._address} has no workers yet: waiting for one.")
                is_told = True
            time.sleep(_WAIT_SECONDS)
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
                    self._asked.clear()
                    self._client = _client(self._address, _CONNECT_SECONDS)
                self._end_overdue()
                self._look()
            except Exception:  # of many kinds: there is no scheduler now
                self._workers = {}

    def _look(self) -> None:
        """Asks each who is new what it is; nobody is waited for, as one may hang."""
        threads, now = self._client.nthreads(), time.monotonic()
        known = {each: worker for each, worker in self._workers.items() if each in threads}
        for each in threads.keys() - known.keys() - self._asked.keys():
            self._asked[each] = _asked(self._client, each, self._settings), now
        for each, (answer, since) in [*self._asked.items()]:
            if each not in threads:
                answer.cancel()
            elif answer.done():
                if worker := _as_worker(each, answer):
                    known[each] = worker
                    self._note(each, worker, threads[each])
            else:
                self._note_silence(each, now - since)
                continue
            del self._asked[each]
            self._silent.discard(each)
        self._workers = known

    def _note_silence(self, address: str, seconds: float) -> None:
        if seconds >= _ANSWER_SECONDS and address not in self._silent:
            self._silent.add(address)
            self._notes.append(f"The worker {address} does not answer: others do its work.")

    def _note(self, address: str, worker: Worker, threads: int) -> None:
        if worker.problem:
            self._notes.append(f"The worker {address} cannot be used: {worker.problem}")
        elif threads > 1:
            self._notes.append(
                f"The worker {address} has {threads} threads, of which one at a time is of "
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


def _asked(client: Client, address: str, settings: Settings) -> Future[object]:
    """What a worker says of itself, when it says it."""

    async def answer() -> object:
        answers = await client.run(describe, settings, workers=[address], on_error="return")
        return answers[address]

    loop: Any = client.loop
    return asyncio.run_coroutine_threadsafe(answer(), loop.asyncio_loop)


def _as_worker(address: str, asked: Future[object]) -> Worker | None:
    """None where the connection was lost: it has to be asked again."""
    from distributed.comm.core import CommClosedError

    answer: object = asked.exception() or asked.result()
    if isinstance(answer, Worker):
        return answer
    if isinstance(answer, CommClosedError) or asked.exception():
        return None
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
