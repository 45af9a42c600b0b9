"""The admin API of what a source never stores: rules tried on recent events before they are saved. Administrators alone."""

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.api import api_route, eyes_of
from penstock.admin.api.body import ApiError
from penstock.admin.api.minimise_shapes import RulesTried, RulesTriedAnswer
from penstock.admin.pages.minimise import stored_less, trial_of
from penstock.inspect.eyes import Sight
from penstock.inspect.status import StatusReader


class MinimiseApi:
    """The handler."""

    def __init__(self, *, reader: StatusReader, sight: Sight) -> None:
        self.reader, self.sight = reader, sight

    def routes(self) -> list[Route]:
        """Return the route."""
        return [api_route("POST", "/api/v1/sources/{name}/minimise/preview", self.preview, right="settings")]

    def preview(self, request: Request, rules: RulesTried) -> RulesTriedAnswer:
        """Return what rules would remove of recent events; changes nothing. Raises SettingsError, ApiError."""
        name, settings = request.path_params["name"], self.reader.settings
        if name not in settings.sources:
            raise ApiError(404, "source", expected=f"one of {sorted(settings.sources)}", got=name[:100])
        given = {key: value for key, value in msgspec.to_builtins(rules).items() if value is not None}
        found = stored_less(trial_of(name, given, settings), self.reader, eyes_of(request, self.sight))
        return {
            "looked_at": found.looked_at,
            "changed": found.changed,
            "rules": [
                {"setting": each.setting, "rule": each.rule, "events": each.events, "values": each.values}
                for each in found.by_rule
            ],
            "newest": found.removed,
        }
