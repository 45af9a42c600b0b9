"""Alerts: what is wrong now, who is told of it and how, and what was sent to which recipient."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.door import FOREIGN
from penstock.admin.pages.editing import Editing, free_name, own
from penstock.admin.pages.web import Form, Visit, read_form, redirect
from penstock.alerts.alarm import Alarm
from penstock.alerts.telling import recipients_of
from penstock.alerts.words import looked_at
from penstock.buffer.port.alerts import Episode, ProblemKey
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.inspect.parts import part_from, place_of
from penstock.settings import ALERT_RULES, AlertChannel, Settings, forms, thresholds
from penstock.settings.revisions import CHANNEL_SECRET, Document
from penstock.signing_secret import fresh_secret

MESSAGES = 50
#: How long there are no reminders, as people choose it; None: as long as it lasts.
MUTES: Mapping[str, tuple[str, float | None]] = {
    "1": ("an hour", 1.0),
    "8": ("8 hours", 8.0),
    "24": ("a day", 24.0),
    "168": ("a week", 168.0),
    "end": ("as long as it lasts", None),
}
TYPES = {"email": "E-mail", "webhook": "Webhook", "service": "Slack, Teams and others"}
LIMITS = forms.FormFields(needed=thresholds.NAMES)
MUTE = forms.FormFields(needed=("rule", "subject", "number", "hours"))
DIGITS_MAX = 9


class AlertPages:
    """Pages about alerts; what penstock.toml defines is shown, and read-only."""

    def __init__(self, editing: Editing, *, alarm: Alarm) -> None:
        self.editing, self.desk, self.pages, self.alarm = editing, editing.desk, editing.pages, alarm

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/alerts", self.alerts, right="payloads"),
            act("/alerts/mute", self.mute, right="act", fields=MUTE),
            act("/alerts/thresholds", self.set_thresholds, right="settings", fields=LIMITS),
            show("/alerts/new/{type}", self.new, right="settings"),
            act("/alerts/new/{type}", self.add, right="settings", fields=None),
            show("/alerts/channels/{name}", self.channel, right="settings"),
            act("/alerts/channels/{name}/settings", self.change, right="settings", fields=None),
            act("/alerts/channels/{name}/test", self.test, right="settings"),
            act("/alerts/channels/{name}/remove", self.remove, right="settings"),
            Route("/alerts/mute/{token}", self.mute_page, methods=["GET"]),
            Route("/alerts/mute/{token}", self.mute_by_link, methods=["POST"]),
        ]

    def alerts(self, visit: Visit) -> Response:
        """Show what is wrong, the channels, and what was sent to which recipient."""
        book, url, settings = self.alarm.book, visit.request.url, self.editing.reader.settings
        memory, steady = book.memory(), self.alarm.sights.moment().steady
        going_on = [each for each in memory.episodes.values() if each.ended is None]
        told_to: dict[ProblemKey, list[str]] = {}
        for each in memory.tellings:
            told_to.setdefault((each.rule, each.subject), []).append(each.channel)
        sent = book.messages(limit=MESSAGES + 1, skip=place_of(url, "messages"))
        return visit.page(
            "alerts.html",
            episodes=sorted(going_on, key=lambda each: -each.began_at),
            told_to=told_to,
            steady=steady,
            now=self.alarm.sights.moment().now,
            channels=settings.alerts,
            types=TYPES,
            messages=part_from(sent, url, "messages", MESSAGES),
            mutes=MUTES,
            recipients={name: recipients_of(channel) for name, channel in settings.alerts.items()},
            rules=looked_at(settings),
            thresholds=thresholds.shown(settings),
            base=self.desk.revision(),
        )

    def set_thresholds(self, visit: Visit, form: Form) -> Response:
        """Change when rules speak; one that is as by default is not kept."""
        wanted = {name: thresholds.threshold(name, form[name]) for name in thresholds.NAMES}

        def edit(document: Document) -> None:
            usual = thresholds.DEFAULTS
            document[thresholds.THRESHOLDS] = {name: n for name, n in wanted.items() if n != usual[name]}
            would = self.desk.preview(document)
            for name, number in wanted.items():
                if (fixed := getattr(would, name)) != number:
                    hint = "penstock.toml, or the environment, sets it: change it there"
                    raise SettingsError(name, expected=f"{fixed:g}", got=number, hint=hint)

        self.editing.change(visit, form, "thresholds of alerts changed", edit)
        return redirect("/alerts", said="saved; in force within a second")

    def mute(self, visit: Visit, form: Form) -> Response:
        """Send no reminders of a problem for a while; 0 hours: send them again."""
        words, hours = ("people are told again", 0.0) if form["hours"] == "0" else _chosen(form["hours"])
        number = form["number"]
        if not (number.isascii() and number.isdigit() and len(number) <= DIGITS_MAX):
            raise SettingsError("number", expected="the number of a problem", got=number[:DIGITS_MAX])
        goes_on = self.alarm.mute((form["rule"], form["subject"]), int(number), hours=hours)
        said = f"muted: {words}" if hours != 0.0 else words
        if goes_on:
            visit.note(f"alert {form['rule']} of {form['subject']}: {said}")
        return redirect("/alerts", said=said if goes_on else "that problem is over already")

    def new(self, visit: Visit) -> Response:
        """Show the form of a new channel."""
        default = AlertChannel(name="", type=_type_of(visit))
        return visit.page(
            "alert_channel.html",
            channel=default,
            is_new=True,
            ours=True,
            base=self.desk.revision(),
            **_facts(self.editing.reader.settings),
        )

    def add(self, visit: Visit, form: Form) -> Response:
        """Add a channel."""
        type_ = _type_of(visit)
        _check(form, type_, is_new=True)
        name = free_name(form["name"], self.desk.settings().alerts)
        block = {"type": type_, **_fields(form, type_), CHANNEL_SECRET: form.get(CHANNEL_SECRET, "")}

        def edit(document: Document) -> None:
            document["alerts"][name] = block

        self.editing.change(visit, form, f"alert channel {name} added", edit)
        return redirect(f"/alerts/channels/{name}", said=f"{name} is told from now on; send it a test")

    def channel(self, visit: Visit) -> Response:
        """Show a channel's settings."""
        name, base = visit.request.path_params["name"], self.desk.revision()
        channel = self.desk.settings().alerts.get(name)
        if channel is None:
            return visit.page("missing.html", code=404, what=f"alert channel {name}")
        ours = self.desk.is_ours("alerts", name)
        return visit.page(
            "alert_channel.html",
            channel=channel,
            is_new=False,
            ours=ours,
            recipients=recipients_of(channel),
            base=base,
            **_facts(self.editing.reader.settings),
        )

    def change(self, visit: Visit, form: Form) -> Response:
        """Change settings; an empty secret keeps the old one."""
        name = visit.request.path_params["name"]

        def edit(document: Document) -> None:
            block = own(document, "alerts", name)
            type_ = block.get("type", "email")
            _check(form, type_, is_new=False)
            block.update(_fields(form, type_))
            if form.get(CHANNEL_SECRET):
                block[CHANNEL_SECRET] = form[CHANNEL_SECRET]
            elif type_ == "email" and not block["user"]:
                block[CHANNEL_SECRET] = ""

        self.editing.change(visit, form, f"alert channel {name} changed", edit)
        return redirect(f"/alerts/channels/{name}", said="saved; in force within a second")

    def test(self, visit: Visit, _: Form) -> Response:
        """Have a test sent to everybody of a channel."""
        name = visit.request.path_params["name"]
        self.alarm.test(name, by=visit.user.name)
        visit.note(f"test of alert channel {name} asked for")
        return redirect("/alerts", said=f"a test of {name} is on its way; what came of it stands under Sent")

    def remove(self, visit: Visit, form: Form) -> Response:
        """Remove a channel; what waits for it is not sent."""
        name = visit.request.path_params["name"]

        def edit(document: Document) -> None:
            own(document, "alerts", name)
            del document["alerts"][name]

        self.editing.change(visit, form, f"alert channel {name} removed", edit)
        return redirect("/alerts", said=f"{name} is told no more")

    async def mute_page(self, request: Request) -> Response:
        """Ask whoever followed a link how long they want to hear nothing: the link alone changes nothing."""
        return await run_in_threadpool(self._mute_page, request)

    def _mute_page(self, request: Request) -> Response:
        episode = self._named(request)
        if episode is None:
            return self.pages.bare("alert_mute_ended.html", status=404)
        return self.pages.bare("alert_mute.html", episode=episode, mutes=MUTES, token=request.path_params["token"])

    async def mute_by_link(self, request: Request) -> Response:
        """Mute what a link names."""
        # A page of another site must not press the button.
        if request.headers.get("sec-fetch-site") in FOREIGN:
            return self.pages.bare("alert_mute_ended.html", status=403)
        form = await read_form(request)
        return await run_in_threadpool(self._mute_by_link, request, form)

    def _mute_by_link(self, request: Request, form: Form) -> Response:
        episode = self._named(request)
        if episode is None or form.get("hours") not in MUTES:
            return self.pages.bare("alert_mute_ended.html", status=404)
        words, hours = _chosen(form["hours"])
        if not self.alarm.mute(episode.key, episode.number, hours=hours):
            return self.pages.bare("alert_mute_ended.html", status=404)
        self.pages.journal.note("a holder of a link", f"alert {episode.rule} of {episode.subject}: muted: {words}")
        return self.pages.bare("alert_muted.html", episode=episode, words=words)

    def _named(self, request: Request) -> Episode | None:
        try:
            return self.alarm.episode(request.path_params["token"])
        except (BufferUnavailable, StoreDamaged, SettingsError):
            return None  # who follows a link learns no more of us than that it does not work


def _type_of(visit: Visit) -> Any:
    type_ = visit.request.path_params["type"]
    if type_ not in TYPES:
        raise SettingsError("type", expected=", ".join(TYPES), got=type_)
    return type_


def _facts(settings: Settings) -> dict[str, Any]:
    return {
        "types": TYPES,
        "rules": looked_at(settings),
        "choices": forms.choices(AlertChannel),
        "secret": fresh_secret(),
    }


def _check(form: Form, type_: str, *, is_new: bool) -> None:
    """Refuse a form that says something unknown, or leaves out what it shows. Raises SettingsError."""
    shown = (*forms.CHANNEL[type_], CHANNEL_SECRET, *forms.of_each(ALERT_RULES, "rule"), *(("name",) if is_new else ()))
    forms.check(form, forms.FormFields(needed=shown))


def _fields(form: Form, type_: str) -> dict[str, Any]:
    """Return what a form says of a channel; every rule chosen means also those that a later Penstock has."""
    fields = forms.read(AlertChannel, form, forms.CHANNEL[type_], is_whole=True)
    chosen = [rule for rule in ALERT_RULES if form[f"rule:{rule}"] == forms.ON]
    if not chosen:
        raise SettingsError("rules", expected="one rule or more", got="none", hint="or switch the channel off")
    return {**fields, "rules": [] if len(chosen) == len(ALERT_RULES) else chosen}


def _chosen(hours: str) -> tuple[str, float | None]:
    if hours not in MUTES:
        raise SettingsError("hours", expected=", ".join(MUTES), got=hours[:DIGITS_MAX])
    words, chosen = MUTES[hours]
    return f"for {words}" if chosen is not None else words, chosen
