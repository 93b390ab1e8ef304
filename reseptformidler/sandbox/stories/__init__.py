"""The stories that `demo` tells. Each has a patient of its own, so that all can be played on one server, and again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reseptformidler.sandbox.stage import DemoFailed, Stage
from reseptformidler.sandbox.stories import (
    annulment,
    dispatch,
    exemption,
    kjede,
    locked,
    multidose,
    net_pharmacy,
    paper,
    recall,
    renewal,
)


@dataclass(frozen=True, slots=True)
class Story:
    """A name to ask for it by, what happens in it, and how it is played (DemoFailed, NoAnswer)."""

    name: str
    about: str
    play: Callable[[Stage], Awaitable[None]]
    needs_receivers: bool = True
    """Whether it waits for messages that the service sends."""


STORIES = (
    Story("kjede", "a prescription from M1 to M10, and one that is recalled", kjede.play, needs_receivers=False),
    Story("renewal", "another doctor renews a prescription", renewal.play),
    Story("recall-during-dispensing", "a recall waits for the pharmacy", recall.play),
    Story("locked", "a prescription that only its reference number opens", locked.play),
    Story("dispatch-request", "a pharmacy is asked to dispense", dispatch.play),
    Story("exemption", "unlicensed drugs, granted and refused", exemption.play),
    Story("multidose", "a list of medicines between doctor and pharmacy", multidose.play),
    Story("paper", "a paper prescription, and a doctor who subscribes", paper.play),
    Story("annulment", "a wrong report is taken back", annulment.play),
    Story("net-pharmacy", "a parent orders what a child needs", net_pharmacy.play),
)
ALL = "all"


def chosen(name: str) -> tuple[Story, ...]:
    """The story of that name, or all; empty where there is none."""
    return tuple(story for story in STORIES if name in (story.name, ALL))


async def perform(stage: Stage, stories: tuple[Story, ...]) -> None:
    """Play one after the other. DemoFailed: an answer was not the promised one, or there is nobody to receive."""
    for story in stories:
        stage.tell(f"{story.name}: {story.about}")
        if story.needs_receivers and not stage.mottak:
            raise DemoFailed(f"{story.name} waits for what the service sends, and nobody here receives it")
        stage.heading()
        await story.play(stage)
    stage.tell(f"    demo passed: {stage.steps} messages")
