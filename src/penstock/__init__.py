"""Penstock: customer events from your SDKs to Custify, in order, none lost.

The way of an event is the order of the folders:

1. accept        HTTP in. A 200 means the event is on disk.
2. buffer        Kept until it has an outcome, each lane in order.
3. destinations  Event to plan. Pure: same event, same settings, same plan.
4. deliver       Plan to calls. Every event ends in exactly one outcome; `ledger` knows what they left behind.

Beside the stream stand `inspect`, `explain`, `admin`, `settings`, `sandbox` and `cli`; `run` is where concrete parts meet.
"""

__version__ = "0.1.0"
