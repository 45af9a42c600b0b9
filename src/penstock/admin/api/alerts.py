"""The admin API about alerts: what is wrong now, and what was sent. Channels are settings."""

from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.alert_shapes import AlertsAnswer
from penstock.admin.api.api import api_route, eyes_of, page_of
from penstock.alerts.alarm import Alarm
from penstock.inspect.eyes import Sight


class AlertsApi:
    """The handlers, with what they look at."""

    def __init__(self, *, alarm: Alarm, sight: Sight) -> None:
        self.alarm, self.sight = alarm, sight

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [api_route("GET", "/api/v1/alerts", self.alerts, right="payloads")]

    def alerts(self, request: Request, _: object) -> AlertsAnswer:
        """Return the problems that go on, and messages, the newest first."""
        memory, steady, eyes = self.alarm.book.memory(), self.alarm.sights.moment().steady, eyes_of(request, self.sight)
        first, limit = page_of(dict(request.query_params))
        messages = self.alarm.book.messages(limit=limit + 1, skip=first)
        told = [(each.channel, (each.rule, each.subject)) for each in memory.tellings]
        return {
            "alerts": [
                {
                    "rule": each.rule,
                    "subject": each.subject,
                    "sentence": eyes.text(each.sentence),
                    "advice": each.advice,
                    "began_at": each.began_at,
                    "muted": each.muted_until > steady,
                    "told": [channel for channel, key in told if key == each.key],
                }
                for each in memory.episodes.values()
                if each.ended is None
            ],
            "messages": [
                {
                    "id": each.id,
                    "channel": each.channel,
                    "recipient": eyes.text(each.recipient),
                    "kind": each.kind,
                    "title": eyes.text(each.title),
                    "made_at": each.made_at,
                    "state": each.state,
                    "tries": each.tries,
                    "answer": eyes.text(each.answer),
                }
                for each in messages[:limit]
            ],
            "next": first + limit if len(messages) > limit else None,
        }
