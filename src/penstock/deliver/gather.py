"""What has a say in what is sent for some events, fetched once: records, and who look-ups find. It decides nothing."""

import dataclasses
from collections.abc import Sequence

from penstock.deliver.dispatch import SHADOW, Read
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.records import KeptRecords, LookUp
from penstock.deliver.steps import Steps
from penstock.deliver.weighing import Gathered, needs_known, surveyed
from penstock.destinations.plan import Plan
from penstock.destinations.subjects import email_subject
from penstock.ledger.newer import NOT_OVERTAKEN
from penstock.ledger.record import Record
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import whose

# Of an event by itself with so few calls it is seen at once whom it is about: a company and its person.
CALLS_AT_SIGHT_MAX = 2


async def gather(
    reads: Sequence[Read], policy: DeliveryPolicy, kept: KeptRecords, steps: Steps, look_up: LookUp
) -> Gathered:
    """Return what is known for the first of these events, and for those that can go along with it.

    Raises Unfinished, and StepSpent for several events.
    """
    first, rules, mode = reads[0], policy.rules, policy.mode
    is_shadow = isinstance(first.meaning, Plan) and not mode.is_live_for(first.meaning)
    if not isinstance(first.meaning, Plan) or (rules.is_off and not _is_upsert_again(first)):
        return Gathered(run=[first], is_shadow=is_shadow, is_plain=True)
    alike = [first]
    for read in reads[1:] if rules.coalesce else ():
        if not isinstance(read.meaning, Plan) or mode.is_live_for(read.meaning) is is_shadow:
            break
        alike.append(read)
    known = await on_record(alike, kept, steps, is_shadow=is_shadow)
    if first.lease.replay:
        known = await _with_newer(known, policy, kept, steps)
    else:
        kept.newer.sent_live(known.run, known.records)
    return await _looked_up(known, rules, kept, look_up)


async def _with_newer(known: Gathered, policy: DeliveryPolicy, kept: KeptRecords, steps: Steps) -> Gathered:
    """Add what newer events said of whom events are about that are sent again. Raises Unfinished."""
    found = await kept.newer.overtaking(known.run, known.records, steps, policy)
    parts = [dataclasses.replace(part, overtaken=own) for part, own in zip(known.parts, found, strict=True)]
    is_plain = policy.rules.is_off and not any(newer != NOT_OVERTAKEN for own in found for newer in own.values())
    return dataclasses.replace(known, parts=parts, is_plain=is_plain)


def _is_upsert_again(read: Read) -> bool:
    """Return whether an event would overwrite what the destination holds, and newer ones may have said that."""
    is_upsert = isinstance(read.meaning, Plan) and all(call.about != "event" for call in read.meaning.calls)
    return is_upsert and bool(read.lease.replay)


async def on_record(run: Sequence[Read], kept: KeptRecords, steps: Steps, *, is_shadow: bool) -> Gathered:
    """Return those of a run, from the first on, that become one dispatch, and the records of their people and companies."""
    parts = [read.part() for read in run]
    if len(parts) == 1 and len(parts[0].plan.calls) <= CALLS_AT_SIGHT_MAX:
        # Nothing that could take long, so nothing to watch.
        count, subjects = surveyed(parts)
    else:
        count, subjects = await steps.run([read.lease for read in run], surveyed, parts)
    records = await kept.records(subjects, SHADOW if is_shadow else "")
    return Gathered(run=run[:count], parts=parts[:count], records=records, is_shadow=is_shadow)


async def _looked_up(known: Gathered, rules: Rules, kept: KeptRecords, look_up: LookUp) -> Gathered:
    """Add those who must be known and have no record; up to the first look-up that is not answered."""
    found: dict[str, Record] = {}
    for call in (call for part in known.parts for call in part.plan.calls if needs_known(call, rules)):
        subject = whose(call, known.records)
        if not subject or subject in found or known.records.get(subject) is not None:
            continue
        email = email_subject(str(call.email or ""))
        # By another name they are known: a person not found a moment ago may have been made known since.
        person = await kept.person(call, rules, look_up, anew=known.records.get(email) is not None)
        if isinstance(person, Record):
            found[subject] = person
        elif person is not None:
            return dataclasses.replace(known, unanswered=person, is_plain=True)
    return dataclasses.replace(known, found=found, records={**known.records, **found}) if found else known
