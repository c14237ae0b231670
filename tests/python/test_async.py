"""Guard.authorize(): one call for all who wait, whichever loop they wait on."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading
import weakref
from collections.abc import Callable

import pytest
import uvloop
from asking import bearer, judge, refusal
from auth_agent_core import Answer, Guard, GuardError, Principal, Verdict
from auth_agent_core._channel import channels
from fake_as import FakeAs, running

GuardOf = Callable[..., Guard]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def ask(guard: Guard, token: str) -> Verdict:
    return await guard.authorize("GET", "/files", bearer(token))


# ---- single flight ------------------------------------------------------------------------------------------------


async def test_100_parallel_requests_with_one_new_token_make_one_introspection(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    server.delay_s = 0.05
    verdicts = await asyncio.gather(*(ask(guard, "good") for _ in range(100)))
    assert server.introspections == 1
    assert len(set(verdicts)) == 1
    assert isinstance(verdicts[0], Principal)


async def test_different_tokens_are_asked_about_separately(server: FakeAs, guard: Guard) -> None:
    tokens = [server.grant(f"good{i}", sub=f"usr_{i}") for i in range(20)]
    verdicts = await asyncio.gather(*(judge(guard, token) for token in tokens))
    assert [verdict.id for verdict in verdicts if isinstance(verdict, Principal)] == [f"usr_{i}" for i in range(20)]
    assert server.introspections == 20


async def test_two_guards_keep_their_facts_apart(server: FakeAs, guard: Guard) -> None:
    with running() as other:
        server.grant("good", sub="one")
        second = Guard(**other.options())
        assert isinstance(await judge(guard, "good"), Principal)
        assert (await refusal(second, "good")).status == 401
        second.close()


# ---- cancelling ---------------------------------------------------------------------------------------------------


async def test_cancelling_one_waiter_cancels_it_alone(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    server.delay_s = 0.1
    first, second = asyncio.create_task(ask(guard, "good")), asyncio.create_task(ask(guard, "good"))
    await asyncio.sleep(0.02)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert isinstance(await second, Principal)
    assert server.introspections == 1


async def test_a_timeout_of_asyncio_works_while_the_authorization_server_hangs(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    assert isinstance(await judge(guard, "good"), Principal)
    server.delay_s = 2
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ask(guard, "slow"), 0.05)
    assert channels.of(asyncio.get_running_loop()).pending == {}
    assert isinstance(await judge(guard, "good"), Principal)


async def test_a_cancellation_that_meets_its_verdict_in_the_queue_settles_once(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    await judge(guard, "good")

    async def cancelled_after(turns: int) -> str:
        task = asyncio.create_task(ask(guard, "good"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            return (await task).kind
        except asyncio.CancelledError:
            return "cancelled"

    outcomes = await asyncio.gather(*(cancelled_after(turns) for turns in range(200)))
    assert set(outcomes) <= {"principal", "cancelled"}
    assert isinstance(await ask(guard, "good"), Principal)
    assert channels.of(asyncio.get_running_loop()).pending == {}


async def test_an_authorization_server_that_hangs_is_503_after_the_timeout(server: FakeAs, guard_of: GuardOf) -> None:
    guard = guard_of(timeout=0.3)
    server.grant("good")
    assert isinstance(await judge(guard, "good"), Principal)
    server.delay_s = 2
    answer = await refusal(guard, "slow")
    assert (answer.status, answer.code) == (503, "REMOTE_TIMEOUT")


# ---- closing ------------------------------------------------------------------------------------------------------


async def test_a_closed_guard_refuses_new_requests_and_answers_those_under_way(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    server.delay_s = 0.05
    waiting = asyncio.create_task(ask(guard, "good"))
    await asyncio.sleep(0.01)
    guard.close()
    guard.close()
    assert isinstance(await waiting, Principal)
    for call in (lambda: guard.check("GET", "/"), guard.stats, guard.refuse_body, lambda: guard.max_body):
        with pytest.raises(GuardError, match="closed") as caught:
            call()
        assert (caught.value.code, caught.value.status) == ("CLOSED", 503)
    with pytest.raises(GuardError) as caught:
        await ask(guard, "good")
    assert caught.value.code == "CLOSED"


async def test_a_guard_that_nobody_holds_still_answers_what_is_under_way(server: FakeAs) -> None:
    server.grant("good")
    server.delay_s = 0.05
    guard = Guard(**server.options())
    gone = weakref.ref(guard)
    waiting = asyncio.create_task(ask(guard, "good"))
    await asyncio.sleep(0.01)
    del guard
    assert isinstance(await waiting, Principal)
    del waiting
    gc.collect()
    assert gone() is None


# ---- loops --------------------------------------------------------------------------------------------------------


def test_the_context_is_the_one_of_the_caller(server: FakeAs, guard: Guard) -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    server.grant("good")

    async def one(name: str) -> str:
        variable.set(name)
        await ask(guard, "good")
        return variable.get()

    async def main() -> list[str]:
        return await asyncio.gather(*(one(name) for name in "abc"))

    assert asyncio.run(main()) == ["a", "b", "c"]


def test_several_loops_at_once_share_one_guard_and_one_introspection(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    server.delay_s = 0.1
    outcomes: list[Verdict] = []

    async def main() -> None:
        outcomes.extend(await asyncio.gather(*(ask(guard, "good") for _ in range(10))))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 80
    assert len(set(outcomes)) == 1
    assert isinstance(outcomes[0], Principal)
    assert server.introspections == 1


def test_loops_one_after_the_other_leave_nothing_open(server: FakeAs, guard: Guard) -> None:
    server.grant("good")

    def once() -> None:
        assert isinstance(asyncio.run(ask(guard, "good")), Principal)

    once()
    gc.collect()
    before = open_files()
    for _ in range(50):
        once()
    gc.collect()
    assert open_files() <= before + 1


def test_a_loop_that_is_closed_under_a_waiter_is_let_go(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    server.delay_s = 0.2

    def abandon() -> None:
        loop = asyncio.new_event_loop()
        future = loop.create_task(ask(guard, "good"))
        loop.run_until_complete(asyncio.sleep(0.01))
        future._log_destroy_pending = False  # type: ignore[attr-defined] # it is destroyed on purpose
        loop.close()

    abandon()
    before = open_files()
    for _ in range(10):
        abandon()
    assert isinstance(asyncio.run(ask(guard, "good")), Principal)
    gc.collect()
    assert open_files() <= before + 1


def test_a_waiter_of_a_closed_loop_may_be_collected_late(server: FakeAs, guard: Guard) -> None:
    """Its `finally` runs then, while its queue is closed already, and the verdict comes for nobody."""
    server.grant("good")
    server.delay_s = 0.05
    loop = asyncio.new_event_loop()
    task = loop.create_task(ask(guard, "good"))
    task._log_destroy_pending = False  # type: ignore[attr-defined] # it is destroyed on purpose
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    assert isinstance(asyncio.run(ask(guard, "good")), Principal)
    gone = weakref.ref(task)
    del task, loop
    gc.collect()
    assert gone() is None
    assert isinstance(asyncio.run(ask(guard, "other")), Answer)


def test_uvloop_is_a_loop_like_any_other(server: FakeAs, guard: Guard) -> None:
    server.grant("good")

    async def main() -> list[Verdict]:
        return await asyncio.gather(*(ask(guard, "good") for _ in range(10)), ask(guard, "bad"))

    for _ in range(20):
        *good, bad = uvloop.run(main())
        assert {type(verdict) for verdict in good} == {Principal}
        assert isinstance(bad, Answer)
    before = open_files()
    for _ in range(20):
        uvloop.run(main())
    gc.collect()
    assert open_files() <= before + 2


def test_without_a_running_loop_nothing_is_asked(server: FakeAs, guard: Guard) -> None:
    waiting = ask(guard, "good")
    with pytest.raises(RuntimeError, match="no running event loop"):
        waiting.send(None)
    assert server.introspections == 0
