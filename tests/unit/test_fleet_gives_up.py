"""What waits for a destination that was removed is buried a run at a time."""

from contract.worlds import DESTINATION, SqliteWorld, event
from penstock import causes
from penstock.buffer.port.outcomes import Outcome
from penstock.clock import SeededDice
from penstock.deliver.fleet import GIVEN_UP_AT_ONCE, Fleet


class Discarded:
    """Orders: nothing but that a destination was given up."""

    def discarded(self):
        return [DESTINATION]

    def paused(self):
        return {}

    def resumed(self):
        return {}

    def replays(self):
        return ()


async def test_a_long_lane_of_a_removed_destination_is_buried_in_few_transactions(tmp_path):
    world = await SqliteWorld(tmp_path).open()
    count = 3 * GIVEN_UP_AT_ONCE
    await world.append(*(event(f"m{i}", "ana") for i in range(count)), event("b", "bo"))
    await world.backlog.lease(limit=0, lease_s=1.0)
    transactions, commit = list[int](), world.store.group.transactions.commit
    world.store.group.transactions.commit = lambda operations: transactions.append(1) or commit(operations)
    fleet = Fleet(
        backlog_of=world.store.backlog,
        ledger_of=world.store.ledger,
        orders=Discarded(),
        ledger_orders=None,
        clock=world.clock,
        dice=SeededDice(1),
    )

    await fleet._follow_orders()

    assert world.counts().outcomes == {Outcome.DEAD: count + 1}
    assert {story.cause for story in world.stories()} == {causes.DISCARDED}
    assert len(transactions) < 30
    await world.close()
