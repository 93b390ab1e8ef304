"""The relay at work in the model: to a real HTTP receiver, at least once, in the order of each prescription."""

from __future__ import annotations

from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import timedelta

from reseptformidler import relay
from reseptformidler.client.answer import read
from reseptformidler.registers.receivers import Receivers
from reseptformidler.relay import Courier
from tests.model.memory import Violation
from tests.model.walk import Walk
from tests.receiver import Receiver

STEPS = 3
"""Of the relay at a time: each takes up to sixteen messages."""
LOOKED_INTO = 4
"""Messages of each time whose attachments are compared with what was sent."""
_PLACES = "SELECT avsender, msg_id, lopenr, resept_id, plass, status FROM utboks WHERE melding_id IS NOT NULL"


class Delivery:
    """One relay and one receiver, begun when they are first needed."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._stack: AsyncExitStack | None = None
        self._receiver = Receiver()
        self._looked = 0

    def some(self, fails: int) -> None:
        """Deliver some of what is due; every `fails`-th message is refused by its receiver, none with 0."""
        self._receiver.answer = lambda number: 503 if fails and number % fails == 0 else 204
        with self._walk.watched():
            self._walk.world.run(self._some())

    def end(self) -> None:
        """Nothing is sent any more."""
        if self._stack is not None:
            self._walk.world.run(self._stack.aclose())

    async def _some(self) -> None:
        world = self._walk.world
        if self._stack is None:
            self._stack = AsyncExitStack()
            await self._stack.enter_async_context(self._receiver.listening())
            session = await self._stack.enter_async_context(relay.client())
            service = world.services[0]
            self._courier = Courier(
                Receivers({}, {}, self._receiver.url),
                world.encoder,
                service.sealer.keys,
                service.spine.schemas,
                session,
                timedelta(days=3650),
                lambda: world.now + timedelta(seconds=1),
            )
        for _ in range(STEPS):
            await self._courier.step(world.checker)
            for task in self._courier.sending:
                await task
        await self._courier.mark(world.checker)
        await self._check()

    async def _check(self) -> None:
        """What is said to be delivered has arrived; first arrivals keep the order of each prescription."""
        world = self._walk.world
        rows = await world.checker.fetch(_PLACES)
        place = {f"{row['avsender']}/{row['msg_id']}/{row['lopenr']}": row for row in rows}
        arrived = list(dict.fromkeys(one.headers["Idempotency-Key"] for one in self._receiver.arrived))
        if missing := {key for key, row in place.items() if row["status"] == "S"} - set(arrived):
            raise Violation(f"marked as delivered, and never arrived: {missing}")
        order: dict[object, list[int]] = defaultdict(list)
        for key in arrived:
            if key in place and place[key]["resept_id"] is not None:
                order[place[key]["resept_id"]].append(place[key]["plass"])
        if wrong := [name for name, places in order.items() if places != sorted(places)]:
            raise Violation(f"delivered out of order: {wrong}")
        for one in self._receiver.arrived[self._looked :][:LOOKED_INTO]:
            if any(octets not in self._walk.memory.octets for octets in read(one.octets).attachments()):
                raise Violation(f"an attachment is not what was sent: caused by {one.cause}")
        self._looked = len(self._receiver.arrived)
