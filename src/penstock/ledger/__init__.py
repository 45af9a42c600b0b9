"""What a destination is known to hold, from what it acknowledged: so that less is sent, and nothing into the void.

In: the plans of the events about to be sent, and the records of the people and companies they are about. Out: the calls that are really
needed, what each event comes to, and what may be written down once it has answered.
Pure: no I/O, no clock. Records are kept by buffer, which does not look inside; deliver carries them back and forth.
"""
