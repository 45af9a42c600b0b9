"""`penstock probe`: ask the real Custify what is written nowhere, in a test workspace."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from penstock.cli import EXIT_FAILED, EXIT_PARTIAL, EXIT_UNREACHABLE, leave
from penstock.clock import SystemClock, SystemDice
from penstock.destinations.custify.api import CustifyApi
from penstock.destinations.custify.probe.asking import Asking, Stopped, Unclear
from penstock.destinations.custify.probe.names import ATTRIBUTES, COMPANIES, LISTS, MARK, PEOPLE, RUN, RunNames
from penstock.destinations.custify.probe.removing import all_of, remove
from penstock.destinations.custify.probe.report import as_json, otherwise, report
from penstock.destinations.custify.probe.run import QUESTIONS, Examination, examine
from penstock.destinations.egress import Shut
from penstock.sandbox.assumptions import ASSUMPTIONS
from penstock.timestamps import from_ms, to_text

ANSWER_S_MAX = 30.0
# A run makes some 250 calls, half of them to see that nothing is left.
CALLS_MAX = 500
Result = TypeVar("Result")


@click.command("probe")
@click.option(
    "--api-key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the key of a TEST workspace; default: the variable CUSTIFY_API_KEY.",
)
@click.option("--api-key", envvar="CUSTIFY_API_KEY", hidden=True, help="CUSTIFY_API_KEY")
@click.option(
    "--base-url",
    envvar="CUSTIFY_API_URL",
    default="https://api.custify.com",
    show_default=True,
    help="The origin shown beside the key; also the variable CUSTIFY_API_URL.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_facts", is_flag=True, help="One JSON object, with every call and its answer.")
@click.option(
    "--report", "file", type=click.Path(path_type=Path), help="Write the report into this file, not to stdout."
)
@click.option(
    "--calls-per-second", type=click.FloatRange(0.1, 100), default=4.0, show_default=True, help="Never call faster."
)
@click.option(
    "--patience", "patience_s", type=click.FloatRange(0, 3600), default=180.0, show_default=True,
    help="Seconds to wait until what was written can be seen.",
)  # fmt: skip
@click.option(
    "--window", "wait_s", type=click.FloatRange(0, 86_400), default=0.0, show_default=True,
    help="Seconds to wait before an identifier of an event is used again.",
)  # fmt: skip
@click.option("--clean-up", "run", metavar="RUN", help="Only remove what an earlier run may have left, and end.")
def probe_command(
    api_key_file: Path | None, api_key: str | None, base_url: str, *, yes: bool, run: str | None, **how: Any
) -> None:
    """Ask Custify what no page says: nulls, ids that are numbers, people it does not know, repeats, deletion, dates.

    It makes people and companies of its own, removes them again, also when it is interrupted, and touches no others.
    The report says where the sandbox and our mapping assume otherwise. Use the key of a test workspace: what is made may
    set off playbooks, and the API cannot remove custom attributes. Exit 1 when something is otherwise, 4 when Custify
    cannot be asked, 5 when something was left behind or not asked.
    """
    key = api_key_file.read_text(encoding="utf-8").strip() if api_key_file else (api_key or "").strip()
    if not key:
        raise click.UsageError("which key? --api-key-file FILE, or the variable CUSTIFY_API_KEY")
    if run is not None and not RUN.fullmatch(run):
        raise click.BadParameter("expected the eight hexadecimal digits that the run printed", param_hint="--clean-up")
    names = RunNames(run or SystemDice().fresh_id()[:8])
    try:
        people, companies = _finished(lambda: _with(base_url, key, _held, how))
    except (Stopped, Unclear, Shut, ValueError) as error:
        click.echo(f"penstock: {error}", err=True)
        leave(EXIT_UNREACHABLE)
    if run is not None:
        leave(_clean_up(base_url, key, names, how))
    click.echo(_what_it_does(names, base_url, people, companies), err=True)
    if not yes:
        click.confirm("Is this a test workspace, and may it begin?", abort=True, err=True)
    leave(_examine(base_url, key, names, **how))


def _examine(
    base_url: str,
    key: str,
    names: RunNames,
    *,
    as_facts: bool,
    file: Path | None,
    patience_s: float,
    wait_s: float,
    **how: Any,
) -> int:
    findings = _finished(
        lambda: _with(
            base_url,
            key,
            lambda asking, removing: examine(asking, removing, names, patience_s=patience_s, wait_s=wait_s, tell=_tell),
            how,
        )
    )
    when = to_text(from_ms(round(SystemClock().now() * 1000)))
    if as_facts:
        text = msgspec.json.encode(as_json(findings, ASSUMPTIONS, origin=base_url, when=when)).decode() + "\n"
    else:
        text = report(findings, ASSUMPTIONS, origin=base_url, when=when)
    _hand_over(text, file)
    return _exit_code(findings)


def _hand_over(text: str, file: Path | None) -> None:
    """Write the report; one that cannot be written where it should be is shown, for it took minutes to make."""
    try:
        if file is not None:
            file.write_text(text, encoding="utf-8")
            _tell(f"the report is in {file}")
            return
    except OSError as error:
        _tell(f"penstock: {file}: {error.strerror}; here it is")
    click.echo(text, nl=False)


def _exit_code(findings: Examination) -> int:
    if findings.left or findings.stopped:
        for sentence in (findings.stopped, *findings.left):
            if sentence:
                _tell(f"penstock: {sentence}")
        return EXIT_PARTIAL
    return EXIT_FAILED if otherwise(findings, ASSUMPTIONS) else 0


def _clean_up(base_url: str, key: str, names: RunNames, how: dict[str, Any]) -> int:
    left = _finished(lambda: _with(base_url, key, lambda asking, _: remove(all_of(names, asking), asking), how))
    for sentence in left:
        click.echo(sentence)
    _tell(f"run {names.run}: {'not everything is gone' if left else 'nothing of it is there'}")
    return EXIT_PARTIAL if left else 0


async def _with(
    base_url: str, key: str, work: Callable[[Asking, Asking], Coroutine[Any, Any, Result]], how: dict[str, Any]
) -> Result:
    """Do some work with two ways to ask, one of them for removing."""
    api = CustifyApi(
        base_url=base_url, api_key=key, call_s_max=ANSWER_S_MAX, in_flight_max=1, clock=SystemClock()
    )  # fmt: skip
    bounds = {"sleep": asyncio.sleep, "calls_max": CALLS_MAX, "calls_per_s_max": how["calls_per_second"]}
    try:
        return await work(Asking(api, **bounds), Asking(api, **bounds))
    finally:
        await api.close()


async def _held(asking: Asking, _removing: Asking) -> tuple[str, str]:
    """Return how many people and companies the workspace has, as it says; this changes nothing."""
    totals = []
    for path in LISTS:
        reply = await asking.ask("GET", f"{path}?itemsPerPage=1")
        page = reply.json
        page = page[0] if isinstance(page, list) and page else page
        if not reply.ok or not isinstance(page, dict):
            raise Unclear(f"{path} answers {reply.status}: is this Custify's API?")
        totals.append(str(page.get("total", "an unknown number of")))
    return totals[0], totals[1]


def _finished(begin: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run to the end. The first SIGINT, SIGTERM or SIGHUP ends the questions; removing is not interrupted."""

    async def run() -> Result:
        task, told = asyncio.ensure_future(begin()), False

        def end() -> None:
            nonlocal told
            _tell("still removing what was made" if told else "ending: what was made is removed first")
            if not told:
                task.cancel()
            told = True

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, end)
        return await task

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise click.Abort from None


def _what_it_does(names: RunNames, base_url: str, people: str, companies: str) -> str:
    return "\n".join(
        (
            f"This asks {base_url} {len(QUESTIONS)} questions. The workspace has {people} people and {companies} companies.",
            f"- It makes up to {len(PEOPLE) + 1} people, {len(COMPANIES) + 1} companies and 15 events, and removes them again.",
            f"- They are named {MARK}-{names.run}-…; one person and one company have the id {names.number}.",
            "- It reads, writes and deletes no others.",
            f"- What the API cannot remove stays: the custom attributes {', '.join(ATTRIBUTES)}.",
            "- Playbooks and alerts of the workspace may take these people for new customers.",
            f"- It makes at most {2 * CALLS_MAX} calls.",
            f"- If it is killed, `penstock probe --clean-up {names.run}` removes what is left.",
        )
    )


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)
