"""What an engine may do while nobody sets anything."""

from penstock.deliver.decide import RetryPolicy
from penstock.deliver.policy import DeliveryPolicy
from penstock.destinations.custify.options import Mapping
from penstock.settings.table import Destination, Settings


def test_a_policy_that_says_nothing_is_that_of_settings_that_say_nothing():
    policy = DeliveryPolicy(options=Mapping(), retry=RetryPolicy())
    settings, destination = Settings(), Destination(name="custify", type="custify", api_key="k")

    assert policy.retry.give_up_after_s == settings.retry_hours * 3_600
    assert policy.retry.park_s == destination.park_hours * 3_600
    assert policy.retry.visitor_events_max == destination.anonymous_events_max
    assert policy.in_flight_max == destination.calls_in_flight_max
    assert policy.call_s_max == settings.call_timeout_s
    assert policy.retry_after_s_max == settings.retry_after_s_max


def test_a_lease_outlives_the_longest_dispatch_by_twenty_seconds():
    """A run makes two calls after two look-ups, is taken apart once, and each of them may take as long as it may."""
    policy = DeliveryPolicy(options=Mapping(), retry=RetryPolicy(), call_s_max=30.0)

    assert policy.lease_s == 16 * 30.0 + 20.0
