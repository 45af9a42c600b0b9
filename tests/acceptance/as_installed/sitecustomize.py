"""Python reads this when it starts: our commands find the packages that their users have, and not all that tests need."""

import sys

# structlog reads it when it is there, which takes each process as long as half of our own code.
sys.modules["rich"] = None
